"""Promise 5: a refresh that may have arrived is not sent again blindly."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors

HOUR = 3600
TOKEN = "POST /token"


async def _failed_early(world: Any, kind: Any, **options: Any) -> Any:
    """Return a session whose early refresh went wrong; its access token has 200 s to live."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, kind, **options)
    world.clock.advance(7000)
    await session.access_token()
    await world.landed(session)
    return session


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "half_body"])
async def test_living_token_is_served_to_its_end(world: Any, kind: Any) -> None:
    """A lost answer keeps the pair, serves the access token till it dies, asks nobody (B4)."""
    session = await _failed_early(world, kind)
    kept = session.tokens
    for _ in range(199):
        assert await session.access_token() == kept.access_token
        assert world.lives(kept.access_token)
        world.clock.advance(1)
    await session.user.me()
    assert session.tokens is kept
    assert session.can_refresh
    world.clock.advance(1)
    assert world.asked == 1


async def test_dead_and_unknown(world: Any) -> None:
    """With a dead access token a lost answer is a `RefreshOutcomeUnknown`, the pair kept (B4)."""
    session = await world.session()
    kept = session.tokens
    world.emulator.faults.add(TOKEN, "drop_after")
    world.clock.advance(7201)
    with pytest.raises(errors.RefreshOutcomeUnknown) as caught:
        await session.user.me()
    assert caught.value.__cause__ is None
    assert session.tokens is kept
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.access_token()
    assert world.asked == 1


async def test_unknown_becomes_definite_when_asked_again(world: Any) -> None:
    """The later question finds out that the token is spent, and then the session ends (B4)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "drop_after")
    world.clock.advance(7201)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.access_token()
    world.clock.advance(61)
    with pytest.raises(errors.SessionEnded):
        await session.access_token()
    assert world.asked == 2


async def test_unknown_recovers_by_itself(world: Any) -> None:
    """If the first request never arrived, the later question brings the session back (B40)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "drop_before")
    world.clock.advance(7201)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.access_token()
    world.clock.advance(61)
    assert world.lives(await session.access_token())
    assert (world.asked, world.emulator.spends) == (2, 1)


@pytest.mark.parametrize(("hours", "step"), [(1, 1), (24, 60)])
async def test_a_dead_pair_is_asked_about_seldom(world: Any, hours: int, step: int) -> None:
    """After a lost answer, a call each second or minute asks at most thrice an hour (B4, B19)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "drop_before", times=None)
    world.clock.advance(7201)
    instants: list[float] = []
    for _ in range(hours * HOUR // step):
        asked = world.asked
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await session.access_token()
        if world.asked > asked:
            instants.append(world.clock.monotonic())
        world.clock.advance(step)
    later = instants[1:]
    for begin in later:
        assert len([t for t in later if begin <= t < begin + HOUR]) <= 3
    assert len(later) >= 2 * hours


async def test_refresh_asks_at_once(world: Any) -> None:
    """`session.refresh()` is the caller's word to send the same token again (B4)."""
    session = await _failed_early(world, "drop_before")
    pair = await session.refresh()
    assert pair is session.tokens
    assert (world.asked, world.emulator.spends) == (2, 1)
    await session.user.me()


async def test_refresh_tells_of_a_lost_answer(world: Any) -> None:
    """`session.refresh()` raises though the old access token still lives (B4)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "drop_after")
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.refresh()
    assert world.lives(await session.access_token())


async def test_doubt_outlives_a_later_refusal(world: Any) -> None:
    """A 429 to the second question does not license a third while the access token lives (B4)."""
    session = await _failed_early(world, "drop_before")
    world.emulator.faults.add(TOKEN, "status", status=429)
    with pytest.raises(errors.RateLimited):
        await session.refresh()
    for _ in range(60):
        world.clock.advance(2)
        assert world.lives(await session.access_token())
        await world.landed(session)
    assert world.asked == 2


async def test_doubt_outlives_a_failed_connection(world: Any) -> None:
    """Nor does a refresh that never left make one that may have arrived forgotten (B4)."""
    session = await _failed_early(world, "drop_before")
    await world.emulator.stop_listening()
    with pytest.raises(errors.ConnectFailed):
        await session.refresh()
    await world.emulator.start_listening()
    for _ in range(60):
        world.clock.advance(2)
        assert world.lives(await session.access_token())
        await world.landed(session)
    assert world.asked == 1


async def test_refused_connection_is_retried_silently(open_world: Any) -> None:
    """A refresh that surely never left is sent again, unseen, and spends once (B4)."""
    async with open_world() as world:
        session = await world.session()
        await world.emulator.stop_listening()
        world.clock.advance(7201)
        slept = world.clock.monotonic()
        caller = asyncio.create_task(session.user.me())
        # The pause before the second attempt.
        await world.until(lambda: world.clock.monotonic() > slept)
        await world.emulator.start_listening()
        assert (await caller).sub == session.tokens.sub
        assert (world.asked, world.emulator.spends) == (1, 1)


async def test_nobody_listens(world: Any) -> None:
    """With the service unreachable the error says so, and the session lives on after it (B40)."""
    session = await world.session()
    await world.emulator.stop_listening()
    world.clock.advance(7201)
    with pytest.raises(errors.ConnectFailed) as caught:
        await session.access_token()
    assert not caught.value.may_have_reached_server
    await world.emulator.start_listening()
    world.clock.advance(61)
    await session.user.me()
    assert (world.asked, world.emulator.spends) == (1, 1)


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b'{"access_token": "ey', b"", b"[]", b"{}", b"null"]
)
async def test_answer_that_makes_no_sense(world: Any, body: bytes) -> None:
    """A 200 that is no token answer may have spent the token: unknown, never resent (B4, B29)."""
    session = await world.session()
    kept = session.tokens
    world.emulator.faults.add(TOKEN, "status", status=200, body=body, commit=True)
    world.clock.advance(7201)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.access_token()
    assert session.tokens is kept
    assert world.asked == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"scope": 7},
        {"expires_in": "7200"},
        {"expires_in": 1.5},
        {"expires_in": 10**12},
        {"expires_in": 10**400},
        {"expires_in": -(10**400)},
        {"groups": "user"},
        {"token_type": None},
        {"id_token": 1, "sub": []},
    ],
)
@pytest.mark.parametrize("kind", ["jwt", "opaque"])
async def test_new_pair_is_salvaged(open_world: Any, kind: str, odd: Any) -> None:
    """A wrong or absurd value in an unimportant field does not cost the new pair (B29)."""
    async with open_world(opaque_access_tokens=kind == "opaque") as world:
        session, other = await world.session(), await world.session()
        good = (await world.auth.token.refresh(other.tokens.refresh_token)).to_dict()
        body = {name: good[name] for name in ("access_token", "refresh_token", "expires_in")}
        world.emulator.faults.add(TOKEN, "status", status=200, body=body | odd)
        await asyncio.wait_for(session.refresh(), 20)
        assert session.tokens.access_token == good["access_token"]
        assert session.tokens.refresh_token == good["refresh_token"]
        assert await session.access_token() == good["access_token"]


async def test_bodies_are_not_resent_by_anything_below(world: Any) -> None:
    """Neither the pipeline nor aiohttp sends a refresh twice on a dropped connection (B4, B37)."""
    session = await world.session()
    await session.user.me()
    world.emulator.faults.add(TOKEN, "drop_after", times=None)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.refresh()
    assert world.asked == 1
