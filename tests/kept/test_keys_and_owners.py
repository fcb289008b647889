"""Keys that move, sign-ins that cross, records that are damaged or somebody else's."""

import asyncio
import gc
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._records import read
from cloudbase_auth_async.errors import RefreshOutcomeUnknown, StoreCorrupt, StoreError
from cloudbase_auth_async.stores.base import Record

KEY = "the-key-of-alice"
CLAIM = 2


async def test_another_processes_claim_is_not_ours(world: Any) -> None:
    """A claim that failed here is not mistaken for the one that another process wrote (B2)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.clock.advance(7201)
    a.store.heal()
    a.store.fails = lambda number, _: number == CLAIM
    with pytest.raises(StoreError):
        await ours.access_token()
    world.emulator.faults.add("POST /token", "drop_after")
    with pytest.raises(RefreshOutcomeUnknown):
        await theirs.access_token()
    world.clock.advance(3)
    with pytest.raises(RefreshOutcomeUnknown):
        await ours.access_token()
    assert world.asked == 1


@pytest.mark.parametrize("value", [b"[]", b"\xff", b'{"format":1,"tokens":{},"again_at":1e400}'])
async def test_damaged_record_of_a_session_in_use(world: Any, value: bytes) -> None:
    """Who uses the session writes it again; nobody is signed out by it, now or later (B26)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    world.disk._records[KEY] = Record(world.disk._records[KEY].generation + 1, value)
    assert await a.get() is ours
    assert await a.get() is ours
    assert (await b.get()).tokens == ours.tokens
    await ours.user.me()


async def test_damaged_record_that_the_store_moved_aside(world: Any) -> None:
    """The same where the store has freed the key: the record is written anew (B26)."""
    a = await world.join()
    ours = await world.kept(a)
    whole = a.store.load

    async def damaged(key: str) -> None:
        a.store.load = whole
        del world.disk._records[key]
        raise StoreCorrupt("cannot be read", kept_at="somewhere")

    a.store.load = damaged
    assert await a.get() is ours
    assert await a.get() is ours
    assert read(world.disk._records[KEY]).pair == ours.tokens


@pytest.mark.parametrize("number", ["9" * 400, "-1", "true", '"1"', "null"])
async def test_numbers_that_cannot_be(world: Any, number: str) -> None:
    """A record with a senseless count is damaged, whatever the number (B26)."""
    a = await world.join()
    await world.kept(a)
    kept = world.disk._records[KEY]
    text = kept.value.decode()[:-1] + f',"tries":{number}}}'
    world.disk._records[KEY] = Record(kept.generation, text.encode())
    gc.collect()
    with pytest.raises(StoreCorrupt):
        await a.get()


async def test_moved_to_another_key(world: Any) -> None:
    """Put under a new key during its refresh, a session goes on with the newer pair (B30)."""
    a = await world.join()
    ours = await world.kept(a)
    tokens = ours.tokens
    world.clock.advance(6950)
    held = world.emulator.faults.add("POST /token", "hold")
    await ours.access_token()
    await held.arrived
    moving = asyncio.create_task(a.auth.sessions.put("new", tokens))
    await world.turn(20)
    held.release()
    moved = await moving
    await a.auth.sessions.drop(KEY)
    assert moved.tokens.refresh_token != tokens.refresh_token
    world.clock.advance(7201)
    await moved.user.me()
    world.emulator.assert_spends(2)


async def test_pair_that_was_replaced_a_moment_ago(world: Any) -> None:
    """A pair that this client has just replaced is kept as the newer one (B30)."""
    a = await world.join()
    ours = await world.kept(a)
    old = ours.tokens
    newer = await ours.refresh()
    assert (await a.auth.sessions.put("new", old)).tokens == newer


async def test_a_plain_session_of_the_same_pair(world: Any) -> None:
    """That the kept key went to another user does not end a session that is not kept (B7)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    plain = a.auth.session(ours.tokens)
    await world.kept(b, "bob")
    world.clock.advance(7201)
    with pytest.raises(errors.NotSignedIn):
        await ours.user.me()
    await plain.user.me()
    world.emulator.assert_spends(1)


async def test_first_sign_ins_answer_comes_last(world: Any) -> None:
    """Of two sign-ins under one key the later one is in use, whoever is told first (B8)."""
    a = await world.join()
    tokens = [await a.auth.sign_in.password(name, "Passw0rd!") for name in ("alice", "bob")]
    gate = a.store.pause("replace", done=True)
    first = asyncio.create_task(a.auth.sessions.put(KEY, tokens[0]))
    await gate.arrived.wait()
    bob = await a.auth.sessions.put(KEY, tokens[1])
    gate.released.set()
    alice = await first
    assert (bob.tokens, alice.tokens) == (tokens[1], tokens[0])
    assert await a.get() is bob
    world.clock.advance(7201)
    assert (await bob.user.me()).sub == tokens[1].sub
    with pytest.raises(errors.NotSignedIn):
        await alice.user.me()


@pytest.mark.parametrize("wrong", ["env", "client_id"])
async def test_another_environments_worker(world: Any, wrong: str) -> None:
    """A worker with the wrong settings ends nobody's session (B7, B22)."""
    a = await world.join()
    ours = await world.kept(a)
    stranger = await world.join()
    settings = stranger.auth._settings
    other = {"env": settings.env, "client_id": settings.client_id} | {wrong: "staging"}
    stranger.auth.sessions._owner = "{env} {client_id}".format(**other)
    with pytest.raises(StoreError, match="another environment"):
        await stranger.auth.sessions.get(KEY)
    with pytest.raises(StoreError, match="another environment"):
        await stranger.auth.sessions.put(KEY, ours.tokens)
    assert stranger.auth.sessions._owner == "{env} {client_id}".format(**other)
    world.clock.advance(7201)
    await ours.user.me()
    assert a.auth.sessions._owner == f"{settings.env} {settings.client_id}"


async def test_a_store_that_is_too_slow(world: Any) -> None:
    """Where each operation takes half a minute nothing is sent, and the lock is given back."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    world.clock.advance(7201)
    whole = a.store.load

    async def slow(key: str) -> Any:
        world.clock.advance(31)
        return await whole(key)

    a.store.load = slow
    with pytest.raises(StoreError, match="too slow"):
        await ours.access_token()
    assert world.asked == 0
    await (await b.get()).user.me()
    world.emulator.assert_spends(1)
