"""The machine's own clocks, as the library reads them."""

import sys
import time

import pytest

from cloudbase_auth_async._clock import SystemClock


async def test_it_goes_on() -> None:
    """The monotonic clock advances over a sleep, the wall clock says what `time.time` says."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before
    assert abs(clock.wall() - time.time()) < 60


@pytest.mark.skipif(sys.platform != "linux", reason="CLOCK_BOOTTIME is Linux's")
def test_it_counts_a_suspended_machine() -> None:
    """On Linux the clock is the one that also runs while the machine sleeps (B17)."""
    assert SystemClock()._id == time.CLOCK_BOOTTIME


def test_it_works_where_there_is_no_such_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it falls back to `time.monotonic`."""
    monkeypatch.setattr(sys, "platform", "plan9")
    clock = SystemClock()
    assert clock._id is None
    assert abs(clock.monotonic() - time.monotonic()) < 60
