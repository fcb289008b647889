"""What a failed exchange costs: a refused key, a service in trouble, a clock that is wrong."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors

DAY = 86_400.0


async def _attempts(world: Any, *, seconds: int) -> int:
    """Call once a second for so long; count what reached the service."""
    before = world.asked
    for _ in range(seconds):
        with pytest.raises(errors.CloudBaseAuthError):
            await world.server.access_token()
        world.clock.advance(1)
    return int(world.asked - before)


@pytest.mark.parametrize("method", ["tc3", "basic"])
async def test_wrong_key(open_world: Any, method: str) -> None:
    """A key that the service refuses is asked with about six times an hour, not 3600 (B19)."""
    async with open_world(method=method, secret_key="not-that-one") as world:
        with pytest.raises(errors.InvalidClient):
            await world.server.access_token()
        assert world.asked == 1
        assert await _attempts(world, seconds=3600) <= 7


@pytest.mark.parametrize("method", ["tc3", "basic"])
async def test_wrong_key_by_hand(world: Any, method: Any) -> None:
    """By hand, a refusal is told at once and the request is not repeated (B19)."""
    with pytest.raises(errors.InvalidClient):
        await world.auth.token.client_credentials("AKIDcanary", "other", method=method)
    assert world.asked == 1


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (401, "unauthorized_client", errors.InvalidClient),
        (401, "unauthenticated", errors.Unauthenticated),
        (403, "permission_denied", errors.PermissionDenied),
    ],
)
async def test_every_refusal_of_a_key(world: Any, status: int, name: str, kind: Any) -> None:
    """However the service puts it, a refused key rests for half a minute at least (B19)."""
    world.fails(times=None, status=status, body=f'{{"error": "{name}"}}'.encode())
    outcomes = [await _outcome(world) for _ in range(10)]
    assert {type(outcome) for outcome in outcomes} == {kind}
    assert len({id(outcome) for outcome in outcomes}) == 10
    assert world.asked == 1
    world.clock.advance(29)
    await _outcome(world)
    assert world.asked == 1
    world.clock.advance(31)
    await _outcome(world)
    assert world.asked == 2


async def _outcome(world: Any) -> Any:
    try:
        return await world.server.access_token()
    except errors.CloudBaseAuthError as failure:
        return failure


async def test_refused_key_that_is_put_right(world: Any) -> None:
    """A key that was let in again is noticed, and the next refusal is a first one (B40)."""
    for _ in range(3):
        world.fails(times=2, status=403, body=b'{"error": "permission_denied"}')
        world.clock.advance(500_000)
        for pause in (60, 120):
            assert isinstance(await _outcome(world), errors.PermissionDenied)
            world.clock.advance(pause)
        assert world.lives(await world.server.access_token())


async def test_trouble_does_not_count_as_refusals(world: Any) -> None:
    """After an outage the first refusal of the key rests no longer than any first one (B19)."""
    for _ in range(8):
        world.fails(status=500)
        assert isinstance(await _outcome(world), errors.ServerUnavailable)
        world.clock.advance(61)
    world.fails(status=403, body=b'{"error": "permission_denied"}')
    assert isinstance(await _outcome(world), errors.PermissionDenied)
    world.clock.advance(60)
    assert world.lives(await world.server.access_token())


async def test_retry_after(world: Any) -> None:
    """A service that asks for ten minutes gets them (B18, B19)."""
    world.fails(times=None, status=429, headers={"Retry-After": "600"})
    with pytest.raises(errors.RateLimited) as told:
        await world.server.access_token()
    assert told.value.retry_after == 600
    assert await _attempts(world, seconds=599) == 0
    world.emulator.faults.clear()
    world.clock.advance(1)
    assert world.lives(await world.server.access_token())
    assert world.asked == 2


async def test_retry_after_is_capped(world: Any) -> None:
    """Who asks for a year is asked again after an hour (B19)."""
    world.fails(status=429, headers={"Retry-After": "31536000"})
    assert isinstance(await _outcome(world), errors.RateLimited)
    world.clock.advance(3599)
    assert isinstance(await _outcome(world), errors.RateLimited)
    world.clock.advance(1)
    assert world.lives(await world.server.access_token())


async def test_dead_service_is_not_hammered(world: Any) -> None:
    """An hour of outage with a call a second costs no more than a hundred and some (B18, B19)."""
    world.fails("status", times=None, status=500)
    assert await _attempts(world, seconds=3600) <= 130
    world.emulator.faults.clear()
    world.clock.advance(61)
    assert world.lives(await world.server.access_token())


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "half_body", "bad_gateway"])
async def test_lost_answer(world: Any, kind: str) -> None:
    """An exchange whose answer was lost is made again at once: it spends nothing (B4)."""
    world.fails(kind)
    assert world.lives(await world.server.access_token())
    assert world.asked == 2


async def test_failures_are_spread(world: Any) -> None:
    """Servers that failed together do not all come back in the same second (B19)."""
    world.fails(times=None, status=500)
    servers = [world.auth.server(f"AKID{number}", "k") for number in range(20)]
    for server in servers:
        with pytest.raises(errors.ServerUnavailable):
            await server.access_token()
    assert len({server._held._setback.until for server in servers}) == len(servers)


async def test_failure_is_logged(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A renewal that nobody waits for leaves one line in the log (B23)."""
    first = await world.server.access_token()
    world.fails(status=500)
    world.clock.advance(432_000 - 200)
    assert await world.server.access_token() == first
    await world.landed()
    (line,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "ServerUnavailable" in line.getMessage()
    assert line.getMessage().count("request") == 1


@pytest.mark.parametrize("skew", [-DAY, -301.0, -200.0, 0.0, 200.0, 302.0, DAY])
@pytest.mark.parametrize("by_hand", [True, False])
async def test_wrong_clock(skewed: Any, skew: float, *, by_hand: bool) -> None:
    """A signature of another day is made once more with the service's time (B17)."""
    async with skewed(skew) as world:
        if by_hand:
            call = world.auth.token.client_credentials
            token = (await call("AKIDcanary", world.emulator._settings.secret_key)).access_token
        else:
            token = await world.server.access_token()
        assert world.lives(token)
        assert world.asked == (1 if abs(skew) < 300 else 2)


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
async def test_absurd_time(world: Any, date: str) -> None:
    """A `Date` at an end of the calendar neither breaks the signing nor spoils it (B17)."""
    head = f"HTTP/1.1 400 No\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n"
    world.emulator.faults.add("POST /signin", "raw", steps=head.encode())
    with pytest.raises(errors.ApiError):
        await world.auth.sign_in.password("nobody", "at all")
    world.clock.advance(5)
    assert world.lives(await world.server.access_token())
    assert world.asked == 1


async def test_nobody_is_shown_a_captcha(open_world: Any) -> None:
    """A captcha that an exchange meets is an error: no server waits for a person (B12)."""
    shown: list[Any] = []

    async def solver(picture: Any) -> None:
        shown.append(picture)
        await asyncio.Event().wait()

    async with open_world({"captcha": solver}) as world:
        world.fails(status=400, body=b'{"error": "captcha_required"}')
        assert isinstance(await _outcome(world), errors.CaptchaRequired)
        assert not shown


@pytest.mark.parametrize("skew", [-DAY, DAY])
async def test_known_time(skewed: Any, skew: float) -> None:
    """A client that heard from the service before signs with its time at once (B17)."""
    async with skewed(skew) as world:
        with pytest.raises(errors.ApiError):
            await world.auth.sign_in.password("nobody", "at all")
        await world.server.access_token()
        assert world.asked == 1


@pytest.mark.parametrize("skew", [-DAY, DAY])
async def test_wrong_clock_and_wrong_key(skewed: Any, skew: float) -> None:
    """With both wrong, the second refusal is the last (B17, B19)."""
    async with skewed(skew, secret_key="not-that-one") as world:
        assert isinstance(await _outcome(world), errors.InvalidClient)
        assert isinstance(await _outcome(world), errors.InvalidClient)
        assert world.asked == 2


@pytest.mark.parametrize("skew", [-DAY, DAY])
async def test_wrong_clock_and_basic(skewed: Any, skew: float) -> None:
    """Nothing is signed in Basic, so a refusal has nothing to do with the time (B17)."""
    async with skewed(skew, method="basic", secret_key="not-that-one") as world:
        assert isinstance(await _outcome(world), errors.InvalidClient)
        assert world.asked == 1


async def test_slow_refusal_is_no_wrong_clock(open_world: Any) -> None:
    """Time that passes during a refused request is no reason to send it again (B17, B19)."""
    async with open_world(secret_key="not-that-one") as world:
        held = world.fails("hold")
        outcome = asyncio.create_task(_outcome(world))
        await held.arrived
        world.clock.advance(100)
        held.release()
        assert isinstance(await outcome, errors.InvalidClient)
        assert world.asked == 1


async def test_deadline_lies_in_the_exchange(open_world: Any) -> None:
    """A service that never answers ends the exchange itself, for all who wait (B5, B12)."""
    async with open_world({"timeout": 0.1}) as world:
        world.fails("hang", times=None)
        callers = (world.server.access_token() for _ in range(10))
        outcomes = await asyncio.gather(*callers, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {errors.RequestTimedOut}
        assert len({id(outcome) for outcome in outcomes}) == 10
        assert world.asked <= 3
