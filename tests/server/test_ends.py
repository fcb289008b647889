"""What is left when the client closes, its loop ends, or its process forks."""

import asyncio
import gc
import json
import os
import warnings
from collections.abc import Coroutine
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async.testing import Emulator, ManualClock

FIVE_DAYS = 432_000
LONGEST_SECONDS = 30
KEY = ("AKIDdemo", "demo-key")


async def test_closed_client(world: Any) -> None:
    """A closed client hands out nothing, but what came last stays readable (B13)."""
    token = await world.server.access_token()
    await world.auth.aclose()
    for _ in range(2):
        with pytest.raises(errors.ClientClosed):
            await world.server.access_token()
        world.clock.advance(FIVE_DAYS)
    assert world.server.tokens.access_token == token
    assert world.asked == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_close_while_callers_wait(world: Any, when: Any) -> None:
    """Closing cuts an exchange off at once: its callers are told, nothing is left (B13)."""
    held = world.fails("hold", when=when)
    callers = [asyncio.create_task(world.server.access_token()) for _ in range(10)]
    await held.arrived
    await world.auth.aclose()  # waits for nothing, or would for longer than a test may take
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.ClientClosed}
    assert not world.auth._background._tasks


async def test_close_at_any_moment(open_world: Any) -> None:
    """Wherever an exchange is, closing leaves no task, and a caller has an answer (B13)."""
    for turns in range(40):
        async with open_world() as world:
            caller = asyncio.create_task(world.server.access_token())
            for _ in range(turns):
                await asyncio.sleep(0)
            await world.auth.aclose()
            (outcome,) = await asyncio.gather(caller, return_exceptions=True)
            assert isinstance(outcome, str | errors.ClientClosed), turns
    gc.collect()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    troubles: list[Any] = []

    async def bounded() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, it: troubles.append(it))
        async with asyncio.timeout(LONGEST_SECONDS):
            return await work

    result = asyncio.run(bounded())
    assert not troubles, troubles
    return result


@pytest.fixture
def emulator() -> Emulator:
    """Return a service without sockets: it may be used in any loop."""
    return Emulator(clock=ManualClock(), algorithm="HS256")


def _asked(emulator: Emulator) -> int:
    return len([e for e in emulator.journal if e.route == "POST /token/clientCredential"])


async def _contention(server: Any) -> str:
    tokens = await asyncio.gather(*(server.access_token() for _ in range(20)))
    assert len(set(tokens)) == 1
    return str(tokens[0])


def test_two_loops(emulator: Emulator) -> None:
    """A second loop keeps the token, and contends for the next one as the first did (B15)."""
    auth = emulator.memory_client()
    server = auth.server(*KEY)
    first = _run(_contention(server))
    assert _run(_contention(server)) == first
    emulator.clock.advance(FIVE_DAYS)
    assert _run(_contention(server)) != first
    assert _asked(emulator) == 2
    _run(auth.aclose())


async def _begun(emulator: Emulator, server: Any, keep: list[Any]) -> None:
    held = emulator.faults.add("POST /token/clientCredential", "hold")
    keep += [asyncio.create_task(server.access_token()) for _ in range(3)]
    await held.arrived


def test_loop_closed_in_the_middle(emulator: Emulator) -> None:
    """An exchange whose loop was closed over it is made again in the next (B15)."""
    auth, keep = emulator.memory_client(), list[Any]()
    server = auth.server(*KEY)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_begun(emulator, server, keep))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined] # that is the accident
    loop.close()
    assert _run(_contention(server))
    assert not any(caller.done() for caller in keep)
    _run(auth.aclose())
    keep.clear()


def test_another_thread_is_told(emulator: Emulator) -> None:
    """Use in another thread while the first loop lives is a clear error (B15)."""
    auth = emulator.memory_client()
    server = auth.server(*KEY)

    async def here() -> str:
        token = str(await server.access_token())
        emulator.clock.advance(FIVE_DAYS)
        with pytest.raises(errors.ClientClosed, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(server.access_token()))
        assert await server.access_token() != token
        await auth.aclose()
        return token

    assert _run(here())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_in_the_middle(emulator: Emulator) -> None:
    """A child that forks during an exchange makes its own; the parent's goes on (B15)."""
    auth = emulator.memory_client()
    server = auth.server(*KEY)

    async def parent() -> tuple[Any, str]:
        keep = list[Any]()
        await _begun(emulator, server, keep)
        told = await asyncio.to_thread(_in_a_fork, emulator, server)
        emulator.faults.release()
        tokens = set(await asyncio.gather(*keep))
        assert len(tokens) == 1
        await auth.aclose()
        return told, tokens.pop()

    told, token = _run(parent())
    assert told["lives"]
    assert told["token"] != token


def _in_a_fork(emulator: Emulator, server: Any) -> Any:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if not child:
        told: dict[str, Any] = {"lives": False}
        try:
            token = asyncio.run(_contention(server))
            told = {"lives": token in emulator._control.state.access, "token": token}
        finally:
            os.write(writing, json.dumps(told).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = json.loads(pipe.read())
    os.waitpid(child, 0)
    return told
