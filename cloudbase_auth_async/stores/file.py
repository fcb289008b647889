"""The store that keeps sessions in files, for every process of one machine."""

import asyncio
import concurrent.futures
import functools
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar, cast

from cloudbase_auth_async.errors import ConfigurationError, StoreBusy, StoreError
from cloudbase_auth_async.stores import _files
from cloudbase_auth_async.stores._kernel_lock import KernelLock
from cloudbase_auth_async.stores._turns import Turns
from cloudbase_auth_async.stores.base import Lease, Record

_T = TypeVar("_T")

# Between two attempts at a kernel lock; spread, so that many who wait do not try as one.
_PAUSE_SECONDS: Final = (0.005, 0.025)
# A writer holds its lock for one write to the disk.
_WRITE_WAIT_SECONDS: Final = 30.0
_KEYS_AT_ONCE: Final = 100


class FileStore:
    """
    Keeps each record in a file of its own, in a directory of this user alone.

    | what happens | what is there afterwards |
    | --- | --- |
    | a writer is killed, the disk is full | the record as it was |
    | a write returned, then the power fails | the record as it was written |
    | the holder of a lock is killed | a free lock |
    | a write is cancelled | the old record or the new one; it goes on if it had begun |
    | a write fails after the file was replaced | the new record, and `StoreError` |
    | a file was altered | the file under another name, and `StoreCorrupt` |
    | a file is a stranger's, open to others, or a link | it, and `StoreError` |
    | the directory is a stranger's, or open to others | it, and `StoreError` |

    A record stays until it is removed, however old. The locks are the kernel's: they hold between
    the processes of one user on one machine, on a local disk. For
    several machines there is `RedisStore`. All work with files is done in the threads of the
    loop's default executor.

    Args:
        path: of the directory; `~` is your home. It is made when something is written or locked
            for the first time.
    """

    __slots__ = ("_place", "_turns", "_writers")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(cast("object", path), str | os.PathLike) or not str(path):
            raise ConfigurationError("path", "must be the path of a directory")
        self._place = Path(path).expanduser().absolute()
        # Who waits for a kernel lock asks for it again and again: one of this object at a time.
        self._turns = Turns()
        self._writers = Turns()

    async def load(self, key: str) -> Record | None:
        """
        Return what is kept under a key; None if nothing is.

        Raises:
            StoreCorrupt: what was there cannot be read. It is moved aside, and the key is free.
            StoreError: the place cannot be reached or trusted.
        """
        return await self._persist(functools.partial(_files.load, self._place, key))

    async def replace(
        self,
        key: str,
        record: Record,
        *,
        expected: int | None,
        lease: Lease | None = None,  # noqa: ARG002 -- kernel locks do not lapse
    ) -> bool:
        """
        Write a record if the generation under the key is the expected one; tell whether.

        Raises:
            StoreCorrupt: as from `load`.
            StoreBusy: other processes wrote all the while.
            StoreError: the place cannot be reached, written or trusted.
        """
        return await self._write(key, _files.replace, record, expected)

    async def remove(self, key: str, *, expected: int) -> bool:
        """
        Free a key if the generation under it is the expected one; tell whether it was.

        Raises:
            StoreError: as from `replace`.
        """
        return await self._write(key, _files.remove, expected)

    @asynccontextmanager
    async def lock(
        self,
        key: str,
        *,
        wait_seconds: float,
        hold_seconds: float,  # noqa: ARG002 -- kernel locks do not lapse
    ) -> AsyncGenerator[Lease, None]:
        """
        Lock a key for every process of this machine.

        Raises:
            StoreBusy: somebody else held it all the while.
            StoreError: the place cannot be reached, written or trusted.
        """
        deadline = asyncio.get_running_loop().time() + wait_seconds
        line = await self._turns.take(key, deadline)
        if line is None:
            raise await self._busy(key)
        try:
            held = await self._acquire(key, deadline)
            line.abandon = held.close
            try:
                yield Lease()
            finally:
                held.close()
        finally:
            self._turns.give_back(key, line)

    async def keys(self) -> AsyncIterator[str]:
        """
        Yield every key that holds a record that can be read.

        Raises:
            StoreError: the place cannot be reached or trusted.
        """
        names = await self._persist(functools.partial(_files.names, self._place))
        for start in range(0, len(names), _KEYS_AT_ONCE):
            some = names[start : start + _KEYS_AT_ONCE]
            for key in await self._persist(functools.partial(_files.keys, self._place, some)):
                yield key

    async def aclose(self) -> None:
        """Do nothing: no file is open between two calls but that of a lock that is held."""

    async def _write(self, key: str, step: Callable[..., bool], *details: object) -> bool:
        sixteenth = _files.sixteenth(key)
        deadline = asyncio.get_running_loop().time() + _WRITE_WAIT_SECONDS
        line = await self._writers.take(sixteenth, deadline)
        if line is None:
            raise StoreBusy(f"{self._place / sixteenth}: too many writers")
        try:
            return await self._persist(functools.partial(step, self._place, key, *details))
        finally:
            self._writers.give_back(sixteenth, line)

    async def _persist(self, step: Callable[[], _T]) -> _T:
        """Do a step in a thread, again and again while another process is writing."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _WRITE_WAIT_SECONDS
        while True:
            try:
                return await self._off_loop(step)
            except StoreBusy:
                if loop.time() >= deadline:
                    raise
            await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 -- no secret

    async def _acquire(self, key: str, deadline: float) -> KernelLock:
        loop = asyncio.get_running_loop()
        while (held := await self._attempt(key)) is None:
            left = deadline - loop.time()
            if left <= 0:
                raise await self._busy(key)
            pause = random.uniform(*_PAUSE_SECONDS)  # noqa: S311 -- no secret
            await asyncio.sleep(min(left, pause))
        return held

    async def _attempt(self, key: str) -> KernelLock | None:
        outcome: concurrent.futures.Future[KernelLock | None] = concurrent.futures.Future()

        def attempt() -> None:
            outcome.set_result(_files.lock(self._place, key))

        try:
            await self._off_loop(attempt)
        except BaseException:
            # The thread goes on: what it locks, now or later, is nobody's.
            outcome.add_done_callback(_close)
            raise
        return outcome.result()

    async def _busy(self, key: str) -> StoreBusy:
        holder = await self._off_loop(functools.partial(_files.holder, self._place, key))
        return StoreBusy(f"{self._place}: the lock of a session is taken", holder=holder)

    async def _off_loop(self, step: Callable[[], _T]) -> _T:
        try:
            future = asyncio.get_running_loop().run_in_executor(None, step)
        except RuntimeError:
            raise StoreError(f"{self._place}: the event loop is closing") from None
        return await future


def _close(outcome: concurrent.futures.Future[KernelLock | None]) -> None:
    held = outcome.result()
    if held is not None:
        held.close()
