"""
Time that a test can move: one clock that ticks and can be pushed, one that stands still.

Both satisfy the library's `Clock` protocol, so one object can drive the emulator and the client.
"""

import asyncio
import math
import time

# Later instants have no `Date` header: a four-digit year is all that HTTP can write.
_LATEST_WALL = 200_000_000_000.0


class EmulatorClock:
    """A clock that ticks with real time, plus what a test has added to it."""

    __slots__ = ("_monotonic_offset", "_sleepers", "_wall_offset")

    def __init__(self) -> None:
        self._monotonic_offset = 0.0
        self._wall_offset = 0.0
        self._sleepers: set[asyncio.Future[None]] = set()

    def wall(self) -> float:
        """Return the seconds since the epoch, UTC."""
        return self._real_wall() + self._wall_offset

    def monotonic(self) -> float:
        """Return seconds that never step back."""
        return self._real_monotonic() + self._monotonic_offset

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock: `advance` shortens the wait."""
        deadline = self.monotonic() + seconds
        # A wait of nothing still lets others run, as asyncio.sleep(0) does.
        await asyncio.sleep(0)
        while (left := deadline - self.monotonic()) > 0:
            await self._nap(left)

    def advance(self, seconds: float) -> None:
        """
        Let that many seconds pass at once, on both clocks.

        Args:
            seconds: not negative; monotonic time cannot run back.
        """
        if seconds < 0:
            raise ValueError("a monotonic clock cannot go back; see step_wall")
        self.step_wall(seconds)
        self._monotonic_offset += seconds
        for sleeper in tuple(self._sleepers):
            sleeper.get_loop().call_soon_threadsafe(_settle, sleeper)

    def step_wall(self, seconds: float) -> None:
        """
        Set the wall clock forwards or back, as an administrator does; monotonic time stays.

        Args:
            seconds: finite; the result must lie after 1970 and before the year 8300.
        """
        if not (math.isfinite(seconds) and 0 <= self.wall() + seconds < _LATEST_WALL):
            raise ValueError("the wall clock cannot show that instant")
        self._wall_offset += seconds

    def _real_wall(self) -> float:
        return time.time()

    def _real_monotonic(self) -> float:
        return time.monotonic()

    async def _nap(self, seconds: float) -> None:
        moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.add(moved)
        try:
            await asyncio.wait((moved,), timeout=seconds)
        finally:
            self._sleepers.discard(moved)


class ManualClock(EmulatorClock):
    """A clock that stands still until it is moved; who sleeps on it moves it."""

    __slots__ = ("_start",)

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        super().__init__()
        self._start = wall

    async def sleep(self, seconds: float) -> None:
        """Advance by that many seconds and let the loop turn once: no real time passes."""
        self.advance(max(seconds, 0.0))
        await asyncio.sleep(0)

    def _real_wall(self) -> float:
        return self._start

    def _real_monotonic(self) -> float:
        return 0.0


def _settle(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
