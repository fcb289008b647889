"""Closing a client after its test, from a place where no loop runs."""

import asyncio

from cloudbase_auth_async.client import AuthClient
from cloudbase_auth_async.testing._emulator import Emulator


def close(auth: AuthClient, emulator: Emulator) -> None:
    """
    Close a client without sockets; from then on its calls end in `ClientClosed`.

    What it still runs ends in the loop of the test, if that one is open: held requests are let
    go, refreshes and hooks finish or are cancelled. A loop that somebody else runs, or closed
    too early, is left alone.
    """
    # Its own tasks know their loop; nothing else remembers where the client was used.
    tasks = auth._background._tasks  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    loops = {task.get_loop() for task in tasks}
    if _runs_here() or any(loop.is_running() or loop.is_closed() for loop in loops):
        return
    if not loops:
        _close_in_a_loop_of_its_own(auth)
    for loop in loops:
        emulator.faults.release()
        loop.run_until_complete(auth.aclose())


def _close_in_a_loop_of_its_own(auth: AuthClient) -> None:
    # Not asyncio.run: that one unsets the thread's current loop, which others may rely on.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(auth.aclose())
    finally:
        loop.close()


def _runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
