"""
Tasks that belong to the client rather than to whoever happened to start them.

A caller may be cancelled at any await; what was begun for many, or must not stop half-way, runs
here. Closing waits for it, then cancels what is left, and leaves nothing behind.

It also knows where the client lives: in which event loop and which process. When that loop has
ended, or after a fork, what was under way is given up and the client lives on where it is used.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from cloudbase_auth_async.errors import ClientClosed, CloudBaseAuthError

T = TypeVar("T")

_LAST_SECONDS = 1.0


class Background:
    """A set of running tasks; bound to no loop until the first one starts."""

    __slots__ = ("_abandon", "_closed", "_closing", "_idle", "_loop", "_pid", "_tasks")

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any]] = set()
        self._closed = self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._abandon: list[Callable[[], None]] = []

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    @property
    def closing(self) -> bool:
        """Whether it has begun to close: what waits for a person is not begun any more."""
        return self._closing

    def on_move(self, abandon: Callable[[], None]) -> None:
        """Have something called when what was under way will never end, as its loop is gone."""
        self._abandon.append(abandon)

    def here(self) -> None:
        """
        Live in the running loop from now on.

        Raises:
            ClientClosed: the client lives in another loop of this process, perhaps in another
                thread, and that loop may still run.
        """
        loop = asyncio.get_running_loop()
        if loop is self._loop and os.getpid() == self._pid:
            return
        moved = self._loop is not None
        if moved and os.getpid() == self._pid and not self._loop_is_closed():
            raise ClientClosed("the client belongs to another event loop, which still lives")
        self._loop, self._pid = loop, os.getpid()
        if moved:
            self._tasks.clear()
            self._idle.clear()
            for abandon in self._abandon:
                abandon()

    def _loop_is_closed(self) -> bool:
        return self._loop is None or self._loop.is_closed()

    def owns(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether a task is under way, here and now."""
        return task in self._tasks and not task.done()

    def spawn(
        self, work: Coroutine[Any, Any, Any], *, name: str, urgent: bool = True
    ) -> asyncio.Task[Any]:
        """
        Start a task.

        Args:
            work: what it does.
            name: of the task.
            urgent: whether closing waits for its end.

        Raises:
            ClientClosed: too late, or in the wrong loop.
        """
        try:
            self._check_open()
            self.here()
            task = asyncio.get_running_loop().create_task(work, name=name)
        except (ClientClosed, RuntimeError):
            work.close()  # or Python warns that it was never awaited
            raise
        self._tasks.add(task)
        if not urgent:
            self._idle.add(task)
        task.add_done_callback(self._done)
        return task

    async def finished(self, work: Callable[[], Awaitable[T]], *, name: str) -> T:
        """
        Have work done to its end, whoever is cancelled meanwhile; answer or raise as it does.

        Raises:
            ClientClosed: the client was closed first.
        """
        task = self.spawn(_outcome(work), name=name)
        await asyncio.wait({task})
        if task.cancelled():
            raise ClientClosed("the client was closed in the middle")
        answer, failure = cast("tuple[T, CloudBaseAuthError | None]", task.result())
        if failure is not None:
            raise failure
        return answer

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client is closed")

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._idle.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Work here reports its own failures: one that gets out is a bug, and is not hidden.
            task.get_loop().call_exception_handler(
                {"message": f"{task.get_name()} failed", "exception": task.exception()}
            )

    async def drain(self, seconds: float) -> None:
        """
        Let what runs finish, cancel what has not after that time, and take no more.

        A task that itself asks for this, such as a hook that closes the client, is not waited for.

        Raises:
            ClientClosed: the client lives in another loop that may still run.
        """
        self.here()
        self._closing = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        for task in self._idle:
            task.cancel()
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


async def _outcome(
    work: Callable[[], Awaitable[T]],
) -> tuple[T | None, CloudBaseAuthError | None]:
    """Return what work raised, if it is ours: a task that raises is a bug, to `_done`."""
    try:
        return await work(), None
    except CloudBaseAuthError as failure:
        return None, failure.with_traceback(None)
