"""
What aiohttp's server is taught for the emulator's sake.

It numbers the connections it takes, and can be given an answer that is already written.
"""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


class NumberedServer(web.Server):
    """
    A server that counts its connections, and knows which is which while they last.

    Args:
        handler: of requests.
        taken: how many connections were taken before this server was made.
        options: of aiohttp's request handler.
    """

    def __init__(self, handler: Any, *, taken: int, **options: Any) -> None:
        super().__init__(handler, **options)
        self.taken = taken
        self.numbers: dict[web.RequestHandler, int] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Give a connection its number, from 1."""
        self.taken += 1
        self.numbers[handler] = self.taken
        super().connection_made(handler, transport)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget a connection."""
        self.numbers.pop(handler, None)
        super().connection_lost(handler, exc)


class Written(web.StreamResponse):
    """An answer whose bytes are on the wire already, on a connection that takes more requests."""

    @property
    def keep_alive(self) -> bool:
        """Have the connection kept, whatever was written."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write no head."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write no end."""
