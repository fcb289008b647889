"""Steps of one thing that must not overlap, done in the order they were asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """A lock that moves with its owner from one event loop to the next."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def do(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do a step when those before it are done."""
        loop = asyncio.get_running_loop()
        # What was under way in a loop that has ended never gives its lock back.
        if self._held is None or self._held[0] is not loop:
            self._held = loop, asyncio.Lock()
        async with self._held[1]:
            return await step()
