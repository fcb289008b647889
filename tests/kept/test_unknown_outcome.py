"""Promise 5 for a fleet: a refresh that may have arrived is not sent again blindly by anybody."""

import asyncio
import contextlib
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._records import read

KEY = "the-key-of-alice"
HOUR = 3600
TOKEN = "POST /token"
KINDS = pytest.mark.parametrize("kind", ["drop_before", "drop_after", "half_body"])


async def _lost(world: Any, kind: Any, *, count: int = 2, at: int = 7000) -> list[Any]:
    """Return the sessions of a fleet; the first one's refresh got lost."""
    fleet = await world.joined(count)
    await world.kept(fleet[0])
    sessions = [await each.get() for each in fleet]
    world.emulator.faults.add(TOKEN, kind)
    world.clock.advance(at)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await sessions[0].refresh()
    return sessions


@KINDS
async def test_living_token_is_served_by_all(world: Any, kind: Any) -> None:
    """A's lost answer: B serves the access token to its end, and sends nothing (B4)."""
    sessions = await _lost(world, kind)
    for _ in range(199):
        assert len({await each.access_token() for each in sessions}) == 1
        world.clock.advance(1)
    for process, session in zip(world.processes, sessions, strict=True):
        await world.landed(process, session)
    assert world.asked == 1
    assert all(each.can_refresh for each in sessions)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_one_probe_when_it_is_due(world: Any, kind: Any) -> None:
    """With the access token dead, the whole fleet asks once, when it is due (B4, B19)."""
    sessions = await _lost(world, kind, count=5, at=7201)
    for _ in range(59):
        world.clock.advance(1)
        for each in sessions:
            with pytest.raises(errors.RefreshOutcomeUnknown):
                await each.access_token()
    assert world.asked == 1
    world.clock.advance(2)
    await asyncio.gather(*(each.access_token() for each in sessions), return_exceptions=True)
    assert world.asked == 2
    world.clock.advance(16)
    outcomes = await asyncio.gather(
        *(each.access_token() for each in sessions), return_exceptions=True
    )
    assert world.asked == 2
    if kind == "drop_before":
        assert set(outcomes) == {sessions[0].tokens.access_token}
        assert world.lives(sessions[0].tokens.access_token)
    else:
        assert {type(outcome) for outcome in outcomes} == {errors.SessionEnded}


async def test_three_an_hour_for_all(world: Any) -> None:
    """Five processes that call each half minute ask thrice in any hour, together (B19)."""
    sessions = await _lost(world, "drop_before", count=5, at=7201)
    world.emulator.faults.add(TOKEN, "drop_before", times=None)
    instants = [world.clock.monotonic()]
    for _ in range(3 * HOUR // 30):
        world.clock.advance(30)
        asked = world.asked
        for each in sessions:
            with pytest.raises(errors.RefreshOutcomeUnknown):
                await each.access_token()
        instants += [world.clock.monotonic()] * (world.asked - asked)
    for begin in instants:
        assert len([t for t in instants if begin <= t < begin + HOUR]) <= 3
    assert len(instants) >= 6


async def test_recovery_elsewhere_is_found_soon(world: Any) -> None:
    """Who sent nothing itself finds within seconds what another process brought (B40)."""
    ours, theirs = await _lost(world, "drop_before", at=7201)
    world.emulator.faults.add(TOKEN, "drop_before")
    world.clock.advance(61)
    for _ in range(3):  # B is told again and again that it is not due
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await ours.access_token()
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await theirs.access_token()
        world.clock.advance(61)
    assert world.asked == 2
    await ours.refresh()
    world.clock.advance(16)
    assert await theirs.access_token() == ours.tokens.access_token


async def test_due_by_a_clock_that_moved(world: Any) -> None:
    """That the service's clock is known a second better does not cost half an hour (B17)."""
    ours, _ = await _lost(world, "drop_before", at=7201)
    world.processes[0].auth._caller.server_time.offset -= 0.9
    world.clock.advance(60.1)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await ours.access_token()
    assert world.asked == 1
    world.clock.advance(16)
    await ours.access_token()
    assert world.asked == 2


async def test_a_far_off_due_time(world: Any) -> None:
    """A claim by a clock that is days ahead does not lock the session for days (B17)."""
    a = await world.join()
    await world.kept(a)
    a.auth._caller.server_time.offset += 5 * 86_400
    world.emulator.faults.add(TOKEN, "drop_before")
    session = await a.get()
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.refresh()
    world.clock.advance(7201)
    b = await world.join()
    theirs = await b.get()
    await world.warned(theirs)
    assert world.lives(await theirs.access_token())


async def test_clocks_hours_apart(world: Any) -> None:
    """Two processes that take each other's due times for nonsense do not wait for ever (B17)."""
    a, b, dead = await world.joined(3)
    ours, theirs = await world.kept(a), await b.get()
    world.emulator.faults.add(TOKEN, "drop_before")
    world.clock.advance(7201)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await (await dead.get()).access_token()
    await dead.auth.aclose()
    a.auth._caller.server_time.offset += 3 * 3600
    for _ in range(400):
        for session in (ours, theirs):
            with contextlib.suppress(errors.RefreshOutcomeUnknown):
                assert world.lives(await session.access_token())
                return
            world.clock.advance(16)
    raise AssertionError("still waiting")


@pytest.mark.parametrize("who", [0, 1])
async def test_refresh_insists(world: Any, who: int) -> None:
    """Who was told of the doubt may send it again by `refresh()`, here or elsewhere (B4)."""
    sessions = await _lost(world, "drop_before")
    if who:
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await sessions[who].refresh()
        assert world.asked == 1
    await sessions[who].refresh()
    assert (world.asked, world.emulator.spends) == (2, 1)
    world.clock.advance(300)
    assert await sessions[1 - who].access_token() == sessions[who].tokens.access_token
    assert world.asked == 2


async def test_refusal_to_a_fleet(world: Any) -> None:
    """A 429 leaves no doubt behind: another process may ask at once (B18)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.emulator.faults.add(TOKEN, "status", status=429)
    world.clock.advance(7201)
    with pytest.raises(errors.RateLimited):
        await ours.access_token()
    assert not read(world.disk._records[KEY]).tries
    await theirs.user.me()
    world.emulator.assert_spends(1)


async def test_trouble_at_a_gateway(world: Any) -> None:
    """A 502 is asked about again by one process after seconds, not after a minute (B4, B40)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.emulator.faults.add(TOKEN, "bad_gateway")
    world.clock.advance(7201)
    for session in (ours, theirs):
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await session.access_token()
    assert world.asked == 1
    world.clock.advance(16)
    await asyncio.gather(ours.user.me(), theirs.user.me())
    world.emulator.assert_spends(1)


async def test_another_users_answer(world: Any) -> None:
    """An answer with another user's tokens is kept by nobody, and is told as unknown (B8)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    pair = ours.tokens
    bob = (await a.auth.sign_in.password("bob", "Passw0rd!")).to_dict()
    body = {name: bob[name] for name in ("access_token", "refresh_token", "expires_in", "sub")}
    world.emulator.faults.add(TOKEN, "status", status=200, body=body)
    world.clock.advance(7201)
    with pytest.raises(errors.SubjectChanged):
        await ours.access_token()
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await theirs.access_token()
    assert ours.tokens is pair
    kept = read(world.disk._records[KEY])
    assert (kept.pair, kept.tries) == (pair, 1)


async def test_unknown_is_told(world: Any) -> None:
    """The event says which process sent it; the other one's doubt is told as its own (B4)."""
    _, theirs = await _lost(world, "drop_after", at=7201)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await theirs.access_token()
    a, b = world.processes
    await world.until(lambda: b.told(told.RefreshUnknown))
    reasons = [each.told(told.RefreshUnknown)[0].reason for each in (a, b)]
    assert reasons == ["ConnectionLost", "RefreshOutcomeUnknown"]
