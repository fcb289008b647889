"""What becomes of the client when its test is over."""

import asyncio
from collections.abc import Iterator

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator
from cloudbase_auth_async.testing._closing import close


@pytest.fixture
def left() -> Iterator[list[TokenSession]]:
    """Sessions of a test that is over by the time they are looked at."""
    sessions: list[TokenSession] = []
    yield sessions
    for session in sessions:
        with asyncio.Runner() as runner, pytest.raises(errors.ClientClosed):
            runner.run(session.user.me())


async def test_closed(left: list[TokenSession], cloudbase_session: TokenSession) -> None:
    """A client that is kept for longer than its test says that it is closed."""
    await cloudbase_session.user.me()
    left.append(cloudbase_session)


def test_unused(left: list[TokenSession], cloudbase_session: TokenSession) -> None:
    """So does one that no loop ever used."""
    left.append(cloudbase_session)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop as a plugin keeps one: open between the runs."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def _started(emulator: Emulator, loop: asyncio.AbstractEventLoop) -> AuthClient:
    """Make a client whose refresh is under way, and held."""
    auth = emulator.memory_client()
    session = auth.session(emulator.tokens(emulator.add_user(username="alice")))
    fault = emulator.faults.add("POST /token", "hold")

    async def start() -> None:
        caller = asyncio.create_task(session.refresh())
        await fault.arrived
        caller.cancel()
        await asyncio.wait([caller])

    loop.run_until_complete(start())
    return auth


def test_work_under_way_is_finished(loop: asyncio.AbstractEventLoop) -> None:
    """A refresh that nobody waits for any more ends before the next test begins."""
    emulator = Emulator()
    close(_started(emulator, loop), emulator)
    assert emulator.spends == 1
    assert not asyncio.all_tasks(loop)


def test_somebody_elses_loop_is_left_alone(loop: asyncio.AbstractEventLoop) -> None:
    """Where a loop runs, or one was closed with work in it, closing is not the plugin's to do."""
    emulator = Emulator()
    auth = _started(emulator, loop)

    async def at_work() -> None:
        close(auth, emulator)

    loop.run_until_complete(at_work())
    assert asyncio.all_tasks(loop)
    close(auth, emulator)
    assert not asyncio.all_tasks(loop)


def test_a_loop_closed_too_early() -> None:
    """A loop that was closed with work in it cannot finish anything, and nobody waits for it."""
    emulator, loop = Emulator(), asyncio.new_event_loop()
    auth = _started(emulator, loop)
    (task,) = asyncio.all_tasks(loop)
    loop.close()
    close(auth, emulator)
    assert not task.done()
    task._log_destroy_pending = False
