"""
Those in one process who wait for one lock that other machines may hold.

They queue here, and only the first of them asks the store again and again. Who gives a lock
back in this process wakes the first at once.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Final

import attrs

from cloudbase_auth_async.errors import StoreBusy

_LAST_SECONDS: Final = 3.0


@attrs.define(eq=False)
class Queue:
    """
    The waiters of one key.

    Attributes:
        loop: where they wait.
        turn: held by the one who asks.
        freed: set when the lock was given back here.
        waiters: how many there are, the one who asks included.
        holder: who had the lock when it was last asked for.
    """

    loop: asyncio.AbstractEventLoop
    turn: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    freed: asyncio.Event = attrs.field(factory=asyncio.Event)
    waiters: int = 0
    holder: str | None = None

    async def first(self, deadline: float) -> None:
        """
        Wait to be the one who asks.

        Raises:
            StoreBusy: those before were not done in time.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self.turn.acquire()
                return
        raise StoreBusy("the lock of a session was not free in time", holder=self.holder)

    async def pause(self, seconds: float) -> None:
        """Wait that long, or until the lock is given back in this process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.freed.wait()


class Queues:
    """The waiters of every key; holds nothing of an event loop when nobody waits."""

    def __init__(self, *, shortest_seconds: float, longest_seconds: float) -> None:
        self._queues: dict[str, Queue] = {}
        self._shortest = shortest_seconds
        self._longest = longest_seconds
        self._chance = random.Random()  # noqa: S311 - spreads those who ask, guards nothing

    def freed(self, key: str) -> None:
        """Wake the first who waits for a key."""
        if (queue := self._queues.get(key)) is not None and queue.loop is _running():
            queue.freed.set()

    def pause_seconds(self) -> float:
        """Choose how long to wait before the store is asked again."""
        return self._chance.uniform(self._shortest, self._longest)

    @contextlib.asynccontextmanager
    async def turn(self, key: str, *, deadline: float) -> AsyncGenerator[Queue]:
        """
        Wait to be first in a key's queue.

        Args:
            key: whose queue.
            deadline: by the running loop's time.

        Raises:
            StoreBusy: those before were not done in time.
        """
        queue = self._join(key)
        try:
            await queue.first(deadline)
            try:
                yield queue
            finally:
                queue.turn.release()
        finally:
            self._leave(key, queue)

    def _join(self, key: str) -> Queue:
        queue = self._queues.get(key)
        # A loop that was stopped rather than ended, or a fork, may have left its waiters behind.
        if queue is None or queue.loop is not _running():
            queue = self._queues[key] = Queue(_running())
        queue.waiters += 1
        return queue

    def _leave(self, key: str, queue: Queue) -> None:
        queue.waiters -= 1
        if not queue.waiters and self._queues.get(key) is queue:
            del self._queues[key]


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do a last piece of work although the caller is cancelled meanwhile; bounded."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=_LAST_SECONDS)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_LAST_SECONDS)
        raise
    finally:
        task.cancel()


def _running() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
