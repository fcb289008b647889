"""Adoptions while other processes act on the key; what a record says to who adopted."""

import asyncio
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import TokenPair, errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._records import Kept, line, read, same_line, written
from cloudbase_auth_async._standing import Known, Standing, standing

PASSWORD = "Passw0rd!"
KEY = "the-key-of-alice"


def _kept(world: Any) -> TokenPair:
    return read(world.disk._records[KEY]).pair


async def _again(process: Any, name: str = "alice") -> TokenPair:
    """Sign in once more."""
    pair: TokenPair = await process.auth.sign_in.password(name, PASSWORD)
    return pair


# Another process refreshes


async def test_refreshed_elsewhere_after_a_lost_answer(world: Any) -> None:
    """What another process made of an adopted pair is taken, and not revoked (B29, B30)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    a.store.loses = lambda _, name: name == "replace"
    await session.adopt(pair)
    newer = await (await b.get()).refresh()
    assert _kept(world).refresh_token == newer.refresh_token
    a.store.heal()
    world.clock.advance(10)
    await world.until(lambda: a.told(told.StoreRecovered))
    assert world.lives(newer.access_token)
    assert (await a.get()).tokens.refresh_token == newer.refresh_token
    await session.user.me()
    await (await b.get()).user.me()


async def test_refreshed_elsewhere_before_the_answer(world: Any) -> None:
    """A session that found what became of the pair does not go back to it (B30)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    await b.get()
    heard: list[TokenPair | None] = []
    session.on_change(heard.append)
    gate = a.store.pause("replace", done=True)
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    newer = await (await b.get()).refresh()
    await session.refresh()
    gate.released.set()
    await adopting
    await world.until(lambda: heard)
    assert [each and each.refresh_token for each in heard] == [newer.refresh_token]
    assert session.tokens.refresh_token == _kept(world).refresh_token == newer.refresh_token


# Another process signs out, or gives the key away


async def test_the_key_is_another_users_by_now(world: Any) -> None:
    """Who got the key meanwhile keeps it; the session that adopts is over (B8)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    await (await b.get()).sign_out()
    bob = await _again(b, "bob")
    await b.auth.sessions.put(KEY, bob)
    with pytest.raises(errors.NotSignedIn):
        await session.adopt(await _again(a))
    assert _kept(world).refresh_token == bob.refresh_token
    (over,) = a.told(told.SessionOver)
    assert over.reason == "replaced"


async def test_signed_out_elsewhere(world: Any) -> None:
    """A session that was signed out elsewhere does not come back by an adoption (B9)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    await (await b.get()).sign_out()
    with pytest.raises(errors.NotSignedIn):
        await session.adopt(await _again(a))
    assert KEY not in world.disk._records
    (over,) = a.told(told.SessionOver)
    assert over.reason == "elsewhere"
    with pytest.raises(errors.NotSignedIn):
        await session.user.me()


async def test_transfer_answered_after_a_sign_out_elsewhere(world: Any) -> None:
    """What a transfer brings after a sign-out elsewhere is revoked, and not kept (B9)."""
    a, b = await world.joined(2)
    session = await a.auth.sessions.put(KEY, await a.auth.sign_in.anonymously())
    elsewhere = await b.get()
    held = world.emulator.faults.add("PATCH /user/trans/by/provider", "hold", when="after")
    caller = asyncio.create_task(
        session.providers.transfer(world.emulator.provider_token("github"))
    )
    await held.arrived
    await elsewhere.sign_out()
    held.release()
    with pytest.raises(errors.NotSignedIn):
        await caller
    assert KEY not in world.disk._records
    assert world.signed_in == 0


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
async def test_a_new_sign_in_meanwhile(world: Any, who: str, here: bool) -> None:  # noqa: FBT001
    """A sign-in after a sign-out is neither overwritten nor deleted by an adoption (B8, B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace")
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    await session.sign_out()
    other = a if here else b
    later = await _again(other, who)
    await other.auth.sessions.put(KEY, later)
    gate.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert _kept(world).refresh_token == later.refresh_token
    assert (await (await other.get()).user.me()).sub == later.sub


async def test_the_key_was_another_users_meanwhile(world: Any) -> None:
    """A session that lost its key does not get it back because its user signs in again (B9)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace")
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    await world.kept(a, "bob")
    later = await world.kept(a)
    gate.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert later is not session
    assert _kept(world).refresh_token == later.tokens.refresh_token


async def test_put_after_it_was_written(world: Any) -> None:
    """A sign-in put after the pair was written is what the session goes on with (B30)."""
    a = await world.join()
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace", done=True)
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    later = await _again(a)
    assert await a.auth.sessions.put(KEY, later) is session
    gate.released.set()
    await adopting
    assert session.tokens.refresh_token == _kept(world).refresh_token == later.refresh_token
    await session.sign_out()
    assert KEY not in world.disk._records


async def test_again_after_it_was_found_to_be_over(world: Any) -> None:
    """A session that was found signed out elsewhere does not take a later sign-in's key (B9)."""
    a, b = await world.joined(2)
    session = await world.kept(a)
    elsewhere = await b.get()
    a.store.down()
    await session.adopt(await _again(a))
    await elsewhere.sign_out()
    a.store.heal()
    world.clock.advance(10)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    later = await world.kept(b)
    with pytest.raises(errors.NotSignedIn):
        await session.adopt(await _again(a))
    assert _kept(world).refresh_token == later.tokens.refresh_token


@pytest.mark.parametrize(
    "how",
    ["transfer", "adopt", "adopt twice", "the same", "the second unstored", "refreshed", "refresh"],
)
async def test_sign_out_by_who_has_not_looked(world: Any, how: str) -> None:
    """A sign-out in a process that missed what became of the session ends it all the same (B9)."""
    a, b = await world.joined(2)
    begun = await (a.auth.sign_in.anonymously() if how == "transfer" else _again(a))
    session = await a.auth.sessions.put(KEY, begun)
    elsewhere = await b.get()
    if how == "transfer":
        await session.providers.transfer(world.emulator.provider_token("github"))
    elif how != "refresh":
        await session.adopt(begun if how == "the same" else await _again(a))
    if how == "the second unstored":
        a.store.down()
    if how in ("adopt twice", "the second unstored"):
        await session.adopt(await _again(a))
    if how in ("refreshed", "refresh"):
        await session.refresh()
    a.store.heal()
    world.clock.advance(10)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    tokens = session.tokens
    await elsewhere.sign_out()
    assert KEY not in world.disk._records
    assert not world.lives(tokens.access_token)
    with pytest.raises(errors.NotSignedIn):
        await session.refresh()


# Tokens that do not say whose they are


async def test_opaque_tokens_of_another_user(world: Any) -> None:
    """A refresh finds out whose tokens they were; nobody becomes another user (B8)."""
    a = await world.join()
    session = await world.kept(a)
    alice, bob = session.tokens, await _again(a, "bob")
    await session.adopt({"access_token": "opaque", "refresh_token": bob.refresh_token})
    assert session.tokens.sub == alice.sub
    with pytest.raises(errors.SubjectChanged):
        await session.refresh()
    assert session.tokens.sub == _kept(world).sub == alice.sub


@pytest.mark.parametrize("opaque", [True, False], ids=["opaque", "claims"])
async def test_tokens_without_a_name(open_world: Any, opaque: bool) -> None:  # noqa: FBT001
    """Other processes go on with tokens that came without the user's name (B7)."""
    async with open_world(opaque_access_tokens=opaque) as world:
        a, b = await world.joined(2)
        session = await world.kept(a)
        elsewhere = await b.get()
        pair = await _again(a)
        await session.adopt(
            {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
        )
        assert session.tokens.sub == pair.sub
        assert (await elsewhere.refresh()).sub == pair.sub


# What a record says


def _pair(name: str, sub: str | None = "alice") -> TokenPair:
    return TokenPair(access_token=f"access-{name}", refresh_token=name, sub=sub)


def _generation(of: int, count: int = 1) -> int:
    return of << 20 | count


# The store had the session in line 1; a pair of line 2 was written, or was to be.
UNSTORED = Known(
    _pair("new"),
    _generation(2),
    bought_with="old",
    instead_of=(_generation(1, 5),),
    follows=1,
)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (Kept(generation=_generation(1, 5), pair=_pair("old")), Standing.OURS),
        (Kept(generation=_generation(1, 3), pair=_pair("older")), Standing.OURS),
        (Kept(generation=_generation(1, 9), pair=_pair("refreshed")), Standing.OURS),
        (Kept(generation=_generation(1, 9), pair=_pair("refreshed", None)), Standing.OURS),
        (Kept(generation=_generation(1, 9), pair=_pair("r"), ended=True), Standing.OURS),
        (Kept(generation=_generation(1, 9), pair=_pair("r", "bob")), Standing.REPLACED),
        (Kept(generation=_generation(2), pair=_pair("new")), Standing.SAME),
        (Kept(generation=_generation(2, 4), pair=_pair("newer")), Standing.THEIRS),
        (Kept(generation=_generation(2, 4), pair=_pair("n"), ended=True), Standing.ENDED),
        (Kept(generation=_generation(3), pair=_pair("later")), Standing.THEIRS),
        (Kept(generation=_generation(3), pair=_pair("later", None)), Standing.REPLACED),
        (Kept(generation=_generation(3), pair=_pair("old", None)), Standing.OURS),
        (None, Standing.GONE),
    ],
)
def test_what_a_record_says_to_an_unstored_adoption(there: Kept | None, found: Standing) -> None:
    """Whatever became of the replaced line gives way; what became of the new one is taken (B30)."""
    assert standing(there, UNSTORED) is found


def test_a_line_that_is_both_old_and_ours() -> None:
    """What descends from the pair is taken, even in a line that it came in place of (B30)."""
    both = attrs.evolve(UNSTORED, instead_of=(_generation(2),), bought_with="")
    newer = Kept(generation=_generation(2, 4), pair=_pair("newer"))
    assert standing(newer, both) is Standing.THEIRS
    assert standing(newer, attrs.evolve(UNSTORED, instead_of=())) is Standing.THEIRS


def test_nothing_is_superseded_once_it_is_stored() -> None:
    """What is in the store for certain comes in place of nothing more (B30)."""
    known = Known.of(Kept(generation=_generation(2), pair=_pair("new"), follows=1))
    assert (known.instead_of, known.bought_with, known.root) == ((), None, 1)
    older = Kept(generation=_generation(1, 9), pair=_pair("old"))
    assert standing(older, known) is Standing.THEIRS


def test_where_a_session_was_begun() -> None:
    """A record that follows another line names that one, in the store too; else its own (B9)."""
    begun = Kept(generation=_generation(7, 3), pair=_pair("old"))
    assert (begun.root, Known.of(begun).root, line(begun.generation)) == (7, 7, 7)
    follows = Kept(generation=_generation(9), pair=_pair("new"), follows=begun.root)
    assert (follows.root, Known.of(follows).root) == (7, 7)
    assert read(written(follows)).root == 7
    assert read(written(begun)).root == 7
    assert b"follows" not in written(begun).value
    assert same_line(begun.generation, _generation(7, 99))
    assert not same_line(begun.generation, follows.generation)


@pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
@pytest.mark.parametrize("looked", [True, False], ids=["looked", "not looked"])
async def test_sign_out_of_a_sign_in_that_was_followed(
    world: Any,
    here: bool,  # noqa: FBT001
    looked: bool,  # noqa: FBT001
) -> None:
    """Adopted over a later sign-in, the pair ends with that one's sign-out, too (B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    gate = a.store.pause("replace")
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    later = await world.kept(a if here else b)
    gate.released.set()
    await adopting
    assert _kept(world).refresh_token == pair.refresh_token
    if looked:
        await (a if here else b).get()
    await later.sign_out()
    assert KEY not in world.disk._records
    assert not world.lives(pair.access_token)


async def test_sign_out_of_who_follows_a_later_sign_in(world: Any) -> None:
    """Signed out while the answer to such a writing is lost, the later sign-in lives on (B9)."""
    a, b = await world.joined(2)
    session, pair = await world.kept(a), await _again(a)
    later = await world.kept(b)
    gate = a.store.pause("replace", done=True)
    a.store.loses = lambda _, name: name == "replace"
    adopting = asyncio.create_task(session.adopt(pair))
    await gate.arrived.wait()
    await session.sign_out()
    gate.released.set()
    with pytest.raises(errors.NotSignedIn):
        await adopting
    assert _kept(world).refresh_token == pair.refresh_token
    assert (await later.user.me()).sub == pair.sub
    await later.sign_out()
    assert KEY not in world.disk._records
    assert not world.lives(pair.access_token)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
async def test_a_pair_of_doubt_of_another_session(world: Any, kept: bool) -> None:  # noqa: FBT001
    """What another session here knows of the pair's token holds for who adopts it (B4)."""
    a = await world.join()
    session, pair = a.auth.session(await _again(a)), await _again(a)
    if kept:
        session = await world.kept(a)
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", "drop_after")
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await a.auth.session(pair).access_token()
    await session.adopt(pair)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.access_token()
    assert world.asked == 1
