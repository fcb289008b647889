"""Calls that cross: a put, a drop or a sign-out while something of the session is under way."""

import asyncio
import gc
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._records import read
from cloudbase_auth_async.errors import StoreCorrupt, StoreError
from cloudbase_auth_async.stores.base import Record

KEY = "the-key-of-alice"
SAVE = 3


async def _unsaved(world: Any, process: Any) -> Any:
    """Leave a bought pair unsaved, with no session object; return the pair."""
    session = await world.kept(process)
    process.store.heal()
    process.store.fails = lambda number, name: number >= SAVE and name == "replace"
    pair = await session.refresh()
    process.store.heal()
    del session
    gc.collect()
    return pair


async def test_new_user_while_a_pair_is_unsaved(world: Any) -> None:
    """Where alice's pair waits to be saved and bob signs in, nobody gets alice (B8)."""
    a = await world.join()
    old = await _unsaved(world, a)
    bob = await world.kept(a, "bob")
    sub = bob.tokens.sub
    del bob
    gc.collect()
    a.store.down()
    with pytest.raises(StoreError):
        await a.get()
    a.store.heal()
    assert (await a.get()).tokens.sub == sub
    await world.turn(50)
    world.clock.advance(6)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert not world.lives(old.access_token)


async def test_dropped_while_a_pair_is_unsaved(world: Any) -> None:
    """What was dropped is not found again among what waits to be saved (B9)."""
    a = await world.join()
    await _unsaved(world, a)
    assert await a.auth.sessions.drop(KEY)
    a.store.down()
    with pytest.raises(StoreError):
        await a.get()
    a.store.heal()
    assert await a.auth.sessions.get(KEY) is None


async def test_moved_while_a_pair_is_unsaved(world: Any) -> None:
    """Put under another key first and dropped then, an unsaved pair lives on (B6, B30)."""
    a = await world.join()
    pair = await _unsaved(world, a)
    moved = await a.auth.sessions.put("new", pair)
    await a.auth.sessions.drop(KEY)
    await world.turn(50)
    world.clock.advance(6)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert world.lives(moved.tokens.access_token)
    world.clock.advance(7201)
    await moved.user.me()


@pytest.mark.parametrize("first", ["put", "refresh"])
async def test_put_beside_a_refresh_of_the_same_pair(world: Any, first: str) -> None:
    """A pair that is replaced while it is being kept is kept as what replaced it (B30)."""
    a = await world.join(sockets=False)
    tokens = await a.auth.sign_in.password("alice", "Passw0rd!")
    plain = a.auth.session(tokens)
    work = [a.auth.sessions.put(KEY, tokens), plain.refresh()]
    if first == "refresh":
        work.reverse()
    await asyncio.gather(*work)
    kept = await a.get()
    assert kept.tokens.refresh_token == plain.tokens.refresh_token
    world.clock.advance(7201)
    await kept.user.me()
    world.emulator.assert_spends(2)


async def test_the_same_pair_put_again_elsewhere(world: Any) -> None:
    """An import of the pair at the start of a process does not wipe what was claimed (B2, B4)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    tokens = ours.tokens
    held = world.emulator.faults.add("POST /token", "hold", when="after")
    refreshing = asyncio.create_task(ours.refresh())
    await held.arrived
    theirs = await b.auth.sessions.put(KEY, tokens)
    b.store.lapse()
    world.clock.advance(7201)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await theirs.access_token()
    held.release()
    await refreshing
    assert world.asked == 1
    world.clock.advance(16)
    await theirs.user.me()


@pytest.mark.parametrize("how", ["drop", "sign out"])
@pytest.mark.parametrize("step", ["load", "replace"])
async def test_gone_during_a_repair(world: Any, how: str, step: str) -> None:
    """A session that is dropped while its damaged record is mended does not come back (B9)."""
    a = await world.join()
    ours = await world.kept(a)
    whole = a.store.load
    gates = []

    async def moved_aside(key: str) -> None:
        a.store.load = whole
        del world.disk._records[key]
        gates.append(a.store.pause(step))
        raise StoreCorrupt("cannot be read", kept_at="somewhere")

    a.store.load = moved_aside
    mending = asyncio.create_task(a.auth.sessions.get(KEY))
    await world.until(lambda: gates)
    await gates[0].arrived.wait()
    if how == "drop":
        await a.auth.sessions.drop(KEY)
    else:
        await ours.sign_out()
    gates[0].released.set()
    await mending
    assert KEY not in world.disk._records


async def test_damaged_while_somebody_is_further(world: Any) -> None:
    """Who mends a record with a dead token says that it may be spent; nobody sends it (B26)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.clock.advance(7201)
    await theirs.refresh()
    world.disk._records[KEY] = Record(7, b"\xff")
    assert await a.get() is ours
    assert read(world.disk._records[KEY]).tries == 1
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await ours.access_token()
    await b.get()
    assert read(world.disk._records[KEY]).pair == theirs.tokens
    await (await a.get()).user.me()
    world.emulator.assert_spends(1)


async def test_refresh_beside_another_keys_sign_out(world: Any) -> None:
    """A flight that ends because another key is gone does not pass for a refresh of ours."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    plain = a.auth.session(ours.tokens)
    await b.auth.sessions.drop(KEY)
    results = await asyncio.gather(ours.refresh(), plain.refresh(), return_exceptions=True)
    assert isinstance(results[0], errors.NotSignedIn)
    assert results[1] == plain.tokens
    world.emulator.assert_spends(1)


async def test_old_failures_end_with_another_processs_success(world: Any) -> None:
    """A doubt about a token that another process used well is forgotten with its news (B40)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.emulator.faults.add("POST /token", "drop_before")
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await ours.refresh()
    fresh = (await b.auth.sign_in.password("alice", "Passw0rd!")).to_dict()
    body = {name: fresh[name] for name in ("access_token", "expires_in")}
    world.emulator.faults.add("POST /token", "status", status=200, body=body)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await theirs.refresh()
    await theirs.refresh()
    assert (await a.get()) is ours
    assert ours._owned._setback is None
