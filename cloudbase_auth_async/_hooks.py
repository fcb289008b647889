"""
Telling the outside that a session's tokens changed: later, in order, and at its own risk.

A hook runs after the commit, in a task of its own and under no lock, so it may call the session
back, take its time, or fail, and no refresh notices.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._tokens import TokenPair

Hook = Callable[[TokenPair | None], Awaitable[None] | None]


class Announcer:
    """The hooks of one session and what they have yet to be told."""

    __slots__ = ("_background", "_hooks", "_news", "_pump")

    def __init__(self, background: Background) -> None:
        self._background = background
        self._hooks: list[Hook] = []
        self._news: deque[TokenPair | None] = deque()
        self._pump: asyncio.Task[None] | None = None

    def add(self, hook: Hook) -> Callable[[], None]:
        """Add a hook; return a function that takes it away again."""
        self._hooks.append(hook)

        def remove() -> None:
            if hook in self._hooks:
                self._hooks.remove(hook)

        return remove

    def tell(self, tokens: TokenPair | None) -> None:
        """Queue a change; a single task delivers, so that nobody stores an old pair last."""
        if not self._hooks or self._background.closed:
            return
        self._news.append(tokens)
        # Asked of the task itself: one that is cancelled before its first step runs no `finally`.
        if self._pump is None or self._pump.done():
            self._pump = self._background.spawn(self._deliver(), name="cloudbase-auth hooks")

    async def _deliver(self) -> None:
        # Not at once: an eager task factory would run hooks in the middle of the commit.
        await asyncio.sleep(0)
        while self._news:
            for hook in tuple(self._hooks):
                await self._run(hook, self._news[0])
            self._news.popleft()  # afterwards: what was cut short is told again by the next task

    @staticmethod
    async def _run(hook: Hook, tokens: TokenPair | None) -> None:
        try:
            done = hook(tokens)
            if inspect.isawaitable(done):
                await done
        except asyncio.CancelledError as failure:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            _report(failure)  # the hook's own, of something it awaited: no reason to stop here
        except Exception as failure:  # noqa: BLE001 - somebody else's code; its error is handed on
            _report(failure)


def _report(failure: BaseException) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "an on_change hook failed", "exception": failure}
    )
