"""The store that keeps sessions in this process, for as long as it runs."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from cloudbase_auth_async.errors import StoreBusy
from cloudbase_auth_async.stores._turns import Turns
from cloudbase_auth_async.stores.base import Lease, Record


class MemoryStore:
    """
    Keeps records in a dictionary.

    Whoever shares a session shares the store object. A forked child has a copy of what was in it
    and sees nothing of what happens later: processes that share sessions need a `FileStore`.
    """

    __slots__ = ("_records", "_turns")

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._turns = Turns()

    async def load(self, key: str) -> Record | None:
        """Return what is kept under a key; None if nothing is."""
        return self._records.get(key)

    async def replace(
        self,
        key: str,
        record: Record,
        *,
        expected: int | None,
        lease: Lease | None = None,  # noqa: ARG002 -- this store's locks do not lapse
    ) -> bool:
        """Write a record if the generation under the key is the expected one; tell whether."""
        if self._generation(key) != expected:
            return False
        self._records[key] = record
        return True

    async def remove(self, key: str, *, expected: int) -> bool:
        """Free a key if the generation under it is the expected one; tell whether it was."""
        if self._generation(key) != expected:
            return False
        del self._records[key]
        return True

    @asynccontextmanager
    async def lock(
        self,
        key: str,
        *,
        wait_seconds: float,
        hold_seconds: float,  # noqa: ARG002 -- held until it is given back
    ) -> AsyncGenerator[Lease, None]:
        """
        Lock a key for everybody who uses this object.

        Raises:
            StoreBusy: somebody else held it all the while.
        """
        deadline = asyncio.get_running_loop().time() + wait_seconds
        line = await self._turns.take(key, deadline)
        if line is None:
            raise StoreBusy("memory: the lock is taken", holder=f"process {os.getpid()}")
        try:
            yield Lease()
        finally:
            self._turns.give_back(key, line)

    async def keys(self) -> AsyncIterator[str]:
        """Yield every key that holds a record."""
        for key in list(self._records):
            yield key

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back, and others may go on using it."""

    def _generation(self, key: str) -> int | None:
        record = self._records.get(key)
        return None if record is None else record.generation
