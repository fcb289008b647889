"""
Time, as the library reads it: one protocol, so that a test can move it.

Every module that needs the time is handed a `Clock`; none calls `time` or `asyncio.sleep`.
"""

import asyncio
import sys
import time
from typing import Protocol


class Clock(Protocol):
    """What the library asks of time."""

    def wall(self) -> float:
        """Return the seconds since the epoch, UTC; may step when somebody sets the clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step back and go on counting while the machine sleeps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


def _monotonic_id() -> int | None:
    """
    Choose the kernel clock that counts a suspended machine's sleep.

    `time.monotonic` stands still on a sleeping laptop: a token would look fresh for hours
    after it died. Linux has CLOCK_BOOTTIME for that; on macOS CLOCK_MONOTONIC does it.
    """
    name = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}.get(sys.platform, "")
    return getattr(time, name, None)


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ("_id",)

    def __init__(self) -> None:
        self._id = _monotonic_id()

    def wall(self) -> float:
        """Return `time.time()`."""
        return time.time()

    def monotonic(self) -> float:
        """Return the clock that also runs while the machine sleeps, where there is one."""
        if self._id is None:
            return time.monotonic()
        return time.clock_gettime(self._id)

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)
