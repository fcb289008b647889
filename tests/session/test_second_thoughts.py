"""Accidents that only a second look found: hand-made pairs, shared pairs, half-good answers."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import SessionError, TokenPair
from cloudbase_auth_async.errors import (
    RateLimited,
    RefreshOutcomeUnknown,
    ServerUnavailable,
    Unauthenticated,
)


async def test_hand_made_pair_is_read(world: Any) -> None:
    """A `TokenPair` made by hand knows its user and its end from its claims (B17)."""
    real = (await world.session()).tokens
    made = TokenPair(access_token=real.access_token, refresh_token=real.refresh_token)
    session = world.auth.session(made)
    assert (session.tokens.sub, session.tokens.expires_at) == (real.sub, real.expires_at)
    world.clock.advance(7201)
    assert await session.access_token() != real.access_token
    assert world.emulator.spends == 1


async def test_three_of_a_pair(world: Any) -> None:
    """Sessions made of one pair at different times get the new one without asking (B38)."""
    first = await world.session()
    second, third = world.auth.session(first.tokens), world.auth.session(first.tokens.to_dict())
    world.clock.advance(7201)
    await first.user.me()
    assert first.tokens == second.tokens == third.tokens
    await asyncio.gather(second.user.me(), third.user.me())
    assert world.emulator.refresh_attempts == 1


async def test_session_made_a_moment_late(world: Any) -> None:
    """A pair that was just replaced gives the newer one for a minute, and no longer (B38)."""
    first = await world.session()
    old = first.tokens
    world.clock.advance(7201)
    await first.user.me()
    late = world.auth.session(old)
    assert late.tokens == first.tokens
    await late.user.me()
    assert world.emulator.refresh_attempts == 1
    world.clock.advance(61)
    assert world.auth.session(old).tokens == old


async def test_signed_out_pair_has_no_successor(world: Any) -> None:
    """After a sign-out nobody is led to its tokens by the pair before (B9)."""
    first = await world.session()
    old = first.tokens
    await first.refresh()
    await first.sign_out()
    assert world.auth.session(old).tokens == old


async def test_sign_out_spends_no_token_twice(world: Any) -> None:
    """A sign-out that needs a last token and a call of its twin share one refresh (B1)."""
    leaving = await world.session()
    staying = world.auth.session(leaving.tokens)
    world.clock.advance(7201)
    await asyncio.gather(leaving.sign_out(), staying.access_token())
    assert (world.emulator.spends, world.emulator.refresh_attempts) == (1, 1)


async def test_many_rejections_of_one_new_token_count_once(world: Any) -> None:
    """Twenty calls whose repetition is rejected do not lock refreshing for an hour (B30)."""
    session = await world.session()
    world.emulator.faults.add("GET /user/me", "status", status=401, times=40, body={})
    done = await asyncio.gather(*(session.user.me() for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in done} == {Unauthenticated}
    assert session._owned._brake._rejections == 1


async def test_hook_is_told_after_a_cut_off(world: Any) -> None:
    """A delivery that was cancelled before its first step is made up for by the next (B33)."""
    session = await world.session()
    told: list[Any] = []
    session.on_change(told.append)
    await session.refresh()
    pump = session._owned._announcer._pump
    pump.cancel()
    await asyncio.wait({pump})
    await session.refresh()
    await asyncio.wait({session._owned._announcer._pump})
    assert told[-1] == session.tokens
    assert len(told) >= 2


async def test_dropped_session_is_forgotten(world: Any) -> None:
    """The client keeps no session alive that nobody holds, and no trace of it."""
    session = await world.session()
    twin = world.auth.session(session.tokens)
    holders = world.auth._exchange.holders._holders
    assert sum(len(held) for held in holders.values()) == 2
    del twin
    gc.collect()
    assert sum(len(held) for held in holders.values()) == 1
    await session.sign_out()
    assert not holders


async def test_sign_out_of_a_shared_refresh(open_world: Any) -> None:
    """One of two sessions signs out during their refresh: the new pair is dead there (B9)."""
    async with open_world(dialect="documented") as world:
        leaving = await world.session()
        staying = world.auth.session(leaving.tokens)
        world.clock.advance(7201)
        held = world.emulator.faults.add("POST /token", "hold", when="after")
        going_on = asyncio.create_task(staying.access_token())
        await held.arrived
        out = asyncio.create_task(leaving.sign_out())
        await asyncio.sleep(0)
        held.release()
        new = await going_on
        await out
        assert not (await world.auth.token.introspect(new)).active


async def test_sign_out_tells_when_the_new_pair_lives_on(open_world: Any) -> None:
    """A sign-out that could not revoke what a refresh brought does not claim success (B9)."""
    async with open_world(dialect="documented") as world:
        session = await world.session()
        world.clock.advance(7201)
        held = world.emulator.faults.add("POST /token", "hold", when="after")
        waiting = asyncio.create_task(session.access_token())
        await held.arrived
        world.emulator.faults.add("POST /revoke", "status", status=500, times=None, body={})
        out = asyncio.create_task(session.sign_out())
        await asyncio.sleep(0)
        held.release()
        with pytest.raises(ServerUnavailable):
            await out
        with pytest.raises(SessionError):
            await waiting


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "\ud800"])
async def test_unusable_access_token(world: Any, token: str) -> None:
    """A token that cannot stand in a header is not used, nor its refresh token lost (B29)."""
    session = await world.session()
    world.clock.advance(7201)
    body = {"access_token": token, "refresh_token": "next", "token_type": "Bearer"}
    world.emulator.faults.add("POST /token", "status", status=200, body=body)
    for _ in range(3):
        with pytest.raises(RefreshOutcomeUnknown):
            await session.access_token()
    assert session.tokens.refresh_token == "next"
    assert sum(entry.route == "POST /token" for entry in world.emulator.journal) == 1


async def test_tokens_that_are_born_dead_are_not_fetched_for_ever(world: Any) -> None:
    """A service so slow that its tokens die on the way costs two spends, not two a call (B19)."""
    session = await world.session()
    world.clock.advance(7201)
    for _ in range(5):
        faults = [world.emulator.faults.add("POST /token", "hold", when="after") for _ in range(2)]
        waiting = asyncio.create_task(session.access_token())
        for fault in faults:
            arrival = asyncio.ensure_future(fault.arrived)
            await asyncio.wait({arrival, waiting}, return_when=asyncio.FIRST_COMPLETED)
            arrival.cancel()
            world.clock.advance(7201 if fault.arrived.is_set() else 0)
            fault.release()
        with pytest.raises(SessionError):
            await waiting
        world.emulator.faults.clear()
    assert world.emulator.spends == 2


async def test_restored_pair_is_counted_anew(world: Any) -> None:
    """A session restored before any `Date` was seen is corrected by the first one (B17)."""
    stored = (await world.session()).tokens.to_dict()
    world.clock.step_wall(-86400)
    async with world.emulator.client() as auth:
        restored = auth.session(stored)
        assert await restored.access_token() == stored["access_token"]
        restored._owned._caller.server_time.heard(
            "Tue, 14 Nov 2099 00:00:00 GMT",
            began=world.clock.monotonic(),
            ended=world.clock.monotonic(),
        )
        assert await restored.access_token() != stored["access_token"]


async def test_pair_from_a_call_stays_on_the_monotonic_clock(world: Any) -> None:
    """A pair obtained here does not care what a `Date` header claims (B17)."""
    session = await world.session()
    before = session._owned._life
    session._owned._caller.server_time.heard("Tue, 14 Nov 2099 00:00:00 GMT", began=0.0, ended=0.0)
    await session.access_token()
    assert attrs.astuple(session._owned._life) == attrs.astuple(before)
    assert world.emulator.refresh_attempts == 0


async def test_pair_of_a_signed_out_refresh_has_no_successor(world: Any) -> None:
    """The pair that a refresh brought to a session that had left leads nobody to it (B9)."""
    session = await world.session()
    old = session.tokens
    world.clock.advance(7201)
    held = world.emulator.faults.add("POST /token", "hold", when="after")
    waiting = asyncio.create_task(session.access_token())
    await held.arrived
    out = asyncio.create_task(session.sign_out())
    await asyncio.sleep(0)
    held.release()
    await out
    with pytest.raises(SessionError):
        await waiting
    assert world.auth.session(old).tokens == old


async def test_trouble_is_over_soon(world: Any) -> None:
    """With the access token dead, a broken gateway is asked again within a minute (B18)."""
    session = await world.session()
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", "bad_gateway", times=3)
    failures = 0
    for _ in range(60):
        try:
            await session.access_token()
            break
        except RefreshOutcomeUnknown:
            failures += 1
            world.clock.advance(1)
    assert 3 <= failures < 60
    assert world.emulator.spends == 1


async def test_close_waits_for_no_stubborn_hook(
    open_world: Any, leap: Callable[[float], None]
) -> None:
    """A hook that will not be cancelled cannot keep the client from closing (B13)."""
    free = asyncio.Event()
    async with open_world() as world, world.emulator.client(close_timeout=10) as auth:
        session = auth.session((await world.session()).tokens)

        async def stubborn(_: Any) -> None:
            while not free.is_set():
                try:
                    await free.wait()
                except asyncio.CancelledError:
                    continue

        session.on_change(stubborn)
        await session.refresh()
        await asyncio.sleep(0)
        closing = asyncio.create_task(auth.aclose())
        try:
            await world.until(lambda: auth._background.closing)
            leap(11)  # over the time allowed
            await world.until(lambda: auth._background.closed)
            leap(2)  # over the last second
            await closing
        finally:
            free.set()
        await asyncio.wait({session._owned._announcer._pump})


async def test_refused_once_by_a_service_that_does_not_rotate(world: Any) -> None:
    """A refusal is forgotten with the next success, though the refresh token stays (B19)."""
    session = await world.session()
    fresh = (await world.session()).tokens.to_dict()
    world.emulator.faults.add("POST /token", "status", status=429)
    with pytest.raises(RateLimited):
        await session.refresh()
    body = {name: fresh[name] for name in ("access_token", "expires_in")}
    world.emulator.faults.add("POST /token", "status", status=200, body=body)
    await session.refresh()
    twin = world.auth.session(session.tokens)
    assert twin._owned._setback is None
    assert session._owned._setback is None
