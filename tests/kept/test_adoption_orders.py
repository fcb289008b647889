"""Adoptions that come between others of the same user: nobody but who signed out is signed out."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import TokenPair, errors
from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._records import read
from cloudbase_auth_async._succession import Succession

PASSWORD = "Passw0rd!"
KEY = "the-key-of-alice"


def _kept(world: Any) -> TokenPair:
    return read(world.disk._records[KEY]).pair


async def _again(process: Any) -> TokenPair:
    """Sign in once more."""
    pair: TokenPair = await process.auth.sign_in.password("alice", PASSWORD)
    return pair


def _sign_in() -> Call[TokenPair]:
    """Return a call that brings tokens."""
    body = {"username": "alice", "password": PASSWORD}
    form = Form(method="POST", route="/signin", auth=Auth.CLIENT, body=body)
    return Call(operation="test", answer=TokenPair, forms=(form,))


async def _lives_on(world: Any, process: Any, pair: TokenPair) -> None:
    """Check that a key holds a pair, and serves who has it and who comes later."""
    assert _kept(world).refresh_token == pair.refresh_token
    session = await process.get()
    assert (await session.user.me()).sub == pair.sub
    newcomer = await (await world.join()).get()
    world.clock.advance(7201)
    await newcomer.user.me()
    await session.user.me()
    world.emulator.assert_spends(1)


async def test_a_refresh_that_found_the_key_free(world: Any) -> None:
    """A refresh that saw a sign-out does not end the sign-in that came right after it (B8, B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    await (await b.get()).sign_out()
    found = a.store.pause("load", done=True)
    refreshing = asyncio.create_task(session.refresh())
    await found.arrived.wait()
    later = await world.kept(b)
    written = a.store.pause("replace", done=True)
    adopting = asyncio.create_task(session.adopt(pair))
    await written.arrived.wait()
    found.released.set()
    with pytest.raises(errors.NotSignedIn):
        await refreshing
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert await b.get() is later
    await _lives_on(world, b, pair)


async def test_a_sign_out_of_the_sign_in_before(world: Any) -> None:
    """Signed out by who did not see a later sign-in of its own process, that one lives on (B9)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    put = a.store.pause("replace", done=True)
    putting = asyncio.create_task(world.kept(a))
    await put.arrived.wait()
    written = a.store.pause("replace")
    adopting = asyncio.create_task(session.adopt(pair))
    await written.arrived.wait()
    await session.sign_out()
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    put.released.set()
    later = await putting
    assert later is not session
    await _lives_on(world, a, pair)
    assert (await later.refresh()).sub == pair.sub


async def _signed_out_over(
    world: Any, a: Any, session: Any, begun: Any, *, how: str = ""
) -> tuple[Any, Any]:
    """
    Sign in elsewhere, begin to write an adoption over that, and sign the session out meanwhile.

    Args:
        world: where.
        a: the process of the session.
        session: what adopts.
        begun: begins the adoption.
        how: what befalls the answer to the writing, such as `loses`; nothing unless given.

    Returns:
        the adoption, under way, and where the writing waits.
    """
    written = a.store.pause("replace", done=how != "fails")
    if how:
        setattr(a.store, how, lambda _, name: name == "replace")
    adopting = asyncio.create_task(begun())
    await written.arrived.wait()
    await session.sign_out()
    return adopting, written


@pytest.mark.parametrize("how", ["", "loses"], ids=["written", "the answer is lost"])
@pytest.mark.parametrize("call", [True, False], ids=["succession", "adoption"])
async def test_what_a_later_sign_in_has_by_then(
    world: Any,
    how: str,
    call: bool,  # noqa: FBT001
) -> None:
    """The pair serves the later sign-in it was written over, and is not revoked (B8, B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    later = await world.kept(b)
    over = Succession(session._owned)
    adopting, written = await _signed_out_over(
        world,
        a,
        session,
        (lambda: over.call(_sign_in())) if call else (lambda: session.adopt(pair)),
        how=how,
    )
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert await b.get() is later
    pair = later.tokens if call else pair
    await _lives_on(world, b, pair)
    await later.sign_out()
    assert KEY not in world.disk._records


@pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
async def test_refreshed_by_the_later_sign_in(world: Any, here: bool) -> None:  # noqa: FBT001
    """What the later sign-in has made of the pair by then is left to it (B8, B30)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    await world.kept(b)
    over = Succession(session._owned)
    adopting, written = await _signed_out_over(world, a, session, lambda: over.call(_sign_in()))
    before = _kept(world)
    newer = await (await (a if here else b).get()).refresh()
    assert _kept(world).refresh_token == newer.refresh_token != before.refresh_token
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert _kept(world).refresh_token == newer.refresh_token
    assert world.lives(newer.access_token)
    await (await b.get()).user.me()


async def test_the_store_cannot_say_what_it_has(world: Any) -> None:
    """While nobody knows whether it serves a later sign-in, a pair is not revoked (B6, B8)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    await world.kept(b)
    adopting, written = await _signed_out_over(world, a, session, lambda: session.adopt(pair))
    a.store.fails = lambda _, name: name == "load"
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    await _lives_on(world, b, pair)


async def test_nothing_was_written(world: Any) -> None:
    """A pair that was not written is revoked, and the later sign-in keeps its own (B8, B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    later = (await world.kept(b)).tokens
    adopting, written = await _signed_out_over(
        world, a, session, lambda: session.adopt(pair), how="fails"
    )
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert not world.lives(pair.access_token)
    await _lives_on(world, b, later)


@pytest.mark.parametrize("what", ["a sign-in", "a drop"])
async def test_nobody_has_it_any_more(world: Any, what: str) -> None:
    """A pair that was written and is in the store no longer is revoked (B8, B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    await world.kept(b)
    adopting, written = await _signed_out_over(world, a, session, lambda: session.adopt(pair))
    if what == "a drop":
        await b.auth.sessions.drop(KEY)
    else:
        latest = (await world.kept(b)).tokens
    written.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert not world.lives(pair.access_token)
    if what == "a drop":
        assert KEY not in world.disk._records
    else:
        await _lives_on(world, b, latest)


# A refresh of the old pair is under way


@pytest.mark.parametrize("who", ["meanwhile", "afterwards", "elsewhere"])
async def test_the_old_pair_of_a_session_of_no_store(world: Any, who: str) -> None:
    """Another request with the old pair goes on, with what its refresh under way brings (B38)."""
    a, b = await world.joined(2)
    old = await _again(a)
    session = a.auth.session(old)
    held = world.emulator.faults.add("POST /token", "hold", when="after")
    refreshing = asyncio.create_task(session.refresh())
    await held.arrived
    other = (b if who == "elsewhere" else a).auth.session(old)
    pair = await _again(a)
    await session.adopt(pair)
    held.release()
    assert (await refreshing).refresh_token == session.tokens.refresh_token == pair.refresh_token
    if who == "afterwards":
        other = a.auth.session(old)
    assert (other.tokens.refresh_token == old.refresh_token) == (who == "elsewhere")
    assert (await other.user.me()).sub == (await session.user.me()).sub
    world.emulator.assert_spends(1)


# A look that is late


async def test_a_look_that_a_refresh_and_a_sign_out_came_after(world: Any) -> None:
    """What was read before a refresh does not bring back what was signed out after it (B9)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    elsewhere = await b.get()
    late = a.store.pause("load", done=True)
    looking = asyncio.create_task(a.auth.sessions.get(KEY))
    await late.arrived.wait()
    await session.refresh()
    await elsewhere.sign_out()
    late.released.set()
    assert await looking is None
    assert KEY not in world.disk._records
    with pytest.raises(errors.NotSignedIn):
        await session.user.me()
