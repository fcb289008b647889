"""Promise 3: cancelling a caller hurts nobody."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


def _chosen(which: str, callers: list[Any]) -> list[Any]:
    return {"all": callers, "first": callers[:1], "some": callers[::2]}[which]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("which", ["all", "some", "first"])
async def test_cancelled_callers(world: Any, which: str, when: Any) -> None:
    """Callers cancelled while the refresh is under way neither stop it nor each other (B5)."""
    session = await world.session()
    old = session.tokens
    held = world.emulator.faults.add("POST /token", "hold", when=when)
    world.clock.advance(7201)
    callers = [asyncio.create_task(session.user.me()) for _ in range(10)]
    await held.arrived
    doomed = _chosen(which, callers)
    for caller in doomed:
        caller.cancel()
    await asyncio.wait(doomed)
    held.release()
    rest = [caller for caller in callers if caller not in doomed]
    assert all(caller.cancelled() for caller in doomed)
    assert all(profile.sub == old.sub for profile in await asyncio.gather(*rest))
    await session.user.me()
    assert session.tokens != old
    assert (world.asked, world.emulator.spends) == (1, 1)


async def test_cancelled_at_each_await(world: Any) -> None:
    """Wherever a caller is cancelled, the next gets a living token, with one spend (B5, B32)."""
    for turns in range(40):
        session = await world.session()
        spent = world.emulator.spends
        world.clock.advance(7201)
        caller = asyncio.create_task(session.user.me())
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        assert world.lives(await session.access_token()), turns
        assert world.emulator.spends == spent + 1, turns


async def test_callers_with_a_timeout(world: Any, leap: Callable[[float], None]) -> None:
    """Fifty callers run out of time, the refresh goes on, the next call costs no spend (B5)."""
    session = await world.session()
    old = session.tokens
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(7201)

    async def impatient() -> str:
        async with asyncio.timeout(10):
            return await session.access_token()

    callers = [asyncio.create_task(impatient()) for _ in range(50)]
    await held.arrived
    leap(11)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TimeoutError}
    held.release()
    await world.landed(session)
    assert session.tokens != old
    assert world.emulator.spends == 1
    assert world.lives(await session.access_token())
    await session.user.me()
    assert (world.asked, world.emulator.spends) == (1, 1)


async def test_cancelled_refresh_is_no_attempt(world: Any) -> None:
    """A cancelled caller leaves no mark that would have an expired token served (B32)."""
    session = await world.session()
    dead = session.tokens.access_token
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(7201)
    for _ in range(3):
        caller = asyncio.create_task(session.access_token())
        await held.arrived
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
    waiting = asyncio.create_task(session.access_token())
    held.release()
    token = await waiting
    assert token != dead
    assert world.lives(token)
    assert world.asked == 1


async def test_cancelled_refresh_call(world: Any) -> None:
    """Cancelling `session.refresh()` itself stops nothing either (B5)."""
    session = await world.session()
    old = session.tokens
    held = world.emulator.faults.add("POST /token", "hold")
    caller = asyncio.create_task(session.refresh())
    await held.arrived
    caller.cancel()
    await asyncio.wait([caller])
    held.release()
    await world.landed(session)
    assert session.tokens != old
    assert world.emulator.spends == 1


async def test_deadline_lies_in_the_refresh(open_world: Any, leap: Callable[[float], None]) -> None:
    """A service that never answers ends the refresh itself, and with a typed error (B5, B12)."""
    async with open_world(client={"timeout": 10}) as world:
        session = await world.session()
        world.emulator.faults.add("POST /token", "hang").arrived.then(lambda: leap(12))
        world.clock.advance(7201)
        outcomes = await asyncio.gather(
            *(session.access_token() for _ in range(10)), return_exceptions=True
        )
        assert {type(outcome).__name__ for outcome in outcomes} == {"RefreshOutcomeUnknown"}
        assert len({id(outcome) for outcome in outcomes}) == 10
        assert world.asked == 1


async def test_cancelled_user_call(world: Any) -> None:
    """A user call cancelled on the wire leaves the session as it was (B11)."""
    session = await world.session()
    before = session.tokens
    held = world.emulator.faults.add("GET /user/me", "hold")
    caller = asyncio.create_task(session.user.me())
    await held.arrived
    caller.cancel()
    await asyncio.wait([caller])
    held.release()
    await session.user.me()
    assert session.tokens is before
    assert world.asked == 0
