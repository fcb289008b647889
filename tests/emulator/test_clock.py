"""The clocks: one that ticks and can be pushed, one that stands still."""

import asyncio
import math
import time

import pytest

from cloudbase_auth_async._clock import Clock, SystemClock
from cloudbase_auth_async.testing import EmulatorClock, ManualClock


def test_ticking_clock_follows_real_time() -> None:
    """Unmoved, the ticking clock shows the machine's time."""
    clock: Clock = EmulatorClock()
    assert SystemClock().wall() <= clock.wall() <= SystemClock().wall()
    assert time.monotonic() <= clock.monotonic() <= time.monotonic()


def test_advance_moves_both_clocks() -> None:
    """Time that passes passes on both clocks."""
    clock = EmulatorClock()
    clock.advance(7200)
    assert time.time() + 7200 <= clock.wall() <= time.time() + 7200
    assert time.monotonic() + 7200 <= clock.monotonic() <= time.monotonic() + 7200


def test_step_wall_leaves_monotonic_time() -> None:
    """Setting the wall clock, either way, is no passing of time."""
    clock = ManualClock(wall=1000.0)
    clock.step_wall(-500)
    assert (clock.wall(), clock.monotonic()) == (500.0, 0.0)
    clock.step_wall(600)
    assert (clock.wall(), clock.monotonic()) == (1100.0, 0.0)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, 1e15])
def test_impossible_moves(seconds: float) -> None:
    """Time neither runs back nor leaves the years that a Date header can write."""
    clock = ManualClock(wall=0.5)
    with pytest.raises(ValueError, match="clock cannot"):
        clock.advance(seconds)
    with pytest.raises(ValueError, match="clock cannot"):
        clock.step_wall(seconds)
    assert (clock.wall(), clock.monotonic()) == (0.5, 0.0)


async def test_advance_wakes_sleepers() -> None:
    """Who sleeps on the ticking clock wakes when enough time has been added, not before."""
    clock = EmulatorClock()
    sleeper = asyncio.create_task(clock.sleep(360_000))
    await asyncio.sleep(0.01)
    clock.advance(180_000)
    await asyncio.sleep(0.01)
    assert not sleeper.done()
    clock.advance(90_000)
    clock.advance(90_000)
    await asyncio.wait_for(sleeper, 30)


async def test_ticking_clock_sleeps_for_real() -> None:
    """Unmoved, a sleep takes its time."""
    clock = EmulatorClock()
    start = time.monotonic()
    await clock.sleep(0.02)
    assert time.monotonic() - start >= 0.02


async def test_sleep_on_the_manual_clock_moves_it() -> None:
    """A sleep passes at once, leaves others a turn, and has moved the clock."""
    clock = ManualClock()
    other = asyncio.create_task(asyncio.sleep(0))
    async with asyncio.timeout(30):
        await clock.sleep(3600)
        await clock.sleep(-1)
    assert clock.monotonic() == 3600
    assert clock.wall() == 1_700_003_600
    assert other.done()
