"""Promise 9: clocks lie, and lifetimes are what they are."""

import asyncio
import email.utils
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async.testing import ManualClock

DAY = 86_400.0
SKEWS = [-DAY, -3600.0, -301.0, -61.0, 0.0, 61.0, 301.0, 3600.0, DAY]


class WrongClock:
    """The client's clock: the service's, with the wall clock wrong by so many seconds."""

    def __init__(self, true: ManualClock, skew: float = 0.0) -> None:
        self.true = true
        self.skew = skew

    def wall(self) -> float:
        """Return the true time and the error."""
        return self.true.wall() + self.skew

    def monotonic(self) -> float:
        """Return the true time."""
        return self.true.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the true clock."""
        await self.true.sleep(seconds)


@pytest.fixture
def skewed(open_world: Any) -> Callable[..., Any]:
    """Return a maker of worlds whose client has a wrong wall clock; it is `client_clock`."""

    def make(skew: float, **options: Any) -> Any:
        true = ManualClock()
        wrong = WrongClock(true, skew)
        return open_world({"clock": wrong}, clock=true, **options)

    return make


async def _used(world: Any, session: Any, *, seconds: int, step: int) -> None:
    """Use a session for that long; each token it hands out must live."""
    for _ in range(seconds // step):
        assert world.lives(await session.access_token())
        await world.landed(session)
        world.clock.advance(step)


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("skew", SKEWS)
async def test_wrong_wall_clock(skewed: Any, skew: float, *, opaque: bool) -> None:
    """A wall clock up to a day off refreshes as seldom as a right one (B17)."""
    async with skewed(skew, opaque_access_tokens=opaque) as world:
        session = await world.session()
        await _used(world, session, seconds=12 * 3600, step=30)
        assert world.emulator.spends == 12 * 3600 // 6900


@pytest.mark.parametrize("steps", [(DAY,), (-DAY,), (3600.0, -7200.0, 90_000.0)])
async def test_wall_clock_that_steps(skewed: Any, steps: Any) -> None:
    """A wall clock that somebody sets in the middle of a life changes nothing (B17)."""
    async with skewed(0.0) as world:
        session = await world.session()
        for step in steps:
            world.auth._caller.clock.skew += step
            await _used(world, session, seconds=6900, step=30)
        assert abs(world.emulator.spends - len(steps)) <= 1


async def test_service_clock_that_is_wrong(open_world: Any) -> None:
    """A `Date` that is a day off does not matter to tokens obtained here (B17)."""
    for skew in (-DAY, DAY):
        async with open_world(date_skew_seconds=skew) as world:
            session = await world.session()
            await _used(world, session, seconds=6 * 3600, step=60)
            assert world.emulator.spends == 6 * 3600 // 6900


@pytest.mark.parametrize("lifetime", [5, 10, 60])
async def test_short_lives_do_not_loop(open_world: Any, lifetime: int) -> None:
    """Five-second tokens are used for four seconds each: about the ideal number of spends (B17)."""
    async with open_world(access_lifetime_seconds=lifetime) as world:
        session = await world.session()
        await _used(world, session, seconds=1200, step=1)
        assert world.emulator.spends == pytest.approx(1200 / (lifetime * 0.8), rel=0.05)


async def test_one_second_tokens(open_world: Any) -> None:
    """Tokens of one second cost one spend a second, however many ask (B17)."""
    async with open_world(access_lifetime_seconds=1) as world:
        session = await world.session()
        for _ in range(60):
            tokens = await asyncio.gather(*(session.access_token() for _ in range(20)))
            assert world.lives(tokens[0])
            world.clock.advance(1)
        assert world.emulator.spends == 59


@pytest.mark.parametrize("lifetime", [0, -1, -7200])
async def test_lives_of_nothing(open_world: Any, lifetime: int) -> None:
    """A lifetime that makes no sense neither loops nor hangs (B17)."""
    async with open_world(access_lifetime_seconds=lifetime) as world:
        session = await world.session()
        for _ in range(100):
            await asyncio.wait_for(session.access_token(), 20)
            world.clock.advance(1)
        assert world.emulator.spends <= 2


async def test_thirty_days(world: Any) -> None:
    """A month of calls costs the ideal number of spends, and there is never a gap (B40)."""
    session = await world.session()
    await _used(world, session, seconds=30 * 86_400, step=300)
    assert abs(world.emulator.spends - 30 * 86_400 / 6900) <= 1


async def test_units(world: Any) -> None:
    """Seconds are seconds: the margins lie 300 and 30 seconds before the end (B40)."""
    session = await world.session()
    assert session.tokens.expires_in == 7200
    assert session.tokens.expires_at.timestamp() == world.clock.wall() + 7200
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(6899.9)
    await session.access_token()
    assert not world.auth._background._tasks
    world.clock.advance(0.2)
    await session.access_token()
    await held.arrived
    world.clock.advance(269.8)
    await asyncio.wait_for(session.access_token(), 20)
    world.clock.advance(0.2)
    waiting = asyncio.create_task(session.access_token())
    await asyncio.sleep(0.01)  # a window in which it must not end
    assert not waiting.done()
    held.release()
    await waiting


async def test_life_counts_from_before_the_request(world: Any) -> None:
    """An answer that took a while brings a token that is that much older (B17)."""
    session = await world.session()
    held = world.emulator.faults.add("POST /token", "hold", when="after")
    caller = asyncio.create_task(session.refresh())
    await held.arrived
    world.clock.advance(6000)
    held.release()
    await caller
    world.clock.advance(899)
    await session.access_token()
    assert world.asked == 1
    world.clock.advance(2)
    await session.access_token()
    await world.landed(session)
    assert world.asked == 2


async def test_answer_that_came_too_late(world: Any) -> None:
    """A pair that died on its way (a machine that slept) is not handed out as valid (B32)."""
    session = await world.session()
    held = world.emulator.faults.add("POST /token", "hold", when="after")
    world.clock.advance(7201)
    caller = asyncio.create_task(session.access_token())
    await held.arrived
    world.clock.advance(7201)
    held.release()
    assert world.lives(await caller)


async def test_opaque_with_expires_in(open_world: Any) -> None:
    """An opaque token lives for its `expires_in` (B17)."""
    async with open_world(opaque_access_tokens=True) as world:
        session = await world.session()
        assert dict(session.unverified_claims) == {}
        assert session.tokens.expires_at.timestamp() == pytest.approx(world.clock.wall() + 7200, 2)
        await _used(world, session, seconds=6900, step=60)
        assert world.asked == 0
        world.clock.advance(301)
        assert world.lives(await session.access_token())
        assert world.asked == 1


async def test_opaque_without_anything(open_world: Any) -> None:
    """A token that says nothing is used until the service rejects it, and then replaced (B17)."""
    async with open_world(opaque_access_tokens=True) as world:
        known = (await world.session()).tokens
        session = world.auth.session(
            access_token=known.access_token, refresh_token=known.refresh_token
        )
        assert session.tokens.expires_at is None
        world.clock.advance(7201)
        assert await session.access_token() == known.access_token
        assert (await session.user.me()).sub == known.sub
        assert world.asked == 1
        assert session.tokens.expires_at is not None


@pytest.mark.parametrize("skew", SKEWS)
async def test_restored_pair_after_a_date(skewed: Any, skew: float) -> None:
    """A restored pair goes by the service's clock once an answer told it (B17)."""
    async with skewed(skew) as world:
        data = (await world.session()).tokens.to_dict()
        world.clock.advance(3600)
        await world.session("bob")  # its answer has a Date
        session = world.auth.session(data)
        await _used(world, session, seconds=3240, step=30)
        assert world.asked == 0
        await _used(world, session, seconds=3600, step=30)
        assert world.asked == 1


@pytest.mark.parametrize("skew", SKEWS)
async def test_restored_pair_before_any_date(skewed: Any, skew: float) -> None:
    """A pair restored under a wrong clock is corrected by the first answer (B17)."""
    async with skewed(skew) as world:
        data = (await world.session()).tokens.to_dict()
        async with world.emulator.client(clock=world.auth._caller.clock) as late:
            session = late.session(data)
            await session.user.me()
            await _used(world, session, seconds=6 * 3600, step=30)
        assert world.emulator.spends <= 4


def _dated(world: Any, session: Any, date: str, more: str = "") -> None:
    """Let the next answer to `user.me` have that `Date`."""
    body = f'{{"sub": "{session.tokens.sub}"}}'
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    world.emulator.faults.add("GET /user/me", "raw", steps=(head + body).encode())


ABSURD = [
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Sat, 01 Jan 9893 00:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Mon, 01 Jan 1900 00:00:00 GMT",
]


@pytest.mark.parametrize("date", ABSURD)
async def test_absurd_date(world: Any, date: str) -> None:
    """A `Date` that no clock shows teaches nothing: a restored pair lives as it did (B17)."""
    data = (await world.session()).tokens.to_dict()
    world.clock.advance(3600)
    async with world.emulator.client() as late:
        session = late.session(data)
        _dated(world, session, date)
        await session.user.me()
        await _used(world, session, seconds=3240, step=30)
        assert world.asked == 0
        await _used(world, session, seconds=3600, step=30)
        assert world.asked == 1


@pytest.mark.parametrize(
    ("age", "skew", "behind"),
    [("3600", 0.0, 3600), ("1", 0.0, 3600), ("0", -DAY, 0), ("00", -DAY, 0)],
)
async def test_date_out_of_a_cache(skewed: Any, age: str, skew: float, behind: int) -> None:
    """A `Date` that a cache kept is not the time; one with an `Age` of nothing is (B17)."""
    async with skewed(skew) as world:
        data = (await world.session()).tokens.to_dict()
        world.clock.advance(3600)
        async with world.emulator.client(clock=world.auth._caller.clock) as late:
            session = late.session(data)
            date = email.utils.formatdate(world.clock.wall() - behind, usegmt=True)
            _dated(world, session, date, f"Age: {age}\r\n")
            await session.user.me()
            await _used(world, session, seconds=3240, step=30)
            assert world.asked == 0
            await _used(world, session, seconds=3600, step=30)
            assert world.asked == 1


async def test_restored_under_a_clock_that_is_behind(skewed: Any) -> None:
    """Before any answer told the time, a restored token is served for one life at most (B17)."""
    async with skewed(-DAY) as world:
        data = (await world.session()).tokens.to_dict()
        async with world.emulator.client(clock=world.auth._caller.clock) as late:
            session = late.session(data)
            world.clock.advance(7201)
            assert await session.access_token() != data["access_token"]


async def test_answer_of_a_forgiving_service(open_world: Any) -> None:
    """What a probe brings may be hours old: its life is not counted from the probe (B17)."""
    async with open_world(grace_seconds=86_400) as world:
        session = await world.session()
        world.clock.advance(7201)
        world.emulator.faults.add("POST /token", "drop_after")
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await session.access_token()
        world.clock.advance(7000)
        old = await session.access_token()
        assert world.emulator.spends == 1
        world.clock.advance(300)
        assert await session.access_token() != old


async def test_restored_pair_that_is_dead(world: Any) -> None:
    """A pair restored after its death is refreshed before the first call (B17)."""
    data = (await world.session()).tokens.to_dict()
    world.clock.advance(90_000)
    session = world.auth.session(data)
    await session.user.me()
    assert (world.asked, len(world.sent("GET /user/me"))) == (1, 1)


async def test_absurd_stored_lifetime(world: Any) -> None:
    """An absurd `expires_in` in a stored pair is a pair with a long life or a typed error (B17)."""
    known = (await world.session()).tokens
    for absurd in (10**12, 10**400, -(10**400)):
        try:
            session = world.auth.session(known.to_dict() | {"expires_in": absurd})
        except errors.ConfigurationError:
            continue
        await session.user.me()


async def test_lives_without_a_service_clock(world: Any) -> None:
    """Restoring and reading a pair needs no request (B16)."""
    data = (await world.session()).tokens.to_dict()
    asked = len(world.emulator.journal)
    restored = world.auth.session(data)
    assert restored.unverified_claims["sub"] == restored.tokens.sub
    assert len(world.emulator.journal) == asked
