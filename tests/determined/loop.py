"""
An event loop that leaves nothing to chance: its own clock, its own order, its own count of steps.

It opens no socket and starts no thread. Time stands still while anything is ready to run, then
jumps to the next timer. Which ready callback runs next is drawn from a seeded generator, or is the
oldest one if there is no seed; whatever is ready may run, in any order, which is more than asyncio
allows itself: it runs callbacks in the order they were asked for. A library that is right in every
order is right in that one.

The draw is over a list sorted by the number of the task or future that a callback belongs to, in
the order they were made, because asyncio and the library go through sets here and there, and the
order of a set differs from run to run.

It leans on these inner parts of asyncio, in CPython 3.11 to 3.13:

- `Handle._run`, `_callback`, `_args` and `_context`: to run what was asked for, and to see whose it
  is. Without them there is no trace, no step to hook into, and no process to stop.
- `callback.__self__` is the task, where the callback is a task's next step; asyncio's own debug
  mode relies on it. Without it no step is counted, and `run_until_complete` says so.
- `asyncio._set_running_loop`, made for loops from elsewhere; without it nothing finds this loop.
- `_timer_handle_cancelled` is called on the loop when a timer is cancelled.
"""

import asyncio
import contextlib
import contextvars
import gc
import heapq
import random
import sys
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar, cast

T = TypeVar("T")

# A clock has a resolution: a shorter wait than this might not move the time at all.
_SHORTEST_SECONDS = 1e-6
# Nothing here takes a tenth of it: whoever still turns then turns for ever.
_MOST_MOVES = 200_000

Context = contextvars.Context | None


class Stuck(AssertionError):
    """Nothing is ready, no timer runs, and somebody still waits; or it never ends."""


class DeterminedLoop(asyncio.AbstractEventLoop):
    """
    A loop that does the same each time it is given the same seed.

    Attributes:
        steps: how many steps tasks have made.
        before_step: called with the number of the step, from 1, and the task that makes it.
        trace: what ran, when, in words that say the same in each run.
        paused: told the context of whatever is ready, whether it has to wait: a stopped process.
        troubles: what was told to the exception handler.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._chance = None if seed is None else random.Random(seed)  # noqa: S311 - as it must be
        self._now = 0.0
        self._asked = 0
        self._made = 0
        self._moves = 0
        self._ready: list[tuple[int, asyncio.Handle]] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers: weakref.WeakKeyDictionary[asyncio.Future[Any], int] = (
            weakref.WeakKeyDictionary()
        )
        self._closed = False
        self._running = False
        self.steps = 0
        self.before_step: Callable[[int, asyncio.Task[Any]], object] = lambda _, __: None
        self.trace: list[str] = []
        self.paused: Callable[[contextvars.Context], bool] = lambda _: False
        self.troubles: list[dict[str, Any]] = []

    # What runs

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """
        Run until a coroutine or future is done, and return its result.

        Raises:
            Stuck: it will never be.
        """
        task = asyncio.ensure_future(cast("Awaitable[T]", future), loop=self)
        hooks, collects = sys.get_asyncgen_hooks(), gc.isenabled()
        sys.set_asyncgen_hooks(firstiter=lambda _: None, finalizer=self._unfinished)
        gc.disable()  # what it finds, and when, is nothing that a seed decides
        asyncio._set_running_loop(self)
        self._running = True
        try:
            while not task.done():
                self._move()
        finally:
            self._running = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
            if collects:
                gc.enable()
        assert self.steps, "this Python hides whose step a callback is"
        return task.result()

    def _move(self) -> None:
        """Run one callback."""
        self._moves += 1
        if self._moves > _MOST_MOVES:
            raise Stuck(f"it goes round and round: {self.waiting()}")
        self._ready = [(asked, handle) for asked, handle in self._ready if not handle.cancelled()]
        able = self._able()
        if not able and self._timers:
            self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            _, asked, timer = heapq.heappop(self._timers)
            self._ready.append((asked, timer))
        able = self._able()
        if not able:
            if not self._timers:
                raise Stuck(f"nobody will ever wake {self.waiting()}")
            return
        handle = self._drawn(able)
        owner = self._owner(handle)
        self.trace.append(f"{self._now:.6f} {self._called(owner)}")
        if getattr(handle._callback, "__self__", None) is owner and isinstance(owner, asyncio.Task):
            self.steps += 1
            self.before_step(self.steps, owner)
        handle._run()

    def _able(self) -> list[tuple[int, asyncio.Handle]]:
        return [entry for entry in self._ready if not self.paused(cast("Any", entry[1])._context)]

    def _drawn(self, able: list[tuple[int, asyncio.Handle]]) -> asyncio.Handle:
        entry = able[0]
        if self._chance is not None:
            able.sort(key=lambda entry: (self._number(self._owner(entry[1])), entry[0]))
            entry = able[self._chance.randrange(len(able))]
        self._ready.remove(entry)
        return entry[1]

    def _owner(self, handle: asyncio.Handle) -> asyncio.Future[Any] | None:
        """Return the task whose step this is, or the future whose end it follows."""
        callback, arguments = cast("Any", handle)._callback, cast("Any", handle)._args
        for candidate in (getattr(callback, "__self__", None), *(arguments or ())[:1]):
            if asyncio.isfuture(candidate):
                return candidate
        return None

    def _number(self, future: asyncio.Future[Any] | None) -> int:
        return 0 if future is None else self._numbers.get(future, 0)

    def _called(self, future: asyncio.Future[Any] | None) -> str:
        """Name a task or future without the counters of the whole process."""
        name = "callback"
        if isinstance(future, asyncio.Task):
            given = future.get_name()
            name = getattr(future.get_coro(), "__qualname__", "task")
            name = name if given.startswith("Task-") else given
        elif future is not None:
            name = "future"
        return f"{self._number(future)} {name}"

    def waiting(self) -> list[str]:
        """Name the tasks that have not ended."""
        tasks = [task for task in self._numbers if isinstance(task, asyncio.Task)]
        return [self._called(task) for task in tasks if not task.done()]

    def _unfinished(self, generator: Any) -> None:
        name = getattr(generator, "__qualname__", "?")
        self.call_exception_handler({"message": f"the generator {name} was left unfinished"})

    # What asyncio asks of a loop

    def time(self) -> float:
        """Return the seconds since this loop was made."""
        return self._now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context = None
    ) -> asyncio.Handle:
        """Have something run."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle = asyncio.Handle(callback, args, self, context)
        self._asked += 1
        self._ready.append((self._asked, handle))
        return handle

    call_soon_threadsafe = call_soon  # there are no threads

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        """Have something run after a while."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        """Have something run at a time of this loop."""
        when = max(when, self._now + _SHORTEST_SECONDS)
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._asked += 1
        heapq.heappush(self._timers, (when, self._asked, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Drop timers that nobody needs, so that time does not jump to them."""
        self._timers = [entry for entry in self._timers if entry[2] is not handle]
        heapq.heapify(self._timers)

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future."""
        return self._counted(asyncio.Future(loop=self))

    def create_task(
        self, coro: Any, *, name: object = None, context: Context = None
    ) -> asyncio.Task[Any]:
        """Start a task."""
        work = cast("Coroutine[Any, Any, Any]", coro)
        given = None if name is None else str(name)
        return self._counted(asyncio.Task(work, loop=self, name=given, context=context))

    def _counted(self, future: Any) -> Any:
        self._made += 1
        self._numbers[future] = self._made
        return future

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002 -- asyncio hands it over
        func: Callable[..., T],
        *args: Any,
    ) -> asyncio.Future[T]:
        """Run something at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as failure:  # noqa: BLE001 - it is handed on
            future.set_exception(failure)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note what nobody else took care of."""
        self.troubles.append(context)

    def get_debug(self) -> bool:
        """Return False: debug mode looks at the real clock."""
        return False

    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self._running

    def is_closed(self) -> bool:
        """Tell whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Take no more. What a failed test left under way ends without a word."""
        self._closed = True
        for future in tuple(self._numbers):
            if isinstance(future, asyncio.Task) and not future.done():
                cast("Any", future)._log_destroy_pending = False
                with contextlib.suppress(BaseException):
                    cast("Any", future.get_coro()).close()
        self._ready.clear()
        self._timers.clear()
