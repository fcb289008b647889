"""Tokens that a user got otherwise: a session goes on with them, and none of them is lost."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import TokenPair, errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._records import read
from cloudbase_auth_async._succession import Succession
from cloudbase_auth_async.errors import StoreError

PASSWORD = "Passw0rd!"
KEY = "the-key-of-alice"


def _kept(world: Any) -> TokenPair:
    return read(world.disk._records[KEY]).pair


async def _again(process: Any, name: str = "alice") -> TokenPair:
    """Sign in once more."""
    pair: TokenPair = await process.auth.sign_in.password(name, PASSWORD)
    return pair


def _sign_in(name: str = "alice") -> Call[TokenPair]:
    """Return a call that brings tokens."""
    body = {"username": name, "password": PASSWORD}
    form = Form(method="POST", route="/signin", auth=Auth.CLIENT, body=body)
    return Call(operation="test", answer=TokenPair, forms=(form,))


async def test_a_kept_session_goes_on(world: Any) -> None:
    """The new pair is in the store, in the session, and told to hooks; another process has it."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    elsewhere = await b.get()
    heard: list[TokenPair | None] = []
    session.on_change(heard.append)
    pair = await _again(a)
    await session.adopt(pair.to_dict())
    assert session.tokens.refresh_token == pair.refresh_token == _kept(world).refresh_token
    await world.until(lambda: heard)
    assert heard == [session.tokens]
    assert await a.auth.sessions.get(KEY) is session
    assert await b.get() is elsewhere
    assert elsewhere.tokens.refresh_token == pair.refresh_token
    world.clock.advance(7201)
    await session.user.me()
    await elsewhere.user.me()
    world.emulator.assert_spends(1)


async def test_sign_out_afterwards(world: Any) -> None:
    """A sign-out right after an adoption takes the new pair out of the store (B9)."""
    a = await world.join()
    session = await world.kept(a)
    await session.adopt(await _again(a))
    await session.sign_out()
    assert KEY not in world.disk._records


async def test_closed_in_the_middle(world: Any, leap: Callable[[float], None]) -> None:
    """A client that is closed over a succession says so to whoever waits (B13)."""
    a = await world.join()
    session = await world.kept(a)
    held = world.emulator.faults.add("POST /signin", "hold", when="after")
    caller = asyncio.create_task(Succession(session._owned).call(_sign_in()))
    await held.arrived
    await world.closed(a, leap)
    with pytest.raises(errors.ClientClosed):
        await caller


async def test_a_session_of_no_store_goes_on(world: Any) -> None:
    """Without a store it is the session alone that changes, and an old failure means nothing."""
    a = await world.join()
    session = a.auth.session(await _again(a))
    world.emulator.faults.add(
        "POST /token", "status", status=400, body=b'{"error":"invalid_grant"}'
    )
    with pytest.raises(errors.SessionEnded):
        await session.refresh()
    pair = await _again(a)
    await session.adopt(pair)
    assert (await session.user.me()).sub == pair.sub
    assert session.can_refresh


async def test_another_users_tokens(world: Any) -> None:
    """The tokens of somebody else are refused, and nothing has changed anywhere (B8)."""
    a = await world.join()
    session = await world.kept(a)
    before = session.tokens
    with pytest.raises(errors.SubjectChanged):
        await session.adopt(await _again(a, "bob"))
    assert session.tokens is before
    assert _kept(world).refresh_token == before.refresh_token


async def test_nothing_to_go_on_from(world: Any) -> None:
    """A session that is signed out or closed takes no tokens, and says which."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    await session.sign_out()
    with pytest.raises(errors.NotSignedIn):
        await session.adopt(pair)
    assert KEY not in world.disk._records
    closed = a.auth.session(pair)
    await closed.aclose()
    with pytest.raises(errors.ClientClosed):
        await closed.adopt(pair)
    with pytest.raises(errors.ConfigurationError, match="access_token"):
        await session.adopt({})


@pytest.mark.parametrize("refresh", [True, False], ids=["with", "without"])
@pytest.mark.parametrize("how", ["fails", "loses"])
async def test_the_store_fails(world: Any, how: str, refresh: bool) -> None:  # noqa: FBT001
    """The pair is served from memory, and is in the store as soon as that is back (B6, B29)."""
    a = await world.join()
    first = await _again(a)
    first = first if refresh else TokenPair(access_token=first.access_token)
    session = await a.auth.sessions.put(KEY, first)
    pair = await _again(a)
    a.store.heal()
    setattr(a.store, how, lambda _, name: name == "replace")
    await session.adopt(pair)
    assert session.tokens.refresh_token == pair.refresh_token
    (event,) = a.told(told.StoreDegraded)
    assert event.unsaved
    a.store.heal()
    world.clock.advance(10)
    await world.until(lambda: a.told(told.StoreRecovered))
    assert _kept(world).refresh_token == pair.refresh_token


async def test_the_store_never_comes_back(world: Any) -> None:
    """Closing the client says that the pair is in memory only (B6)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    a.store.down()
    await session.adopt(pair)
    with pytest.raises(StoreError, match="could not be stored"):
        await a.auth.aclose()
    assert session.tokens.refresh_token == pair.refresh_token


async def test_a_refresh_under_way(world: Any) -> None:
    """A refresh of the old pair does not bring it back; what it bought is revoked (B30)."""
    a = await world.join()
    session = await world.kept(a)
    held = world.emulator.faults.add("POST /token", "hold", when="after")
    caller = asyncio.create_task(session.refresh())
    await held.arrived
    pair = await _again(a)
    await session.adopt(pair)
    held.release()
    assert (await caller).refresh_token == pair.refresh_token
    assert session.tokens.refresh_token == pair.refresh_token == _kept(world).refresh_token
    await world.until(lambda: world.signed_in == 1)
    assert world.lives(pair.access_token)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_sign_out_meanwhile(world: Any, done: bool) -> None:  # noqa: FBT001
    """A sign-out while the pair is written wins: nothing is left, here or in the store (B9)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace", done=done)
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    leaving = asyncio.create_task(session.sign_out())
    await world.turn(5)
    gate.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    await leaving
    assert KEY not in world.disk._records


async def test_succession_is_not_cancelled(world: Any) -> None:
    """Cancelling the caller at any await loses neither the answer nor the store (B5, B29)."""
    for turns in range(30):
        a = await world.join()
        session = await world.kept(a)
        before = session.tokens
        caller = asyncio.create_task(Succession(session._owned).call(_sign_in()))
        await world.turn(turns)
        caller.cancel()
        await asyncio.wait({caller})
        await world.until(lambda auth=a.auth: not auth._background._tasks)
        assert session.tokens.refresh_token == _kept(world).refresh_token
        assert (session.tokens is before) == (turns == 0)
        await session.user.me()


async def test_succession_of_another_user(world: Any) -> None:
    """An answer of another user is revoked, and the session goes on with what it had (B8)."""
    a = await world.join()
    session = await world.kept(a)
    before = session.tokens
    with pytest.raises(errors.SubjectChanged):
        await Succession(session._owned).call(_sign_in("bob"))
    assert session.tokens is before
    assert world.signed_in == 1


async def test_succession_after_a_sign_out(world: Any) -> None:
    """An answer that comes after a sign-out is revoked (B9)."""
    a = await world.join()
    session = await world.kept(a)
    held = world.emulator.faults.add("POST /signin", "hold", when="after")
    caller = asyncio.create_task(Succession(session._owned).call(_sign_in()))
    await held.arrived
    await session.sign_out()
    held.release()
    with pytest.raises(errors.NotSignedIn):
        await caller
    assert world.signed_in == 0
    assert KEY not in world.disk._records


async def test_transfer(world: Any) -> None:
    """The session goes on with the tokens that a transfer brings, in the store first (B29)."""
    a = await world.join()
    session = await a.auth.sessions.put(KEY, await a.auth.sign_in.anonymously())
    before = session.tokens
    pair = await session.providers.transfer(world.emulator.provider_token("github"))
    assert pair.sub == before.sub
    assert session.tokens.refresh_token == pair.refresh_token == _kept(world).refresh_token
    assert [each.id for each in await session.providers.list()] == ["github"]


async def test_transfer_to_another_user(world: Any) -> None:
    """Tokens of another user are handed out, and are not the session's (B8)."""
    a = await world.join()
    session = await world.kept(a)
    before, bob = session.tokens, await _again(a, "bob")
    answer = json.dumps(bob.to_dict() | {"expires_at": None}).encode()
    world.emulator.faults.add("PATCH /user/trans/by/provider", "status", status=200, body=answer)
    pair = await session.providers.transfer("a token")
    assert (pair.sub, session.tokens) == (bob.sub, before)
    assert world.lives(pair.access_token)
