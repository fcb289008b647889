"""Accidents while a session takes tokens its user got otherwise: the store, a close, a refresh."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import TokenPair, errors
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


def _sign_in() -> Call[TokenPair]:
    """Return a call that brings tokens."""
    body = {"username": "alice", "password": PASSWORD}
    form = Form(method="POST", route="/signin", auth=Auth.CLIENT, body=body)
    return Call(operation="test", answer=TokenPair, forms=(form,))


async def _mended(world: Any, process: Any) -> None:
    """Mend the store, and give what is unsaved the time to be saved."""
    process.store.heal()
    world.clock.advance(10)
    await world.until(lambda: not process.auth._exchange.saving._unsaved)


def _spoilt(number: int) -> Any:
    """Return what fails every writing after the first so many."""
    written: list[str] = []

    def fails(_: int, name: str) -> bool:
        if name == "replace":
            written.append(name)
        return name == "replace" and len(written) > number

    return fails


# The store fails


async def test_over_a_pair_that_was_refreshed_elsewhere(world: Any) -> None:
    """Unstored, a new sign-in is written over what another process made of the old one (B6)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    await (await b.get()).refresh()
    pair = await _again(a)
    a.store.fails = lambda _, name: name == "replace"
    await session.adopt(pair)
    await _mended(world, a)
    assert session.tokens.refresh_token == _kept(world).refresh_token == pair.refresh_token
    assert world.lives(await session.access_token())


async def test_over_a_pair_that_was_not_stored(world: Any) -> None:
    """A new sign-in wins over an unstored refresh, and neither is revoked for the other (B6)."""
    a = await world.join()
    session = await world.kept(a)
    a.store.fails = _spoilt(1)  # the claim is written, and nothing after it
    await session.refresh()
    pair = await _again(a)
    await session.adopt(pair)
    await _mended(world, a)
    assert session.tokens.refresh_token == _kept(world).refresh_token == pair.refresh_token
    assert world.lives(pair.access_token)
    world.clock.advance(7201)
    await session.user.me()


async def test_twice_while_the_store_is_away(world: Any) -> None:
    """Of two sign-ins that could not be stored the later one is kept, and lives (B6, B30)."""
    a = await world.join()
    session = await world.kept(a)
    first, second = await _again(a), await _again(a)
    a.store.down()
    await session.adopt(first)
    await session.adopt(second)
    await _mended(world, a)
    assert session.tokens.refresh_token == _kept(world).refresh_token == second.refresh_token
    assert world.lives(second.access_token)


async def test_twice_and_the_first_is_slow(world: Any) -> None:
    """An earlier sign-in that was not stored is not written over a later one (B30)."""
    a = await world.join()
    session = await world.kept(a)
    first, second = await _again(a), await _again(a)
    a.store.down()
    await session.adopt(first)
    await session.adopt(second)
    a.store.heal()
    gate = a.store.pause("load")
    world.clock.advance(10)
    await gate.arrived.wait()
    await world.turn(100)
    gate.released.set()
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert _kept(world).refresh_token == second.refresh_token


async def test_the_newest_of_those_unstored(world: Any) -> None:
    """Of two unstored pairs the later one is found when the session is asked for anew (B6)."""
    a = await world.join()
    session = await world.kept(a)
    a.store.fails = _spoilt(1)
    await session.refresh()
    pair = await _again(a)
    await session.adopt(pair)
    del session
    gc.collect()
    assert (await a.get()).tokens.refresh_token == pair.refresh_token


async def test_the_old_pair_is_put_again(world: Any) -> None:
    """An unstored sign-in wins over the pair it replaced, wherever that comes from (B30)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    before, pair = session.tokens, await _again(a)
    a.store.fails = lambda _, name: name == "replace"
    await session.adopt(pair)
    await b.auth.sessions.put(KEY, before)
    await _mended(world, a)
    assert _kept(world).refresh_token == pair.refresh_token
    assert world.lives(pair.access_token)


async def test_stored_over_one_that_was_not(world: Any) -> None:
    """A stored sign-in is not overwritten by an earlier one that waits to be stored (B30)."""
    a = await world.join()
    session = await world.kept(a)
    first, second = await _again(a), await _again(a)
    a.store.down()
    await session.adopt(first)
    a.store.heal()
    await session.adopt(second)
    await _mended(world, a)
    assert session.tokens.refresh_token == _kept(world).refresh_token == second.refresh_token


@pytest.mark.parametrize("how", ["loses", "down"])
async def test_sign_out_meanwhile(world: Any, how: str) -> None:
    """A sign-out during a writing that goes wrong leaves no session that lives (B9, B6)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace", done=True)
    if how == "loses":
        a.store.loses = lambda _, name: name == "replace"
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    await session.sign_out()
    if how == "down":
        a.store.down()
    gate.released.set()
    with pytest.raises(errors.NotSignedIn if how == "loses" else StoreError):
        await adopting
    assert not world.lives(pair.access_token)
    a.store.heal()
    assert await b.auth.sessions.get(KEY) is None


async def test_sign_out_that_fails_meanwhile(world: Any) -> None:
    """A sign-out that cannot clear the store leaves nothing in it that lives (B9)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace", done=True)
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    a.store.down()
    with pytest.raises(StoreError):
        await session.sign_out()
    gate.released.set()
    with pytest.raises(StoreError):
        await adopting
    assert _kept(world).refresh_token == pair.refresh_token
    assert not world.lives(pair.access_token)


# A refresh meanwhile, in this process


async def test_the_pair_held_is_refreshed_meanwhile(world: Any) -> None:
    """Given the pair it holds, a session keeps what a refresh makes of it meanwhile (B30)."""
    a = await world.join()
    session = await world.kept(a)
    gate = a.store.pause("load")
    adopting = asyncio.create_task(session.adopt(session.tokens))
    await gate.arrived.wait()
    newer = await session.refresh()
    gate.released.set()
    await adopting
    assert session.tokens.refresh_token == _kept(world).refresh_token == newer.refresh_token
    world.clock.advance(7201)
    await session.user.me()


async def test_again_after_a_refresh(world: Any) -> None:
    """Given once more, a pair that was refreshed since does not come back (B30)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    await session.adopt(pair)
    newer = await session.refresh()
    await session.adopt(pair)
    assert session.tokens.refresh_token == newer.refresh_token
    world.clock.advance(7201)
    await session.user.me()


async def test_refreshed_by_another_session_of_it(world: Any) -> None:
    """Without a store, too, a session goes on with what a refresh made of the pair (B30)."""
    a = await world.join()
    session, pair = a.auth.session(await _again(a)), await _again(a)
    newer = await a.auth.session(pair).refresh()
    await session.adopt(pair)
    assert session.tokens.refresh_token == newer.refresh_token
    world.clock.advance(7201)
    await session.user.me()


async def test_refreshed_by_another_session_while_it_is_written(world: Any) -> None:
    """What another session made of the pair during the writing is written after it (B30)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace", done=True)
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    newer = await a.auth.session(pair).refresh()
    gate.released.set()
    await adopting
    assert session.tokens.refresh_token == _kept(world).refresh_token == newer.refresh_token


async def test_one_after_the_other(world: Any) -> None:
    """Of two adoptions at once the one that began later wins, here and in the store (B30)."""
    a = await world.join()
    session = await world.kept(a)
    first, second = await _again(a), await _again(a)
    gate = a.store.pause("load")
    adopting = asyncio.create_task(session.adopt(first))
    await gate.arrived.wait()
    overtaking = asyncio.create_task(session.adopt(second))
    await world.turn(50)
    assert not overtaking.done()
    gate.released.set()
    await asyncio.gather(adopting, overtaking)
    assert session.tokens.refresh_token == _kept(world).refresh_token == second.refresh_token


# The client is closed, or the store has a bug


async def test_closed_while_it_is_written(world: Any, leap: Callable[[float], None]) -> None:
    """A client closed over the writing keeps the pair, and writes it as its last act (B29, B13)."""
    a = await world.join()
    session = await world.kept(a)
    before = session.tokens
    gate = a.store.pause("replace")
    caller = asyncio.create_task(Succession(session._owned).call(_sign_in()))
    await gate.arrived.wait()
    await world.closed(a, leap)
    with pytest.raises(errors.ClientClosed):
        await caller
    assert before.refresh_token != session.tokens.refresh_token == _kept(world).refresh_token


async def test_a_store_with_a_bug(world: Any) -> None:
    """What a store raises that is no `StoreError` comes out, and the pair is not lost (B29)."""
    a = await world.join()
    session = await world.kept(a)
    before, whole = session.tokens, a.store.replace

    async def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    a.store.replace = broken
    with pytest.raises(OSError, match="disk full"):
        await Succession(session._owned).call(_sign_in())
    a.store.replace = whole
    assert session.tokens.refresh_token != before.refresh_token
    assert [each["message"] for each in world.troubles] == ["cloudbase-auth succession failed"]
    world.troubles.clear()
    await _mended(world, a)
    assert session.tokens.refresh_token == _kept(world).refresh_token


async def test_a_store_with_a_bug_after_a_sign_out(world: Any) -> None:
    """What such a store raises after a sign-out comes out as it is, and nothing is kept (B9)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    arrived, released = asyncio.Event(), asyncio.Event()

    async def broken(*_: object, **__: object) -> None:
        arrived.set()
        await released.wait()
        raise OSError("disk full")

    a.store.replace = broken
    adopting = asyncio.create_task(session.adopt(pair))
    await arrived.wait()
    await session.sign_out()
    released.set()
    with pytest.raises(OSError, match="disk full"):
        await adopting
    world.troubles.clear()
    assert not a.auth._exchange.saving._unsaved
    assert KEY not in world.disk._records


# What the tokens are


async def test_another_users_tokens_without_a_store(world: Any) -> None:
    """Another user's tokens are refused where no store is asked, too (B8)."""
    a = await world.join()
    session = a.auth.session(await _again(a))
    before = session.tokens
    with pytest.raises(errors.SubjectChanged):
        await session.adopt(await _again(a, "bob"))
    assert session.tokens is before


async def test_whose_it_is_turns_out_meanwhile(world: Any) -> None:
    """A session that learns during the writing whose it is takes no other user's tokens (B8)."""
    a = await world.join()
    first, bob = await _again(a), await _again(a, "bob")
    nameless = {"access_token": "opaque", "refresh_token": first.refresh_token}
    session = await a.auth.sessions.put(KEY, nameless)
    gate = a.store.pause("replace")
    adopting = asyncio.create_task(session.adopt(bob))
    await gate.arrived.wait()
    newer = await session.refresh()
    gate.released.set()
    with pytest.raises(errors.SubjectChanged):
        await adopting
    assert session.tokens.sub == _kept(world).sub == newer.sub == first.sub


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
async def test_a_refresh_token_alone(world: Any, kept: bool) -> None:  # noqa: FBT001
    """A pair without an access token is refreshed before it is used, and no doubt arises (B29)."""
    a = await world.join()
    session = await world.kept(a) if kept else a.auth.session(await _again(a))
    pair = await _again(a)
    await session.adopt({"refresh_token": pair.refresh_token})
    assert (await session.user.me()).sub == pair.sub
    world.emulator.assert_spends(1)


async def test_a_token_that_no_header_can_hold(world: Any) -> None:
    """Such a token is refused by name, and the session is what it was (B23)."""
    a = await world.join()
    session = a.auth.session(await _again(a))
    before = session.tokens
    with pytest.raises(errors.ConfigurationError, match="access_token") as caught:
        await session.adopt({"access_token": "a\r\nX: y", "refresh_token": "r"})
    assert "X: y" not in str(caught.value)
    assert session.tokens is before
    await session.user.me()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
async def test_the_pair_of_a_doubt(world: Any, kept: bool) -> None:  # noqa: FBT001
    """Given the pair it holds, a session knows as before that its token was sent (B4)."""
    a = await world.join()
    session = await world.kept(a) if kept else a.auth.session(await _again(a))
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", "drop_after")
    for again in (False, True, True):
        if again:
            await session.adopt(session.tokens)
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await session.access_token()
    assert world.asked == 1
