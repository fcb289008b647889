"""Promise 7: sign-out and sign-in win over what is under way, here and elsewhere."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._records import read

KEY = "the-key-of-alice"


def _kept(world: Any) -> Any:
    return read(world.disk._records[KEY])


@pytest.mark.parametrize("turns", range(12))
async def test_sign_out_after_somebody_elses_line(world: Any, turns: int) -> None:
    """A session that outlived a new sign-in elsewhere and refreshed can be signed out (B9)."""
    a, b, c = await world.joined(3)
    ours = await world.kept(a)
    theirs = await world.kept(b)
    third = await c.get()
    world.clock.advance(7201)
    await ours.user.me()  # it finds the new sign-in, its access token dead, and goes on from it
    assert ours.tokens.refresh_token == _kept(world).pair.refresh_token
    await (theirs if turns % 2 else third).sign_out()
    assert KEY not in world.disk._records
    world.emulator.assert_spends(1)


async def _signed_in_anew(world: Any, name: str) -> tuple[Any, Any, Any]:
    """Return what A held, and B's new sign-in, put while A's refresh was under way."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(7201)
    refreshing = asyncio.create_task(ours.access_token())
    await held.arrived
    new = await world.kept(b, name)
    held.release()
    outcome = (await asyncio.gather(refreshing, return_exceptions=True))[0]
    return outcome, ours, new


async def test_new_sign_in_during_a_refresh(world: Any) -> None:
    """A new sign-in during a refresh stays, its session goes on, the orphan is revoked (B9)."""
    outcome, ours, new = await _signed_in_anew(world, "alice")
    assert outcome == new.tokens.access_token
    assert ours.tokens == new.tokens == _kept(world).pair
    assert (world.signed_in, len(world.sent("POST /revoke"))) == (1, 1)
    world.emulator.assert_spends(1)


async def test_another_users_sign_in_during_a_refresh(world: Any) -> None:
    """Another user's sign-in during a refresh stays, and the first user is signed out (B8, B9)."""
    outcome, ours, new = await _signed_in_anew(world, "bob")
    assert isinstance(outcome, errors.NotSignedIn)
    with pytest.raises(errors.NotSignedIn):
        _ = ours.tokens
    assert _kept(world).pair == new.tokens
    assert (world.signed_in, len(world.sent("POST /revoke"))) == (1, 1)
    a = world.processes[0]
    await world.until(lambda: a.told(told.SessionOver))
    assert [event.reason for event in a.told(told.SessionOver)] == ["replaced"]


async def test_sign_out_elsewhere_at_each_await(open_world: Any) -> None:
    """B signs out wherever A's refresh is: nothing is left of the session (B9)."""
    for turns in range(40):
        async with open_world(client={"dialect": "primary"}) as world:
            a, b = await world.joined(2, sockets=False)
            ours, theirs = await world.kept(a), await b.get()
            refreshing = asyncio.create_task(ours.refresh())
            await world.turn(turns)
            await theirs.sign_out()
            outcome = (await asyncio.gather(refreshing, return_exceptions=True))[0]
            assert KEY not in world.disk._records, turns
            assert world.signed_in == 0, turns
            assert not isinstance(outcome, Exception) or isinstance(outcome, errors.SessionError)
            with pytest.raises(errors.SessionError):
                await ours.user.me()
            assert await a.auth.sessions.get(KEY) is None
            with pytest.raises(errors.NotSignedIn):
                _ = ours.tokens


async def test_sign_out_here_at_each_await(open_world: Any) -> None:
    """A signs out wherever its own refresh is: store empty, orphan revoked (B9)."""
    for turns in range(30):
        async with open_world() as world:
            a = await world.join(sockets=False)
            ours = await world.kept(a)
            refreshing = asyncio.create_task(ours.refresh())
            await world.turn(turns)
            await ours.sign_out()
            await asyncio.gather(refreshing, return_exceptions=True)
            assert KEY not in world.disk._records, turns
            assert world.signed_in == 0, turns


async def test_drop_at_each_await(open_world: Any) -> None:
    """A session that is dropped wherever its refresh is does not come back (B9)."""
    for turns in range(30):
        async with open_world() as world:
            a, b = await world.joined(2, sockets=False)
            ours = await world.kept(a)
            refreshing = asyncio.create_task(ours.refresh())
            await world.turn(turns)
            assert await (b, a)[turns % 2].auth.sessions.drop(KEY)
            await asyncio.gather(refreshing, return_exceptions=True)
            assert KEY not in world.disk._records, turns


async def test_sign_out_of_a_dead_session_during_its_refresh(world: Any) -> None:
    """The pair that the refresh brings ends the session; no other one is bought for it (B9)."""
    a = await world.join()
    ours = await world.kept(a)
    world.clock.advance(7201)
    held = world.emulator.faults.add("POST /token", "hold")
    refreshing = asyncio.create_task(ours.access_token())
    await held.arrived
    leaving = asyncio.create_task(ours.sign_out())
    await world.until(lambda: KEY not in world.disk._records)
    held.release()
    await leaving
    with pytest.raises(errors.NotSignedIn):
        await refreshing
    assert world.signed_in == 0
    world.emulator.assert_spends(1)


async def test_sign_out_after_a_new_sign_in(world: Any) -> None:
    """Signing the old session out does not sign the new one out (B7)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await world.kept(b)
    await ours.sign_out()
    assert _kept(world).pair == theirs.tokens
    assert world.signed_in == 1
    await theirs.user.me()


async def test_sign_in_here_during_a_refused_refresh(world: Any) -> None:
    """That the old sign-in's refresh is refused does not end the new one (B7, B30)."""
    a = await world.join()
    ours = await world.kept(a)
    held = world.emulator.faults.add("POST /token", "hold")
    refreshing = asyncio.create_task(ours.refresh())
    await held.arrived
    world.emulator.revoke(ours.tokens.access_token, session=True)
    await world.kept(a)
    held.release()
    await asyncio.gather(refreshing, return_exceptions=True)
    assert ours.can_refresh
    assert ours.tokens == _kept(world).pair
    assert not _kept(world).ended
    await ours.refresh()
    assert not a.told(told.SessionOver)


@pytest.mark.parametrize("moment", ["before the claim", "refused"])
async def test_sign_out_of_a_session_whose_refresh_finds_a_new_sign_in(
    world: Any, moment: str
) -> None:
    """The new sign-in that a refresh finds is not ended with the old session (B7, B9)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    held = world.emulator.faults.add("POST /token", "hold")
    gate = a.store.pause("load" if moment == "before the claim" else "unlock")
    refreshing = asyncio.create_task(ours.refresh())
    await (gate.arrived.wait() if moment == "before the claim" else held.arrived)
    if moment == "refused":
        world.emulator.revoke(ours.tokens.access_token, session=True)
    theirs = await world.kept(b)
    leaving = asyncio.create_task(ours.sign_out())
    await world.turn(2)
    gate.released.set()
    held.release()
    await asyncio.gather(refreshing, leaving, return_exceptions=True)
    assert _kept(world).pair == theirs.tokens
    assert world.lives(theirs.tokens.access_token)


async def test_sign_out_of_a_dead_session_with_a_twin(world: Any) -> None:
    """The last token that a sign-out buys is its own, not a new sign-in's that it finds (B7)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    world.clock.advance(7201)
    gate = a.store.pause("remove")
    leaving = asyncio.create_task(ours.sign_out())
    await gate.arrived.wait()
    twin = await a.get()  # the record is still there
    assert twin is not ours
    theirs = await world.kept(b)
    gate.released.set()
    await leaving
    assert world.lives(theirs.tokens.access_token)
    assert world.signed_in == 1
    assert _kept(world).pair == theirs.tokens
    world.clock.advance(6)
    await world.until(lambda: twin.tokens == theirs.tokens or not twin._owned.keeper.unsaved)
    assert (await a.get()).tokens == theirs.tokens


@pytest.mark.parametrize("how", ["get", "call"])
async def test_new_sign_in_found_by_a_saving(world: Any, how: str) -> None:
    """What a saving in the background finds, the session goes on with, without a spend (B7)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    a.store.heal()
    a.store.fails = lambda number, _: number >= 3
    await ours.refresh()
    theirs = await world.kept(b)
    a.store.heal()
    world.clock.advance(6)
    await world.until(lambda: not ours._owned.keeper.unsaved)
    if how == "get":
        assert await a.get() is ours
    else:
        ours.invalidate(ours.tokens.access_token)
        await ours.user.me()
    assert ours.tokens == theirs.tokens
    assert world.signed_in == 1
    world.emulator.assert_spends(1)


async def test_sign_in_here_during_a_lost_refresh(
    open_world: Any, leap: Callable[[float], None]
) -> None:
    """That nobody knows how the old sign-in's refresh ended is no doubt about the new one (B30)."""
    async with open_world(client={"timeout": 10}) as world:
        a = await world.join()
        ours = await world.kept(a)
        held = world.emulator.faults.add("POST /token", "hang")
        refreshing = asyncio.create_task(ours.refresh())
        await held.arrived
        await world.kept(a)
        leap(12)
        await asyncio.gather(refreshing, return_exceptions=True)
        world.clock.advance(7000)
        await ours.access_token()
        await world.landed(a, ours)
        world.emulator.assert_spends(1)
