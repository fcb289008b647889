"""
Tasks that belong to the client rather than to whoever happened to start them.

A caller may be cancelled at any await; what was begun for many, or must not stop half-way, runs
here. Closing waits for it, then cancels what is left, and leaves nothing behind.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from cloudbase_auth_async.errors import ClientClosed

_LAST_SECONDS = 1.0


class Background:
    """A set of running tasks; bound to no loop until the first one starts."""

    __slots__ = ("_closed", "_tasks")

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """
        Start a task.

        Raises:
            ClientClosed: too late.
        """
        if self._closed:
            work.close()  # or Python warns that it was never awaited
            raise ClientClosed("the client is closed")
        try:
            task = asyncio.get_running_loop().create_task(work, name=name)
        except RuntimeError:
            work.close()
            raise
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Work here reports its own failures: one that gets out is a bug, and is not hidden.
            task.get_loop().call_exception_handler(
                {"message": f"{task.get_name()} failed", "exception": task.exception()}
            )

    async def drain(self, seconds: float) -> None:
        """
        Let what runs finish, cancel what has not after that time, and take no more.

        A task that itself asks for this, such as a hook that closes the client, is not waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        try:
            # In rounds: what finishes may start a last piece of work, such as a revocation.
            while (others := self._others()) and loop.time() < deadline:
                await asyncio.wait(others, timeout=deadline - loop.time())
        finally:
            self._closed = True
            for task in self._others():
                task.cancel()
        if others := self._others():
            # Bounded, too: somebody's hook may refuse to be cancelled.
            await asyncio.wait(others, timeout=_LAST_SECONDS)

    def _others(self) -> set[asyncio.Task[Any]]:
        return self._tasks - {asyncio.current_task()}
