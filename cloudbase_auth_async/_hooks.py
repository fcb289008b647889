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
        # Made with the first hook: most sessions have none, and there may be ten thousand.
        self._hooks: list[Hook] | None = None
        self._news: deque[TokenPair | None] | None = None
        self._pump: asyncio.Task[None] | None = None

    def add(self, hook: Hook) -> Callable[[], None]:
        """Add a hook; return a function that takes it away again."""
        if self._hooks is None:
            self._hooks, self._news = [], deque()
        hooks = self._hooks
        hooks.append(hook)

        def remove() -> None:
            if hook in hooks:
                hooks.remove(hook)

        return remove

    def tell(self, tokens: TokenPair | None) -> None:
        """Queue a change; a single task delivers, so that nobody stores an old pair last."""
        if not self._hooks or self._news is None or self._background.closed:
            return
        self._news.append(tokens)
        # Asked of the task itself: one that is cancelled before its first step runs no `finally`.
        # One of a loop that has ended, or of the process before a fork, never gets there.
        if self._pump is None or not self._background.owns(self._pump):
            work = self._deliver(self._hooks, self._news)
            self._pump = self._background.spawn(work, name="cloudbase-auth hooks")

    async def _deliver(self, hooks: list[Hook], news: deque[TokenPair | None]) -> None:
        # Not at once: an eager task factory would run hooks in the middle of the commit.
        await asyncio.sleep(0)
        while news:
            for hook in tuple(hooks):
                await self._run(hook, news[0])
            news.popleft()  # afterwards: what was cut short is told again by the next task

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
