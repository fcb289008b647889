"""Promise 1: one refresh for each pair, however many ask."""

import asyncio
from typing import Any

import pytest


@pytest.mark.parametrize("callers", [100, 1000])
async def test_callers_across_expiry_share_one_refresh(world: Any, callers: int) -> None:
    """However many user calls meet a dead token, one refresh is sent and all succeed (B1)."""
    session = await world.session()
    world.clock.advance(7201)
    profiles = await asyncio.gather(*(session.user.me() for _ in range(callers)))
    assert {profile.sub for profile in profiles} == {session.tokens.sub}
    assert (world.asked, world.emulator.spends) == (1, 1)


async def test_ten_thousand_waiters(world: Any) -> None:
    """Ten thousand who wait for a token get the same new one (B1)."""
    session = await world.session()
    world.clock.advance(7201)
    tokens = await asyncio.gather(*(session.access_token() for _ in range(10_000)))
    assert set(tokens) == {session.tokens.access_token}
    assert world.asked == 1


async def test_late_callers_join(world: Any) -> None:
    """Who comes while a refresh is under way, by whichever call, joins it (B1)."""
    session = await world.session()
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(7201)
    callers: list[Any] = [asyncio.create_task(session.access_token()) for _ in range(5)]
    await held.arrived
    callers += [asyncio.create_task(session.refresh()) for _ in range(5)]
    callers += [asyncio.create_task(session.user.me()) for _ in range(5)]
    await asyncio.sleep(0)
    held.release()
    await asyncio.gather(*callers)
    assert world.asked == 1


async def test_next_pair_next_refresh(world: Any) -> None:
    """One refresh a pair, not one for ever: each later expiry costs exactly one more (B1)."""
    session = await world.session()
    seen = {session.tokens.refresh_token}
    for _ in range(5):
        world.clock.advance(7201)
        await asyncio.gather(*(session.user.me() for _ in range(10)))
        seen.add(session.tokens.refresh_token)
    assert (world.asked, world.emulator.spends, len(seen)) == (5, 5, 6)


async def test_twins_share_a_flight(world: Any) -> None:
    """Two sessions of the same pair join one refresh and both hold what it brings (B1, B38)."""
    session = await world.session()
    twin = world.auth.session(session.tokens)
    world.clock.advance(7201)
    await asyncio.gather(*(each.user.me() for each in (session, twin) for _ in range(20)))
    assert (world.asked, world.emulator.spends) == (1, 1)
    assert twin.tokens == session.tokens
    assert world.lives(twin.tokens.access_token)


async def test_twin_that_asks_later(world: Any) -> None:
    """A second session of a pair that was refreshed meanwhile does not spend it again (B1, B38)."""
    session = await world.session()
    twin = world.auth.session(session.tokens)
    world.clock.advance(7201)
    await session.user.me()
    await twin.user.me()
    assert world.asked == 1
    assert twin.tokens == session.tokens


async def test_session_per_request(world: Any) -> None:
    """An app that makes a session of the stored pair for each request spends it once (B38)."""
    tokens = (await world.session()).tokens
    world.clock.advance(7201)

    async def request() -> str:
        session = world.auth.session(tokens)
        return (await session.user.me()).sub

    assert len(set(await asyncio.gather(*(request() for _ in range(20))))) == 1
    assert world.asked == 1


async def test_users_never_join(world: Any) -> None:
    """Refreshes of two users of one client run side by side, each for its own user (B8)."""
    alice, bob = await world.session("alice"), await world.session("bob")
    held = world.emulator.faults.add("POST /token", "hold", times=2)
    world.clock.advance(7201)
    callers = [asyncio.create_task(each.user.me()) for each in (alice, bob, alice, bob)]
    await world.until(lambda: held.hits == 2)
    assert world.asked == 2
    held.release()
    subs = [profile.sub for profile in await asyncio.gather(*callers)]
    assert subs == [alice.tokens.sub, bob.tokens.sub] * 2
    assert alice.tokens.sub != bob.tokens.sub


async def test_many_users_at_once(world: Any) -> None:
    """Thirty users with five callers each cost thirty refreshes, and nobody sees another (B8)."""
    sessions = []
    for number in range(30):
        world.add(f"user-{number}")
        sessions.append(await world.session(f"user-{number}"))
    subs = [session.tokens.sub for session in sessions for _ in range(5)]
    world.clock.advance(7201)
    callers = (session.user.me() for session in sessions for _ in range(5))
    assert [profile.sub for profile in await asyncio.gather(*callers)] == subs
    assert (world.asked, world.emulator.spends) == (30, 30)


async def test_same_user_twice(world: Any) -> None:
    """Two sign-ins of one user are two sessions: each refreshes with its own token (B8)."""
    desk, phone = await world.session(), await world.session()
    world.clock.advance(7201)
    await asyncio.gather(desk.user.me(), phone.user.me())
    assert world.emulator.spends == 2
    assert desk.tokens != phone.tokens


async def test_waiters_see_the_commit(world: Any) -> None:
    """The new pair is in the session before any caller has it (B29)."""
    session = await world.session()
    world.clock.advance(7201)

    async def caller() -> bool:
        return await session.access_token() == session.tokens.access_token

    assert all(await asyncio.gather(*(caller() for _ in range(50))))


async def test_a_refresh_uses_a_connection_of_its_own(world: Any) -> None:
    """The spend goes out on a fresh connection, so a stale one cannot make it ambiguous (B37)."""
    session = await world.session()
    await session.user.me()
    await world.emulator.stop_listening()
    await world.emulator.start_listening()
    world.clock.advance(7201)
    await session.user.me()
    assert (world.asked, world.emulator.spends) == (1, 1)
    assert world.sent("POST /token")[0].header("Connection") == "close"
    assert {entry.header("Connection") for entry in world.sent("GET /user/me")} == {None}
