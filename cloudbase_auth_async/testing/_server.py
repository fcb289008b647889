"""
The socket skin: an aiohttp application on loopback around the core.

It reads the clock, keeps the journal and carries out the fault script; the service's rules
are none of its business.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

from cloudbase_auth_async.testing._connections import NumberedServer, Written
from cloudbase_auth_async.testing._control import Control, is_ours
from cloudbase_auth_async.testing._desk import Desk, Visit
from cloudbase_auth_async.testing._faults import Fault
from cloudbase_auth_async.testing._fields import MAX_BODY
from cloudbase_auth_async.testing._steps import Step
from cloudbase_auth_async.testing._values import Request, Response
from cloudbase_auth_async.testing._wire_faults import damaged

# How long closing waits for a request whose body never ends.
_SHUTDOWN_SECONDS: Final = 1.0
_TURNS_TO_NOTICE: Final = 5
# Hundreds of clients may connect in one turn of the loop; more than that wait a second.
_BACKLOG: Final = 1024
# How much of a huge answer may wait for a slow reader.
_WRITE_AHEAD: Final = 4_194_304


class _NotTheClientsFault(logging.Filter):
    """Drops the tracebacks that aiohttp logs for requests that are no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is worth showing."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


_log = logging.getLogger("cloudbase_auth_async.testing")
_log.addFilter(_NotTheClientsFault())


class Server:
    """One listening socket, and what is done with the requests that come in."""

    __slots__ = (
        "_busy",
        "_closing",
        "_control",
        "_desk",
        "_host",
        "_numbered",
        "_port",
        "_preparation",
        "_reserved",
        "_runner",
        "_site",
    )

    def __init__(
        self,
        control: Control,
        desk: Desk,
        *,
        host: str,
        port: int,
    ) -> None:
        self._control = control
        self._desk = desk
        self._host = host
        self._port = port
        self._preparation: Awaitable[object] | None = None
        self._closing = asyncio.Event()
        self._busy: set[web.RequestHandler] = set()
        self._reserved: socket.socket | None = None
        self._numbered: NumberedServer | None = None
        self._runner: web.ServerRunner | None = None
        self._site: web.SockSite | None = None

    @property
    def origin(self) -> str:
        """Return `http://host:port`."""
        if self._runner is None:
            raise RuntimeError("the emulator is not running; use `async with`")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def connections_taken(self) -> int:
        """Return how many connections were taken so far."""
        return 0 if self._numbered is None else self._numbered.taken

    @property
    def connections_open(self) -> int:
        """Return how many of them have not ended."""
        return 0 if self._numbered is None else len(self._numbered.numbers)

    async def start(self, *, preparation: Callable[[], object] | None = None) -> None:
        """
        Listen; port 0 becomes a free port.

        Args:
            preparation: slow work that answers need; a thread does it, the first answer waits.
        """
        self._reserve()
        self._closing = asyncio.Event()
        # Bodies stay as they came: a compressed one is not JSON, here as there.
        self._numbered = NumberedServer(
            self._serve,
            taken=self.connections_taken,
            access_log=None,
            auto_decompress=False,
            logger=_log,
        )
        self._runner = web.ServerRunner(self._numbered, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await self.listen()
        if preparation is not None:
            loop = asyncio.get_running_loop()
            self._preparation = loop.run_in_executor(None, preparation)

    async def listen(self) -> None:
        """Take connections again, on the same port."""
        if self._runner is None or self._reserved is None:
            return
        self._site = web.SockSite(self._runner, self._reserved, backlog=_BACKLOG)
        self._reserved = None
        await self._site.start()

    async def deafen(self) -> None:
        """Refuse connections and close the idle ones; requests under way go on."""
        if self._site is None or self._runner is None:
            return
        await self._site.stop()
        self._site = None
        # Held, but not listening: nobody else can take the port meanwhile.
        self._reserve()
        server = self._runner.server
        for connection in () if server is None else server.connections:
            if connection in self._busy:
                connection.close()
            else:
                # A connection that is only closed takes one more request, and hangs.
                connection.force_close()
        # Clients in this loop notice that their idle connections are gone.
        for _ in range(_TURNS_TO_NOTICE):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Close everything; what a fault holds is dropped without an answer."""
        self._closing.set()
        self._control.faults.release()
        runner, self._runner = self._runner, None
        reserved, self._reserved = self._reserved, None
        self._site = None
        self._preparation = None
        if runner is not None:
            await runner.cleanup()
        if reserved is not None:
            reserved.close()
        # Transports close one turn of the loop after they are told to.
        await asyncio.sleep(0)

    def _reserve(self) -> None:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Not on Windows: there it would let two programs share the port.
            reuse = int(os.name == "posix")
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            listener.bind((self._host, self._port))
        except BaseException:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._reserved = listener

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        self._busy.add(raw.protocol)
        number = None if self._numbered is None else self._numbered.numbers.get(raw.protocol)
        try:
            if raw.headers.get("Expect", "").lower() == "100-continue" and raw.transport:
                # A client that asks first would wait for this in vain.
                raw.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request = await _received(raw)
        except ConnectionError:
            # The client hung up in the middle of its body; nobody waits for an answer.
            return web.Response()
        else:
            return await self._answered(raw, request, number)
        finally:
            self._busy.discard(raw.protocol)

    async def _answered(
        self, raw: web.BaseRequest, request: Request, connection: int | None
    ) -> web.StreamResponse:
        if is_ours(request.path):
            return _written(self._desk.dated(self._control.handle(request)))
        visit = self._desk.arrived(request, connection)
        if self._preparation is not None:
            await asyncio.shield(self._preparation)
            self._preparation = None
        if visit.fault is None:
            return _written(self._desk.answered(visit, self._desk.answer(visit)))
        return await self._faulty(raw, visit, visit.fault)

    async def _faulty(self, raw: web.BaseRequest, visit: Visit, fault: Fault) -> web.StreamResponse:
        if fault.waits_first:
            await self._wait(fault)
        if self._closing.is_set():
            return await self._write_by_hand(raw, iter(()))
        response = self._desk.answer(visit)
        if not fault.waits_first:
            await self._wait(fault)
        steps = iter(()) if self._closing.is_set() else damaged(fault, visit.request, response)
        if fault.has_status and not self._closing.is_set():
            self._desk.answered(visit, response)
        if fault.kind == "refuse":
            return await self._refuse(raw, fault)
        if steps is None:
            return _written(response)
        return await self._write_by_hand(raw, steps, keep=fault.keep)

    async def _refuse(self, raw: web.BaseRequest, fault: Fault) -> web.StreamResponse:
        """Drop this request, and every connection that is tried in the next seconds."""
        await self.deafen()
        dropped = await self._write_by_hand(raw, iter(()))
        await self._pause(fault.seconds)
        await self.listen()
        return dropped

    async def _wait(self, fault: Fault) -> None:
        if fault.kind in ("hold", "hang"):
            await fault.released
        elif fault.kind == "delay":
            await self._pause(fault.seconds)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _write_by_hand(
        self, raw: web.BaseRequest, steps: Iterator[Step], *, keep: bool = False
    ) -> web.StreamResponse:
        if raw.transport is not None:
            await self._write(raw.transport, steps, keep=keep)
        # aiohttp wants an answer; one of its own finds the connection closed and lets it go.
        return Written() if keep else web.Response()

    async def _write(
        self, transport: asyncio.Transport, steps: Iterator[Step], *, keep: bool
    ) -> None:
        kept = False
        try:
            for step in steps:
                if transport.is_closing() or self._closing.is_set():
                    break
                if isinstance(step, bytes):
                    transport.write(step)
                    await self._drained(transport, _WRITE_AHEAD)
                else:
                    await self._pause(step)
            await self._drained(transport, 0)
            kept = keep
        finally:
            if self._closing.is_set():
                # A client that does not read would keep the socket open for ever.
                transport.abort()
            elif not kept:
                transport.close()

    async def _drained(self, transport: asyncio.Transport, limit: int) -> None:
        while transport.get_write_buffer_size() > limit:
            if transport.is_closing() or self._closing.is_set():
                return
            await self._pause(0.001)


async def _received(raw: web.BaseRequest) -> Request:
    body = bytearray()
    # One byte over the limit is enough for the core to refuse the rest.
    while len(body) <= MAX_BODY:
        piece = await raw.content.readany()
        if not piece:
            break
        body += piece
    headers = (
        (name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
        for name, value in raw.raw_headers
    )
    return Request(
        method=raw.method,
        path=raw.rel_url.raw_path,
        query=dict(raw.rel_url.query),
        pairs=tuple(raw.rel_url.query.items()),
        headers=tuple(headers),
        body=bytes(body),
    )


def _written(response: Response) -> web.Response:
    return web.Response(status=response.status, headers=response.headers, body=response.body)
