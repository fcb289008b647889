"""How long a server's token is handed out, when it is renewed, and what a rejection costs."""

import asyncio
import base64
import itertools
import json
import sys
from typing import Any

import pytest

from cloudbase_auth_async import errors

FIVE_DAYS = 432_000
DAY = 86_400.0


def _short(world: Any, seconds: Any) -> None:
    """Have each exchange answered with a token of that life."""
    body = {"access_token": "short", "token_type": "Bearer", "expires_in": seconds}
    world.fails(status=200, body=json.dumps(body), times=None)


@pytest.mark.parametrize(
    ("age", "exchanges"),
    [(FIVE_DAYS - 301, 1), (FIVE_DAYS - 300, 2), (FIVE_DAYS - 30, 2), (FIVE_DAYS, 2)],
)
async def test_edges_of_a_life(world: Any, age: int, exchanges: int) -> None:
    """Until five minutes before its end one token serves, and no dead one is handed out (B17)."""
    first = await world.server.access_token()
    world.clock.advance(age)
    token = await world.server.access_token()
    assert world.lives(token)
    assert (token == first) == (age < FIVE_DAYS - 30)
    await world.landed()
    assert world.asked == exchanges


async def test_nobody_waits_in_the_advisory_window(world: Any) -> None:
    """In the last five minutes calls return with the live token while one task renews it (B1)."""
    first = await world.server.access_token()
    held = world.fails("hold")
    world.clock.advance(FIVE_DAYS - 299)
    for _ in range(20):
        assert await world.server.access_token() == first
    await held.arrived
    assert world.asked == 2
    held.release()
    await world.landed()
    assert await world.server.access_token() != first
    assert world.asked == 2


async def test_everybody_waits_in_the_mandatory_window(world: Any) -> None:
    """In the last thirty seconds callers wait for the exchange that began before."""
    first = await world.server.access_token()
    held = world.fails("hold")
    world.clock.advance(FIVE_DAYS - 299)
    await world.server.access_token()
    await held.arrived
    world.clock.advance(270)
    waiting = asyncio.create_task(world.server.access_token())
    done, _ = await asyncio.wait((waiting,), timeout=0.01)
    assert not done
    held.release()
    assert await waiting != first
    assert world.asked == 2


async def test_failed_early_renewals(world: Any) -> None:
    """A service that is down during the whole window hears of it now and then (B19, B40)."""
    first = await world.server.access_token()
    world.fails(times=None, status=403, body=b'{"error": "aborted"}')
    world.clock.advance(FIVE_DAYS - 300)
    instants: list[float] = []
    for _ in range(299):
        asked = world.asked
        assert await world.server.access_token() == first
        await world.landed()
        if world.asked > asked:
            instants.append(world.clock.monotonic())
        world.clock.advance(1)
    assert 5 <= len(instants) <= 16
    gaps = [late - early for early, late in itertools.pairwise(instants)]
    assert max(gaps) <= 61
    assert gaps[-1] > gaps[0]
    world.emulator.faults.clear()
    world.clock.advance(61)
    assert world.lives(await world.server.access_token())


@pytest.mark.parametrize("skew", [-DAY, -3600.0, 0.0, 3600.0, DAY])
@pytest.mark.parametrize("opaque", [False, True])
async def test_wrong_wall_clock(skewed: Any, skew: float, *, opaque: bool) -> None:
    """Lives are counted on the monotonic clock from before the request (B17)."""
    async with skewed(skew, method="basic", opaque_access_tokens=opaque) as world:
        for _ in range(30 * 24):
            assert world.lives(await world.server.access_token())
            await world.landed()
            world.clock.advance(3600)
        assert world.asked == pytest.approx(30 * 24 * 3600 / FIVE_DAYS, abs=1)


@pytest.mark.parametrize(("life", "ideal"), [(1, 60), (5, 15), (60, 1.25)])
async def test_short_lives(world: Any, life: int, ideal: float) -> None:
    """A token of five seconds is used for four, and does not cost one exchange a call (B17)."""
    _short(world, life)
    for _ in range(60):
        await asyncio.gather(*(world.server.access_token() for _ in range(20)))
        await world.landed()
        world.clock.advance(1)
    assert world.asked == pytest.approx(ideal, abs=1)


@pytest.mark.parametrize("life", [0, -1, None])
async def test_no_life_at_all(world: Any, life: Any) -> None:
    """A token whose end nobody tells serves until it is rejected (B17)."""
    _short(world, life)
    for _ in range(100):
        assert await world.server.access_token() == "short"
        world.clock.advance(100_000)
    assert world.asked == 1


async def test_dead_on_arrival(world: Any) -> None:
    """A token that was dead before it came is not handed out, nor is another got at once (B40)."""
    held = world.fails("hold", when="after")
    callers = [asyncio.create_task(world.server.access_token()) for _ in range(10)]
    await held.arrived
    world.clock.advance(FIVE_DAYS)
    held.release()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.SessionError}
    assert world.asked == 1
    world.clock.advance(1)
    assert world.lives(await world.server.access_token())


async def test_invalidate_by_name(world: Any) -> None:
    """Only the current token can be given up, however often an old one is named (B30)."""
    first = await world.server.access_token()
    world.server.invalidate("another")
    assert await world.server.access_token() == first
    world.server.invalidate(first)
    second = await world.server.access_token()
    assert second != first
    for _ in range(20):
        world.server.invalidate(first)
    assert await world.server.access_token() == second
    assert world.asked == 2


async def test_invalidate_before_there_is_one(world: Any) -> None:
    """Giving up a token when there is none does nothing."""
    world.server.invalidate("another")
    assert not world.server._held.rejected("another")
    assert world.asked == 0


async def test_invalidated_while_it_is_renewed(world: Any) -> None:
    """A token given up during its renewal is followed by the one under way (B30)."""
    first = await world.server.access_token()
    held = world.fails("hold")
    world.clock.advance(FIVE_DAYS - 299)
    await world.server.access_token()
    await held.arrived
    world.server.invalidate(first)
    waiting = asyncio.create_task(world.server.access_token())
    await asyncio.sleep(0)
    held.release()
    assert await waiting != first
    assert world.asked == 2


async def _meddled(world: Any, times: int) -> Any:
    """Have a token invalidated as soon as it comes, before its caller is told, so many times."""
    left = [times]

    def landed(_: Any) -> None:
        world.server.invalidate(world.server.tokens.access_token)
        left[0] -= 1
        if left[0]:
            world.server._held._under_way().add_done_callback(landed)

    world.server._held._under_way().add_done_callback(landed)
    return await world.server.access_token()


async def test_rejected_before_it_is_handed_out(world: Any) -> None:
    """A token that was given up before its caller woke is followed by another (B31)."""
    assert world.lives(await _meddled(world, 1))
    assert world.asked == 2


async def test_rejected_again_and_again(world: Any) -> None:
    """Nobody asks for ever: the second time, the caller is told (B19)."""
    with pytest.raises(errors.SessionError, match="rejected meanwhile"):
        await _meddled(world, 2)
    assert world.asked == 2
    assert world.lives(await world.server.access_token())


@pytest.mark.parametrize("invalidated", [False, True])
async def test_service_whose_clock_jumps(world: Any, *, invalidated: bool) -> None:
    """A life that only the service's clock tells is counted anew when that clock is set (B17)."""
    claims = json.dumps({"exp": int(world.clock.wall()) + 7200}).encode()
    token = "e30." + base64.urlsafe_b64encode(claims).rstrip(b"=").decode() + ".e30"
    world.fails(status=200, body=json.dumps({"access_token": token}))
    assert await world.server.access_token() == token
    world.clock.step_wall(7000)
    with pytest.raises(errors.ApiError):
        await world.auth.sign_in.password("nobody", "at all")  # hears what time it is
    if invalidated:
        world.server.invalidate(token)
    else:
        assert await world.server.access_token() == token
        world.clock.advance(201)
    assert await world.server.access_token() != token
    assert world.asked == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks here")
async def test_eager_tasks(world: Any) -> None:
    """Where tasks begin at once, one exchange still serves all (B1)."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - not in Python 3.11
    try:
        tokens = await asyncio.gather(*(world.server.access_token() for _ in range(20)))
    finally:
        loop.set_task_factory(None)
    assert len(set(tokens)) == 1
    assert world.asked == 1
