"""`auth.sessions`: the store is the truth, and one key is one object in a process."""

import asyncio
import gc
import json
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async.stores.base import Record

KEY = "the-key-of-alice"
PASSWORD = "Passw0rd!"


async def test_put_get_drop_iterate(world: Any) -> None:
    """What is put under a key is found there, listed, and gone after `drop` (B38)."""
    a = await world.join()
    alice = await world.kept(a)
    bob = await world.kept(a, "bob", "other")
    assert await a.get() is alice
    assert await a.get("other") is bob
    assert sorted([key async for key in a.auth.sessions]) == ["other", KEY]
    assert await a.auth.sessions.get("nobody") is None
    assert await a.auth.sessions.drop(KEY)
    assert not await a.auth.sessions.drop(KEY)
    assert await a.auth.sessions.get(KEY) is None
    assert [key async for key in a.auth.sessions] == ["other"]
    with pytest.raises(errors.NotSignedIn):
        await alice.access_token()
    assert (await bob.user.me()).sub == bob.tokens.sub
    assert world.signed_in == 2  # the service was not told


async def test_put_takes_a_dict(world: Any) -> None:
    """`put` takes what `to_dict` wrote, as `auth.session` does."""
    a = await world.join()
    tokens = await a.auth.sign_in.password("alice", PASSWORD)
    session = await a.auth.sessions.put(KEY, tokens.to_dict())
    assert session.tokens == tokens


async def test_weakly_held(world: Any) -> None:
    """Nobody uses it: it leaves this process's memory, and comes back from the store (B38)."""
    a = await world.join()
    pair = (await world.kept(a)).tokens
    gc.collect()
    assert not a.auth.sessions._here
    assert (await a.get()).tokens == pair


async def test_another_process_refreshed(world: Any) -> None:
    """`get` finds the pair that another process bought, and nothing is spent for it (B2)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    news: list[Any] = []
    ours.on_change(news.append)
    world.clock.advance(7201)
    await theirs.access_token()
    assert await a.get() is ours
    assert ours.tokens == theirs.tokens
    await ours.user.me()
    await world.until(lambda: news)
    assert news == [theirs.tokens]
    world.emulator.assert_spends(1)


async def test_another_process_signed_out(world: Any) -> None:
    """`get` finds that another process signed out: None, and the session here ends (B9)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    await theirs.sign_out()
    assert world.signed_in == 0
    assert await a.auth.sessions.get(KEY) is None
    with pytest.raises(errors.NotSignedIn):
        await ours.access_token()
    await world.until(lambda: a.told(told.SessionOver))
    assert [event.reason for event in a.told(told.SessionOver)] == ["elsewhere"]


async def test_another_user_took_the_key(world: Any) -> None:
    """A key that another process gave to another user is another session here, too (B8)."""
    a, b = await world.joined(2)
    alice = await world.kept(a)
    sub = alice.tokens.sub
    theirs = await world.kept(b, "bob")
    bob = await a.get()
    assert bob is not alice
    assert (await bob.user.me()).sub == theirs.tokens.sub != sub
    assert await a.get() is bob
    world.clock.advance(7201)
    with pytest.raises(errors.NotSignedIn):
        await alice.access_token()
    assert (await bob.user.me()).sub == theirs.tokens.sub
    world.emulator.assert_spends(1)


async def test_same_user_signed_in_again(world: Any) -> None:
    """A new sign-in of the same user goes on in the session you hold."""
    a = await world.join()
    ours = await world.kept(a)
    first = ours.tokens
    assert await world.kept(a) is ours
    assert ours.tokens != first
    assert await a.get() is ours


@pytest.mark.parametrize("here", [True, False])
async def test_users_of_unknown_names(world: Any, here: bool) -> None:  # noqa: FBT001
    """Two pairs that do not say whose they are never share a session object (B8)."""
    a, b = await world.joined(2)
    alice, bob = [await a.auth.sign_in.password(name, PASSWORD) for name in ("alice", "bob")]
    one = await a.auth.sessions.put(KEY, {"refresh_token": alice.refresh_token})
    putter = a if here else b
    await putter.auth.sessions.put(KEY, {"refresh_token": bob.refresh_token})
    other = await a.get()
    assert other is not one
    with pytest.raises(errors.NotSignedIn):
        await one.access_token()
    assert (await other.user.me()).sub == bob.sub


async def test_ended_elsewhere(world: Any) -> None:
    """What the service refused to one process, no other asks about again (B7, B19)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.emulator.revoke(ours.tokens.access_token, session=True)
    world.clock.advance(7201)
    with pytest.raises(errors.SessionEnded):
        await ours.access_token()
    for session in (theirs, await b.get(), await (await world.join()).get()):
        with pytest.raises(errors.SessionEnded):
            await session.access_token()
        assert not session.can_refresh or session is theirs
    assert world.asked == 1
    await world.kept(a)
    assert await b.get() is theirs
    assert (await theirs.user.me()).sub


async def test_session_per_request(world: Any) -> None:
    """A hundred requests at expiry, each getting its session, cost one refresh (B38)."""
    a, b = await world.joined(2)
    await world.kept(a)
    world.clock.advance(7201)

    async def request(process: Any) -> tuple[str, Any]:
        session = await process.get()
        return (await session.user.me()).sub, session

    found = await asyncio.gather(*(request(each) for each in (a, b) for _ in range(50)))
    assert len({sub for sub, _ in found}) == 1
    assert len({id(session) for _, session in found}) == 2  # one for each process
    assert {await a.get(), await b.get()} == {session for _, session in found}
    world.emulator.assert_spends(1)


async def test_store_down(world: Any) -> None:
    """With the store down a session in use is served, any other is a `StoreError` (B6)."""
    a = await world.join()
    ours = await world.kept(a)
    await a.auth.sessions.put("gone", ours.tokens)
    gc.collect()
    a.store.down()
    assert await a.get() is ours
    await ours.user.me()
    for call in (a.get("gone"), a.auth.sessions.drop("gone"), world.kept(a, "bob")):
        with pytest.raises(errors.StoreError):
            await call
    await world.until(lambda: a.told(told.StoreDegraded))
    assert a.told(told.StoreDegraded)[0].key == KEY


async def test_store_down_and_no_name_known(world: Any) -> None:
    """A session that does not know its user yet is served with the store down, too (B6)."""
    a = await world.join()
    tokens = await a.auth.sign_in.password("alice", PASSWORD)
    ours = await a.auth.sessions.put(KEY, {"refresh_token": tokens.refresh_token})
    a.store.down()
    assert await a.get() is ours


@pytest.mark.parametrize("key", ["", None, 7, b"key"])
async def test_bad_keys(world: Any, key: Any) -> None:
    """A key that is no text is a clear error, before anything is done."""
    a = await world.join()
    tokens = await a.auth.sign_in.password("alice", PASSWORD)
    sessions = a.auth.sessions
    for call in (sessions.get(key), sessions.drop(key), sessions.put(key, tokens)):
        with pytest.raises(errors.ConfigurationError, match="key"):
            await call


async def test_closed_client(world: Any) -> None:
    """A closed client keeps, finds and drops nothing (B14)."""
    a = await world.join()
    tokens = (await world.kept(a)).tokens
    await a.auth.aclose()
    sessions = a.auth.sessions
    for call in (sessions.get(KEY), sessions.drop(KEY), sessions.put(KEY, tokens)):
        with pytest.raises(errors.ClientClosed):
            await call


async def test_closed_session(world: Any) -> None:
    """A session that one request closed does not come back closed to the next (B38)."""
    a = await world.join()
    async with await world.kept(a) as ours:
        await ours.user.me()
    again = await a.get()
    assert again is not ours
    assert again.tokens == ours.tokens
    await again.user.me()


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "tries": []}']
)
async def test_unreadable_record(world: Any, value: bytes) -> None:
    """A record that cannot be read: a session in use repairs it, otherwise it is told (B26)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    world.disk._records[KEY] = Record(7, value)
    with pytest.raises(errors.StoreCorrupt):
        await b.auth.sessions.get(KEY)
    assert await a.get() is ours
    world.clock.advance(7201)
    await ours.user.me()
    assert (await b.get()).tokens == ours.tokens


async def test_later_format(world: Any) -> None:
    """What a later release wrote is neither read as garbage nor overwritten by a refresh."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    record = world.disk._records[KEY]
    newer = Record(record.generation, json.dumps({"format": 2}).encode())
    world.disk._records[KEY] = newer
    with pytest.raises(errors.StoreError, match="release"):
        await b.auth.sessions.get(KEY)
    world.clock.advance(7201)
    with pytest.raises(errors.StoreError, match="release"):
        await ours.access_token()
    assert world.disk._records[KEY] is newer
    assert world.asked == 0


async def _slow_get(world: Any, process: Any) -> tuple[Any, asyncio.Task[Any]]:
    """Begin a `get` whose answer is on its way."""
    gate = process.store.pause("load", done=True)
    getting = asyncio.create_task(process.auth.sessions.get(KEY))
    await gate.arrived.wait()
    return gate, getting


async def test_sign_in_during_a_get(world: Any) -> None:
    """A `get` that saw an empty key does not end the sign-in that came meanwhile (B30)."""
    a = await world.join()
    gate, getting = await _slow_get(world, a)
    ours = await world.kept(a)
    gate.released.set()
    assert await getting is ours
    await ours.user.me()


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_new_sign_in_during_a_get(world: Any, name: str) -> None:
    """A `get` that saw the old sign-in does not put it in the new one's place (B8, B30)."""
    a = await world.join()
    old = await world.kept(a)
    gate, getting = await _slow_get(world, a)
    new = await world.kept(a, name)
    pair = new.tokens
    gate.released.set()
    assert await getting is new
    assert new.tokens is pair
    assert (old is new) == (name == "alice")


async def test_sign_out_during_a_get(world: Any) -> None:
    """A `get` that saw a session does not bring it back after its sign-out (B9)."""
    a = await world.join()
    ours = await world.kept(a)
    gate, getting = await _slow_get(world, a)
    await ours.sign_out()
    gate.released.set()
    assert await getting is None


async def test_refresh_during_a_get(world: Any) -> None:
    """A `get` that saw the older pair does not take the newer one away (B30)."""
    a = await world.join()
    ours = await world.kept(a)
    gate, getting = await _slow_get(world, a)
    newer = await ours.refresh()
    gate.released.set()
    assert await getting is ours
    assert ours.tokens is newer
