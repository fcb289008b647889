"""`renew_in_background`: nobody waits, nobody is hammered, nobody is kept alive."""

import asyncio
import gc
import itertools
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudbase_auth_async import errors
from cloudbase_auth_async._renewal import due

LIFE = 7200


async def _users(world: Any, process: Any, count: int) -> list[Any]:
    """Keep the sessions of so many users."""
    sessions = []
    for number in range(count):
        user = world.emulator.add_user(username=f"user-{number}", password="Passw0rd!")
        sessions.append(
            await process.auth.sessions.put(f"key-{number}", world.emulator.tokens(user))
        )
    return sessions


async def _pass(world: Any, seconds: float, step: float = 0.05) -> None:
    """Let time pass in small steps, and what is due happen."""
    for _ in range(round(seconds / step)):
        world.clock.advance(step)
        await world.turn(14)


def _sleeping(world: Any) -> bool:
    return bool(world.clock._sleepers)


async def _begun(world: Any, process: Any, **options: Any) -> None:
    process.auth.sessions.renew_in_background(**options)
    await world.until(lambda: _sleeping(world))


async def test_off_by_default(world: Any) -> None:
    """Nobody asked for it: no task runs and nothing is renewed."""
    a = await world.join(sockets=False)
    await world.kept(a)
    world.clock.advance(7150)
    await world.turn(50)
    assert not a.auth._background._tasks
    assert world.asked == 0


async def test_before_anybody_waits(world: Any) -> None:
    """Sessions in use have a new pair before their mandatory window (B40)."""
    a = await world.join(sockets=False)
    sessions = await _users(world, a, 10)
    pairs = [each.tokens for each in sessions]
    await _begun(world, a)
    world.clock.advance(6890)
    await world.turn(50)
    assert world.asked == 0
    await _pass(world, 40, 0.5)
    world.emulator.assert_spends(10)
    assert all(each.tokens != pair for each, pair in zip(sessions, pairs, strict=True))
    assert all(each._owned._fresh() for each in sessions)


async def test_who_sleeps_is_left_alone(world: Any) -> None:
    """A session that nobody called since its last renewal is not renewed again."""
    a = await world.join(sockets=False)
    busy, idle = await _users(world, a, 2)
    await _begun(world, a)
    for round_ in range(3):
        world.clock.advance(6895)
        await _pass(world, 20, 0.5)
        await busy.access_token()
        world.emulator.assert_spends(round_ + 2)
    assert idle.tokens.expires_at < busy.tokens.expires_at
    await idle.access_token()  # dead by now: it waits, and is in use again
    world.emulator.assert_spends(5)


@pytest.mark.parametrize(("rate", "begin", "step"), [(1.0, 6820, 0.1), (5.0, 6880, 0.02)])
async def test_rate(world: Any, rate: float, begin: float, step: float) -> None:
    """Never more refreshes in any second than allowed, and the last one is in time (B19)."""
    a = await world.join(sockets=False)
    sessions = await _users(world, a, 40)
    await _begun(world, a, requests_per_second=rate)
    world.clock.advance(begin)
    instants: list[float] = []
    for _ in range(2000):
        world.clock.advance(step)
        await world.turn(14)
        instants += [world.clock.monotonic()] * (world.asked - len(instants))
        if len(instants) == len(sessions):
            break
    assert len(instants) == len(sessions)
    assert instants[-1] <= 6900 + 10
    for first in instants:
        assert len([t for t in instants if first <= t < first + 0.999]) <= rate
    gaps = {round(b - a, 2) for a, b in itertools.pairwise(instants)}
    assert len(gaps) > 1  # processes that began together part ways
    world.emulator.assert_spends(40)


async def test_renewed_by_a_caller_meanwhile(world: Any) -> None:
    """Who got a new pair while it stood in the queue is not renewed once more (B1)."""
    a = await world.join(sockets=False)
    sessions = await _users(world, a, 10)
    await _begun(world, a, requests_per_second=1)
    world.clock.advance(6910)
    await world.until(lambda: world.asked == 1)
    await asyncio.gather(*(each.refresh() for each in sessions))
    asked = world.asked
    await _pass(world, 40, 0.5)
    assert world.asked == asked <= 11


async def test_errors_do_not_stop_it(world: Any) -> None:
    """A refresh that fails, for now or for good, stops nothing (B40)."""
    a = await world.join(sockets=False)
    sessions = await _users(world, a, 3)
    world.emulator.revoke(sessions[0].tokens.access_token, session=True)
    world.emulator.faults.add("POST /token", "status", status=503, after=1)
    await _begun(world, a)
    world.clock.advance(6905)
    await _pass(world, 20, 0.5)
    assert not sessions[0].can_refresh
    assert world.emulator.spends == 1
    world.clock.advance(400)
    assert len(a.auth._background._tasks) == 1


async def test_store_down(world: Any) -> None:
    """A store that is down makes it pause, and go on when it is back (B6, B40)."""
    a = await world.join(sockets=False)
    (session,) = await _users(world, a, 1)
    await _begun(world, a)
    a.store.down()
    world.clock.advance(6905)
    await _pass(world, 60, 0.5)
    assert world.asked == 0
    a.store.heal()
    await _pass(world, 70, 0.5)
    world.emulator.assert_spends(1)
    assert session._owned._fresh()


@pytest.mark.parametrize("moment", [0, 1, 2])
async def test_close(world: Any, moment: int) -> None:
    """Closing the client ends it at once, whatever it is doing (B13)."""
    a = await world.join(sockets=False, close_timeout=25)
    sessions = await _users(world, a, 3)
    a.auth.sessions.renew_in_background(requests_per_second=0.001)
    await world.turn(moment)
    if moment == 2:
        world.clock.advance(6910)
        await world.until(lambda: world.asked)
    async with asyncio.timeout(20):
        await a.auth.aclose()
    assert not a.auth._background._tasks
    assert all(each.tokens for each in sessions)


async def test_second_call_changes_the_rate(world: Any) -> None:
    """Asked for again, it is the same task at another rate."""
    a = await world.join(sockets=False)
    await _begun(world, a, requests_per_second=0.001)
    tasks = set(a.auth._background._tasks)
    a.auth.sessions.renew_in_background(requests_per_second=7)
    assert a.auth._background._tasks == tasks
    assert a.auth.sessions._renewal._rate == 7


@pytest.mark.parametrize("rate", [0, -1, "5", float("nan"), float("inf"), None, True])
async def test_bad_rate(world: Any, rate: Any) -> None:
    """A rate that is no positive number is a clear error, and starts nothing."""
    a = await world.join(sockets=False)
    with pytest.raises(errors.ConfigurationError, match="requests_per_second"):
        a.auth.sessions.renew_in_background(requests_per_second=rate)
    assert not a.auth._background._tasks


async def test_closed_client(world: Any) -> None:
    """A closed client renews nothing."""
    a = await world.join(sockets=False)
    await a.auth.aclose()
    with pytest.raises(errors.ClientClosed):
        a.auth.sessions.renew_in_background()


async def test_keeps_nobody_alive(world: Any) -> None:
    """Sessions that the program dropped leave memory, in the queue and after their turn (B38)."""
    a = await world.join(sockets=False)
    holding = await _users(world, a, 5)
    sessions = [weakref.ref(each) for each in holding]
    await _begun(world, a, requests_per_second=0.1)
    world.clock.advance(6910)
    await world.until(lambda: world.asked == 1)
    await world.turn(30)
    holding.clear()
    gc.collect()
    assert [each() for each in sessions] == [None] * 5
    await _pass(world, 100, 1)
    assert world.asked == 1


async def test_two_processes(world: Any) -> None:
    """Two processes that renew the same sessions spend once each (B2)."""
    fleet = await world.joined(2, sockets=False)
    sessions = await _users(world, fleet[0], 5)
    others = [await fleet[1].get(f"key-{number}") for number in range(5)]
    for process in fleet:
        process.auth.sessions.renew_in_background()
    await world.turn(5)
    world.clock.advance(6905)
    await _pass(world, 30, 0.5)
    assert [each.tokens for each in sessions] == [each.tokens for each in others]
    world.emulator.assert_spends(5)


@given(
    st.lists(st.floats(0, 1000), max_size=30).map(sorted),
    st.floats(0, 1000),
    st.floats(0.01, 100),
)
def test_due(starts: list[float], now: float, rate: float) -> None:
    """Whoever is not due yet would still be in time if the queue began later."""
    count = due(starts, now=now, rate=rate)
    assert all(start - place / rate > now for place, start in enumerate(starts) if place >= count)
    assert count == 0 or starts[count - 1] - (count - 1) / rate <= now
