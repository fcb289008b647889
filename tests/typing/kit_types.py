"""What type checkers make of the testing kit. Never executed."""

from typing import assert_type

from cloudbase_auth_async.testing import EmulatorThread, Fault, User


def run_returns_what_the_function_returns(server: EmulatorThread) -> None:
    """A plain value stays what it is, and what an awaitable brings comes without it."""
    assert_type(server.run(lambda emulator: emulator.spends), int)
    assert_type(server.run(lambda emulator: emulator.add_user(username="alice")), User)
    fault = server.run(lambda emulator: emulator.faults.add("*", "hold"))
    assert_type(fault, Fault)
    server.run(lambda emulator: emulator.stop_listening())
    server.run(lambda _: fault.arrived, within_seconds=5)
