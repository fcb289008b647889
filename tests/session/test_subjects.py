"""Promise 12: no user gets another's token."""

import asyncio
import random
from typing import Any

import pytest

from cloudbase_auth_async import errors


async def _swapped(world: Any, session: Any, *, age: int) -> Any:
    """Have a session's next refresh answered with bob's tokens."""
    bob = (await world.auth.sign_in.password("bob", "Passw0rd!")).to_dict()
    body = {name: bob[name] for name in ("access_token", "refresh_token", "expires_in", "sub")}
    world.emulator.faults.add("POST /token", "status", status=200, body=body)
    world.clock.advance(age)
    return session.tokens


async def test_dead_and_swapped(world: Any) -> None:
    """A refresh answered with another user's tokens raises and commits nothing (B8)."""
    session = await world.session()
    told: list[Any] = []
    session.on_change(told.append)
    kept = await _swapped(world, session, age=7201)
    with pytest.raises(errors.SubjectChanged):
        await session.user.me()
    assert session.tokens is kept
    assert len(world.sent("GET /user/me")) == 0
    await world.drained()
    assert told == []


async def test_alive_and_swapped(world: Any) -> None:
    """While the old token lives it is served on, and nobody asks again (B8)."""
    session = await world.session()
    kept = await _swapped(world, session, age=7000)
    for _ in range(190):
        assert await session.access_token() == kept.access_token
        await world.landed(session)
        world.clock.advance(1)
    assert (await session.user.me()).sub == kept.sub
    assert world.asked == 1


async def test_refresh_says_so(world: Any) -> None:
    """`session.refresh()` raises even though the old token lives (B8)."""
    session = await world.session()
    kept = await _swapped(world, session, age=0)
    with pytest.raises(errors.SubjectChanged):
        await session.refresh()
    assert await session.access_token() == kept.access_token


async def test_every_waiter_hears_of_it(world: Any) -> None:
    """None of a hundred callers gets the other user's token (B8)."""
    session = await world.session()
    await _swapped(world, session, age=7201)
    outcomes = await asyncio.gather(
        *(session.access_token() for _ in range(100)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {errors.SubjectChanged}
    assert len({id(outcome) for outcome in outcomes}) == 100


async def test_opaque_and_swapped(open_world: Any) -> None:
    """The answer's own `sub` counts where the token says nothing (B8)."""
    async with open_world(opaque_access_tokens=True) as world:
        session = await world.session()
        await _swapped(world, session, age=7201)
        with pytest.raises(errors.SubjectChanged):
            await session.access_token()


async def test_claims_win_over_the_answer(world: Any) -> None:
    """An answer whose `sub` is right but whose token is another's is caught too (B8)."""
    session = await world.session()
    bob = (await world.auth.sign_in.password("bob", "Passw0rd!")).to_dict()
    body = {"access_token": bob["access_token"], "sub": session.tokens.sub}
    world.emulator.faults.add("POST /token", "status", status=200, body=body)
    with pytest.raises(errors.SubjectChanged):
        await session.refresh()


async def test_unknown_subject_is_learnt(world: Any) -> None:
    """A session made of a bare refresh token takes whoever comes first, and nobody after (B8)."""
    alice = (await world.session()).tokens
    session = world.auth.session(refresh_token=alice.refresh_token)
    assert session.tokens.sub is None
    await session.access_token()
    assert session.tokens.sub == alice.sub
    await _swapped(world, session, age=7201)
    with pytest.raises(errors.SubjectChanged):
        await session.access_token()


async def test_answer_without_a_subject(open_world: Any) -> None:
    """An answer that names nobody keeps the name that is known, and the token if it has none."""
    async with open_world(opaque_access_tokens=True) as world:
        session = await world.session()
        old = session.tokens
        body = {"access_token": "opaque-and-new", "expires_in": 60}
        world.emulator.faults.add("POST /token", "status", status=200, body=body)
        pair = await session.refresh()
        assert (pair.sub, pair.refresh_token) == (old.sub, old.refresh_token)
        assert pair.access_token == "opaque-and-new"


@pytest.mark.parametrize("seed", range(25))
async def test_two_users_interleaved(world: Any, seed: int) -> None:
    """However the calls of two users of one client interleave, no subject crosses (B8)."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible schedule
    sessions = {name: await world.session(name) for name in ("alice", "bob")}
    subs = {name: session.tokens.sub for name, session in sessions.items()}

    async def use(name: str) -> None:
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        profile = await sessions[name].user.me()
        assert profile.sub == subs[name]
        assert sessions[name].unverified_claims["sub"] == subs[name]

    for _ in range(3):
        world.clock.advance(chance.choice([6950, 7201]))
        for session in chance.sample(list(sessions.values()), chance.randrange(2)):
            session.invalidate(session.tokens.access_token)
        await asyncio.gather(*(use(chance.choice(["alice", "bob"])) for _ in range(8)))
