"""A clock and a store for a test that decides what goes wrong, and when."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cloudbase_auth_async import errors
from cloudbase_auth_async.stores.base import Lease, Record
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import ManualClock
from cloudbase_auth_async.testing._clock import EmulatorClock


class StandingClock(ManualClock):
    """A clock that only the machine moves: who sleeps on it waits for that."""

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved so far."""
        await EmulatorClock.sleep(self, seconds)


class Shaky:
    """
    A store that fails when told, and whose locks lapse when told.

    Attributes:
        spared: how many of the next operations go well before some fail.
        failures: how many fail then.
        late: whether a write that fails has happened.
    """

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.spared = 0
        self.failures = 0
        self.late = False
        self._holders: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._fence = 0
        self.keys = self.inner.keys
        self.aclose = self.inner.aclose

    async def load(self, key: str) -> Record | None:
        """Load, or fail."""
        self._shake()
        return await self.inner.load(key)

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Write unless a later holder of the lock has written, or fail."""
        late = self.late
        if not late:
            self._shake()
        if lease is not None and lease.fence < self._written.get(key, 0):
            return False
        done = await self.inner.replace(key, record, expected=expected)
        if done and lease is not None:
            self._written[key] = lease.fence
        if late:
            self._shake()
        return done

    async def remove(self, key: str, *, expected: int) -> bool:
        """Remove, or fail."""
        late = self.late
        if not late:
            self._shake()
        done = await self.inner.remove(key, expected=expected)
        if late:
            self._shake()
        return done

    @asynccontextmanager
    async def lock(
        self,
        key: str,
        *,
        wait_seconds: float,  # noqa: ARG002 -- no test takes so long
        hold_seconds: float,  # noqa: ARG002 -- it lapses when told
    ) -> AsyncGenerator[Lease, None]:
        """Lock with a fence, or fail."""
        self._shake()
        while key in self._holders:  # noqa: ASYNC110 -- a lapse sets no event
            await asyncio.sleep(0.001)
        self._fence += 1
        fence = self._holders[key] = self._fence
        try:
            yield Lease(fence)
        finally:
            if self._holders.get(key) == fence:
                del self._holders[key]

    def lapse(self, key: str) -> None:
        """Let others have the lock, whoever holds it."""
        self._holders.pop(key, None)

    def _shake(self) -> None:
        if self.spared:
            self.spared -= 1
        elif self.failures:
            self.failures -= 1
            raise errors.StoreError("the store is out of order")
