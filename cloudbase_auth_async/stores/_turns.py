"""
Locks by key inside one process: one holder, and the others wait in the order they came.

Nothing is remembered of a key that nobody holds, and nothing of a loop that has ended or of the
process this one was forked from.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable

# How soon a lock is seen to be free that another running loop held.
_PAUSE_SECONDS = 0.02


def _nothing() -> None:
    """Stand in until a holder has something to abandon."""


class Line:
    """
    Who holds a key is at its head; it is taken and given back only through `Turns`.

    Attributes:
        abandon: called when its loop is found closed with the key still held.
    """

    __slots__ = ("abandon", "loop", "pid", "waiters")

    abandon: Callable[[], object]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.abandon = _nothing
        self.loop = loop
        self.pid = os.getpid()
        self.waiters: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def ended(self) -> bool:
        """Whether its holder can never give it back."""
        return self.loop.is_closed() or self.pid != os.getpid()


class Turns:
    """Keys, each with one holder at a time."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    async def take(self, key: str, deadline: float) -> Line | None:
        """
        Wait for a key; None if it was not free in time.

        Args:
            key: any text.
            deadline: by the clock of the running loop. What is free is had even if it is past.
        """
        loop = asyncio.get_running_loop()
        mine = Line(loop)
        while (line := self._lines.setdefault(key, mine)) is not mine:
            if line.ended:
                self._forget(key, line)
                line.abandon()
            elif line.loop is loop:
                return line if await self._wait(key, line, deadline) else None
            elif loop.time() >= deadline:
                return None
            else:
                await asyncio.sleep(_PAUSE_SECONDS)
        return mine

    async def _wait(self, key: str, line: Line, deadline: float) -> bool:
        turn = line.loop.create_future()
        line.waiters[turn] = None
        try:
            await asyncio.wait({turn}, timeout=max(0.0, deadline - line.loop.time()))
        except BaseException:
            if turn.done():  # the key was handed over, to a waiter who was then cancelled
                self.give_back(key, line)
            raise
        finally:
            line.waiters.pop(turn, None)
        return turn.done()

    def give_back(self, key: str, line: Line) -> None:
        """Hand a key to the next in line, or forget it."""
        if line.waiters and not line.ended:
            turn, _ = line.waiters.popitem(last=False)
            turn.set_result(None)
        else:
            self._forget(key, line)

    def _forget(self, key: str, line: Line) -> None:
        if self._lines.get(key) is line:
            del self._lines[key]
