"""Promise 1 under `asyncio.eager_task_factory`, which runs a task's first step at once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")


@pytest.fixture
async def eager(world: Any) -> AsyncIterator[Any]:
    """Return the usual world on a loop whose tasks start at once."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory", None))
    yield world
    loop.set_task_factory(None)


async def test_one_spend(eager: Any) -> None:
    """Eager callers share one refresh, too (B1)."""
    session = await eager.session()
    twin = eager.auth.session(session.tokens)
    eager.clock.advance(7201)
    await asyncio.gather(*(each.user.me() for each in (session, twin) for _ in range(100)))
    assert (eager.asked, eager.emulator.spends) == (1, 1)
    assert twin.tokens == session.tokens


async def test_hook_that_reaches_the_twin(eager: Any) -> None:
    """A hook runs only after every session of the pair holds the new one (B10, B29)."""
    session = await eager.session()
    twin = eager.auth.session(session.tokens)
    seen: list[Any] = []

    async def hook(_: Any) -> None:
        seen.append(twin.tokens is session.tokens or twin.tokens == session.tokens)

    session.on_change(hook)
    await asyncio.gather(session.refresh(), twin.refresh())
    await eager.drained()
    assert seen == [True]


async def test_hook_that_refreshes_the_twin(eager: Any) -> None:
    """Such a hook may refresh the twin: the spent token is not sent again (B1, B10)."""
    session = await eager.session()
    twin = eager.auth.session(session.tokens)
    told: list[Any] = []

    async def once(tokens: Any) -> None:
        told.append(tokens)
        if len(told) == 1:
            await twin.refresh()

    session.on_change(once)
    await asyncio.gather(session.refresh(), twin.refresh())
    await eager.drained()
    spent = [entry.json["refresh_token"] for entry in eager.sent("POST /token")]
    assert len(set(spent)) == len(spent) == 2
    assert twin.can_refresh


async def test_hook_that_calls_back(eager: Any) -> None:
    """A hook that starts eagerly may call the session, too (B10)."""
    session = await eager.session()
    told: list[Any] = []

    async def hook(tokens: Any) -> None:
        told.append(tokens)
        if len(told) < 4:
            await session.refresh()

    session.on_change(hook)
    await session.refresh()
    await eager.drained()
    assert len(told) == 4
    assert eager.emulator.spends == 4


async def test_sign_out_during_a_refresh(eager: Any) -> None:
    """Sign-out wins here, too (B9)."""
    session = await eager.session()
    held = eager.emulator.faults.add("POST /token", "hold")
    eager.clock.advance(7201)
    caller = asyncio.create_task(session.access_token())
    await held.arrived
    leaving = asyncio.create_task(session.sign_out())
    held.release()
    await asyncio.gather(caller, leaving, return_exceptions=True)
    await eager.drained()
    assert eager.signed_in == 0
