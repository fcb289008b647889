"""The emulator with a thread of its own, for apps in other processes."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.testing import Emulator, EmulatorThread, ManualClock

ROOT = Path(__file__).parents[2]
APP = """
import asyncio
from cloudbase_auth_async import AuthClient

async def main():
    async with AuthClient.from_environ() as auth:
        session = auth.session(await auth.sign_in.password("alice", "Passw0rd!"))
        print((await session.refresh()).sub)

asyncio.run(main())
"""


def test_an_app_in_another_process(cloudbase_server: EmulatorThread) -> None:
    """An app that is given the environment variables finds the service and its users."""
    alice = cloudbase_server.run(lambda e: e.add_user(username="alice", password="Passw0rd!"))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, **cloudbase_server.environ, "PYTHONPATH": path}
    command = [sys.executable, "-W", "error", "-c", APP]
    said = subprocess.check_output(command, env=environ, text=True, timeout=240)  # noqa: S603 -- our own
    assert said.strip() == alice.sub
    cloudbase_server.run(lambda e: e.assert_spends(1))


@pytest.mark.cloudbase_emulator(env="other", clock=ManualClock(), client_secret="s")
async def test_marker(cloudbase_server: EmulatorThread) -> None:
    """The marker's arguments reach this emulator, too; a test in a loop of its own may use it."""
    assert cloudbase_server.base_url == cloudbase_server.origin + "/auth/v1"
    assert cloudbase_server.environ["CLOUDBASE_CLIENT_SECRET"] == "s"
    async with AuthClient.from_environ(cloudbase_server.environ) as auth:
        await auth.sign_in.anonymously()
    assert cloudbase_server.run(lambda e: (e.env, e.clock.wall())) == ("other", 1_700_000_000)
    (entry,) = cloudbase_server.run(lambda e: e.journal)
    assert entry.path == "/auth/v1/signin-anonymously"


async def test_held_request(cloudbase_server: EmulatorThread) -> None:
    """A test sees a request arrive, and lets it go, from its own thread."""
    fault = cloudbase_server.run(lambda e: e.faults.add("*", "hold"))
    async with AuthClient.from_environ(cloudbase_server.environ) as auth:
        call = asyncio.create_task(auth.sign_in.anonymously())
        await asyncio.to_thread(cloudbase_server.run, lambda _: fault.arrived)
        assert not call.done()
        cloudbase_server.run(lambda _: fault.release())
        await call


def test_errors_come_back(cloudbase_server: EmulatorThread) -> None:
    """What goes wrong in the emulator's thread is raised in the test's, and patience ends."""
    with pytest.raises(ValueError, match="user_code"):
        cloudbase_server.run(lambda e: e.deny_device("nobody's"))
    with pytest.raises(AssertionError, match="expected 1"):
        cloudbase_server.run(lambda e: e.assert_spends(1))
    with pytest.raises(TimeoutError):
        cloudbase_server.run(lambda _: asyncio.Event().wait(), within_seconds=0)


def _threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_nothing_is_left(kept_port: int) -> None:
    """At the end the port is free, the loop closed and no thread left; a second run works."""
    before, server = _threads(), EmulatorThread(Emulator(port=kept_port))
    for _ in range(2):
        with server:
            host, port = server.origin.removeprefix("http://").split(":")
            kept = socket.create_connection((host, int(port)), timeout=60)
            kept.sendall(b"GET /__emulator__/clock HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert kept.recv(65_536).startswith(b"HTTP/1.1 200 ")
        with kept:
            assert kept.recv(1) == b""
        assert _threads() == before
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.base_url


def test_port_in_use() -> None:
    """A port that is taken is an error where the test can see it, and leaves nothing either."""
    before = _threads()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = EmulatorThread(Emulator(port=taken.getsockname()[1]))
        with pytest.raises(OSError, match="in use"), server:
            pytest.fail("it listens")
    assert _threads() == before
