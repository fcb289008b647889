"""
The skin without sockets: a `Transport` that hands an `AuthClient`'s requests straight to the core.

It needs no loop before its first request, no port and no clean-up. Each request still lets other
tasks run on its way there and on its way back, as it would between sockets.
"""

import asyncio
import functools
import zlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from cloudbase_auth_async import _call
from cloudbase_auth_async._packed import unpacked
from cloudbase_auth_async.errors import (
    AnswerTooLarge,
    ClientClosed,
    ConnectFailed,
    ConnectionLost,
    RequestTimedOut,
    TransportError,
)
from cloudbase_auth_async.testing._clock import EmulatorClock
from cloudbase_auth_async.testing._desk import Desk, Visit
from cloudbase_auth_async.testing._faults import Fault
from cloudbase_auth_async.testing._reading import CutShort, NoHttp, Pieces, read
from cloudbase_auth_async.testing._steps import Step
from cloudbase_auth_async.testing._values import Request, Response
from cloudbase_auth_async.testing._wire_faults import DRIPS, SHORT_BY, padding

# Nobody listens on port 1: what goes past the transport finds no service by accident.
ORIGIN: Final = "http://127.0.0.1:1"

_MEGABYTE: Final = 1_048_576


@attrs.frozen
class _Failure:
    """What a client sees instead of an answer, in the words of the transport on sockets."""

    kind: type[TransportError]
    problem: str


_TOO_LARGE: Final = _Failure(AnswerTooLarge, "the answer is too large")
_UNCONNECTED: Final = _Failure(ConnectFailed, "no connection could be made")
_LOST: Final = _Failure(ConnectionLost, "the connection broke")
_NO_HTTP: Final = _Failure(ConnectionLost, "the answer is not HTTP")
_TIMED_OUT: Final = _Failure(RequestTimedOut, "the time ran out")

_Seen = _call.Response | _Failure


class MemoryTransport:
    """
    Carries requests to an emulator in the same process, and its faults back as errors.

    Args:
        desk: of the emulator.
        clock: of the emulator. A "hang" lasts as long as the client's patience by this clock,
            so it ends when a test moves the clock, and at once on a `ManualClock`.
        max_answer_bytes: the largest answer that is taken.
    """

    __slots__ = ("_clock", "_closed", "_desk", "_limit")

    def __init__(self, desk: Desk, clock: EmulatorClock, *, max_answer_bytes: int) -> None:
        self._desk = desk
        self._clock = clock
        self._limit = max_answer_bytes
        self._closed = False

    async def send(self, request: _call.Request, *, timeout: float) -> _call.Response:  # noqa: ASYNC109 -- the protocol's
        """Send once; see `Transport.send`."""
        if self._closed:
            raise ClientClosed("the client is closed")
        await asyncio.sleep(0)
        visit = self._desk.arrived(_received(request))
        if visit.fault is None:
            seen = self._whole(self._desk.answered(visit, self._desk.answer(visit)))
        else:
            seen = await self._faulty(visit, visit.fault, timeout)
        await asyncio.sleep(0)
        if isinstance(seen, _Failure):
            raise seen.kind(
                seen.problem,
                operation=request.operation,
                request_id=request.request_id,
                may_have_reached_server=seen is not _UNCONNECTED,
            )
        return seen

    async def aclose(self) -> None:
        """Take no more requests."""
        self._closed = True

    async def _faulty(self, visit: Visit, fault: Fault, patience: float) -> _Seen:
        """Return what the client sees of a request that meets a fault."""
        try:
            if fault.waits_first:
                await self._kept(visit, fault, patience)
            response = self._desk.answer(visit)
            if not fault.waits_first:
                await self._wait(fault, patience)
        except TimeoutError:
            return _TIMED_OUT
        if fault.kind == "refuse":
            return _UNCONNECTED
        if fault.silent:
            return _LOST
        if fault.kind == "raw":
            return await self._raw(fault.steps(visit.request), patience)
        self._desk.answered(visit, response)
        return self._read(fault, response)

    async def _kept(self, visit: Visit, fault: Fault, patience: float) -> None:
        """Wait before a request is handled; it is, even if its client leaves meanwhile."""
        try:
            await self._wait(fault, patience)
        except (TimeoutError, asyncio.CancelledError):
            late = functools.partial(self._desk.answer, visit)
            if fault.kind == "delay":
                late()
            else:
                fault.released.then(late)
            raise

    async def _wait(self, fault: Fault, patience: float) -> None:
        if fault.kind == "hang":
            await self._hang(fault, patience)
            return
        async with asyncio.timeout(patience):
            if fault.kind == "hold":
                await fault.released
            elif fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "slow_drip":
                await asyncio.sleep(fault.seconds * DRIPS)

    async def _hang(self, fault: Fault, patience: float) -> None:
        sleeper = asyncio.ensure_future(self._clock.sleep(patience))
        fault.released.then(sleeper.cancel)
        try:
            await asyncio.wait((sleeper,))
        finally:
            sleeper.cancel()
        if not fault.released.is_set():
            raise TimeoutError

    async def _raw(self, steps: Iterator[Step], patience: float) -> _Seen:
        """Return what raw bytes amount to, when their pauses are over."""
        pieces = Pieces(steps, patience)
        try:
            seen = self._whole(read(pieces, self._limit))
        except TimeoutError:
            seen = _TIMED_OUT
        except NoHttp:
            seen = _NO_HTTP
        except CutShort:
            seen = _LOST
        await asyncio.sleep(min(pieces.waited, patience))
        return seen

    def _read(self, fault: Fault, response: Response) -> _Seen:
        """Return what of an answer gets through."""
        body = response.body
        if fault.kind == "half_body":
            return _LOST
        if fault.kind in ("huge", "gzip_bomb"):
            if fault.megabytes * _MEGABYTE >= self._limit:
                return _TOO_LARGE
            body = b"".join(padding(fault.megabytes))
        elif fault.kind == "wrong_length":
            body = body[: max(len(body) - SHORT_BY, 0)]
        return self._whole(attrs.evolve(response, body=body))

    def _whole(self, response: Response) -> _Seen:
        """Return an answer that came whole, unless it is too large or packed wrongly."""
        if len(response.body) > self._limit:
            return _TOO_LARGE
        headers = {name.lower(): value for name, value in response.headers}
        body = unpacked(response.body, headers.get("content-encoding"), self._limit)
        if body is None:
            return _TOO_LARGE
        if isinstance(body, zlib.error):
            return _NO_HTTP
        return _call.Response(status=response.status, headers=headers, body=body)


def _received(request: _call.Request) -> Request:
    url = urlsplit(request.url)
    headers = [("Host", url.netloc), *request.headers.items()]
    if request.authorization is not None:
        headers.append(("Authorization", request.authorization))
    pairs = tuple(parse_qsl(url.query, keep_blank_values=True))
    return Request(
        method=request.method,
        path=url.path,
        query=dict(pairs),
        pairs=pairs,
        headers=tuple(headers),
        body=request.body or b"",
    )
