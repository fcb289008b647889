"""
Bytes over HTTP with aiohttp: the only module of the library that imports it.

A transport sends one `Request` once and returns one `Response`, or raises a `TransportError`
that says whether the request may have reached the service. It knows nothing of tokens, JSON or
retries.
"""

import asyncio
import os
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import aiohttp
import attrs
from yarl import URL

from cloudbase_auth_async._call import Request, Response
from cloudbase_auth_async._packed import unpacked
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.config import Settings, is_loopback
from cloudbase_auth_async.errors import (
    AnswerTooLarge,
    ClientClosed,
    ConfigurationError,
    ConnectFailed,
    ConnectionLost,
    RequestTimedOut,
    TransportError,
)

_REJECTED = 401

# Kept from the garbage collector, which would close them.
_PARENTS: list[aiohttp.ClientSession] = []

HttpSession = aiohttp.ClientSession
ClientHandler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
ClientMiddleware = Callable[
    [aiohttp.ClientRequest, ClientHandler], Awaitable[aiohttp.ClientResponse]
]


class Transport(Protocol):
    """One request out, one response in."""

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - enforced by the transport itself
        """
        Send once.

        Args:
            request: what to send.
            timeout: seconds for everything, from waiting for a connection to the last byte.

        Raises:
            TransportError: no whole answer came.
        """
        ...

    async def aclose(self) -> None:
        """Close what this transport opened."""
        ...


class _Hidden(Exception):
    """
    Carries a connection error past aiohttp.

    aiohttp sends a PUT or DELETE a second time, unasked, when a kept-alive connection turns out
    to be dead. It does so on its own exceptions only: deleting a user twice is ours to decide.
    """


class _Body(aiohttp.BytesPayload):
    """
    A body that knows whether its first byte was handed to a connection.

    aiohttp writes the head together with the first piece of the body, so as long as this was
    not asked for its bytes, nothing has left. Tracing hooks tell the same, but they cannot be
    put on a session that somebody else made.
    """

    left = False

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self.left = True
        await super().write_with_length(writer, content_length)


@attrs.define
class _Attempt:
    """
    One sending, watched from inside aiohttp.

    Attributes:
        request: what is sent.
        body: its payload; None for a request without one.
        began: whether the middleware ran at all.
    """

    request: Request
    body: _Body | None

    async def middleware(
        self,
        wire: aiohttp.ClientRequest,
        handler: ClientHandler,
    ) -> aiohttp.ClientResponse:
        # A borrowed session may add its own defaults. A user's bearer or cookies on a sign-in
        # are refused by the gateway, and would tell one user's secrets in another's call. Ours
        # is set here, because aiohttp refuses it beside one that it found in a netrc file.
        wire.headers.popall("Authorization", None)
        wire.headers.popall("Cookie", None)
        if self.request.authorization is not None:
            wire.headers["Authorization"] = self.request.authorization
        try:
            return await handler(wire)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as failure:
            raise _Hidden from failure

    def error(self, failure: BaseException) -> TransportError:
        """Translate what aiohttp raised, keeping none of it: it holds headers and URLs."""
        never_left = isinstance(
            failure,
            aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError,
        ) or (self.body is not None and not self.body.left)
        kind, problem = _kind(failure, never_left=never_left)
        return kind(
            problem,
            operation=self.request.operation,
            request_id=self.request.request_id,
            may_have_reached_server=not never_left,
        )

    def too_large(self) -> TransportError:
        return AnswerTooLarge(
            "the answer is too large",
            operation=self.request.operation,
            request_id=self.request.request_id,
            may_have_reached_server=True,
        )


def _kind(failure: BaseException, *, never_left: bool) -> tuple[type[TransportError], str]:
    if isinstance(failure, asyncio.TimeoutError):
        return RequestTimedOut, "the time ran out"
    if never_left:
        return ConnectFailed, "no connection could be made"
    if isinstance(failure, aiohttp.ClientResponseError | zlib.error):
        return ConnectionLost, "the answer is not HTTP"
    return ConnectionLost, "the connection broke"


class AiohttpTransport:
    """
    A pooled aiohttp session, owned or borrowed.

    What is owned is opened at the first call, inside the running loop, keeps no cookies and is
    closed by `aclose`. A borrowed session is never closed, and its middlewares are not applied:
    the bearer middleware of a `TokenSession` would wait for the very refresh it is sending.
    """

    def __init__(self, settings: Settings, *, http: aiohttp.ClientSession | None) -> None:
        if http is not None and not isinstance(cast("object", http), aiohttp.ClientSession):
            raise ConfigurationError("http", "must be an aiohttp.ClientSession")
        if http is not None and http.auth is not None:
            raise ConfigurationError("http", "must not have an `auth` of its own")
        self._settings = settings
        self._borrowed = http
        self._opened: dict[bool, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._closed = False

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send once; see `Transport.send`."""
        http = await self._session(fresh=request.fresh_connection)
        payload = None if request.body is None else _Body(request.body)
        attempt = _Attempt(request, payload)
        try:
            async with http.request(
                request.method,
                URL(request.url, encoded=True),  # quoted by the pipeline, once
                data=payload,
                headers=request.headers,
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,
                middlewares=(attempt.middleware,),
                timeout=aiohttp.ClientTimeout(
                    total=timeout, sock_connect=self._settings.connect_timeout
                ),
            ) as answer:
                packed = await self._read(answer)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                status = answer.status
        except (aiohttp.ClientError, _Hidden, OSError) as failure:  # a TimeoutError is an OSError
            error = attempt.error(failure)
        except (RuntimeError, ValueError) as failure:
            if self._borrowed is None:
                raise
            # Of another loop, with hooks or headers that fail: its frames hold what is sent.
            error = attempt.error(failure)
        else:
            encoding, limit = headers.get("content-encoding"), self._settings.max_answer_bytes
            body = None if packed is None else unpacked(packed, encoding, limit)
            if isinstance(body, bytes):
                return Response(status=status, headers=headers, body=body)
            error = attempt.too_large() if body is None else attempt.error(body)
        # Raised out here, the error has no context: aiohttp's own holds the request's headers.
        raise error

    async def aclose(self) -> None:
        """Close what was opened here; a borrowed session stays open."""
        self._closed = True
        if os.getpid() != self._pid:
            _PARENTS.extend(self._opened.values())
            self._opened = {}
        # Shielded: a cancelled close must not leave one of them open.
        await asyncio.shield(asyncio.gather(*(http.close() for http in self._opened.values())))

    async def _session(self, *, fresh: bool) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosed("the client is closed")
        if self._borrowed is not None:
            if self._borrowed.closed:
                raise ClientClosed("the borrowed aiohttp session is closed")
            return self._borrowed
        loop = asyncio.get_running_loop()
        if os.getpid() != self._pid:
            # After a fork they belong to the parent: closing them here would end its TLS.
            _PARENTS.extend(self._opened.values())
            self._opened, self._loop, self._pid = {}, loop, os.getpid()
        if loop is not self._loop:
            if self._loop is not None and not self._loop.is_closed() and self._opened:
                raise ClientClosed("the client belongs to another event loop, which still lives")
            # What was opened in a loop that has ended is of no use in this one.
            dead, self._opened, self._loop = list(self._opened.values()), {}, loop
            await asyncio.gather(*(http.close() for http in dead), return_exceptions=True)
        # A kept-alive connection may be closed by the service just as a request goes out on it,
        # and then nobody knows whether a refresh token was spent: spends get their own.
        http = self._opened.get(fresh)
        if http is None:
            http = self._opened[fresh] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=fresh),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return http

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes | None:
        """Read at most one byte more than is allowed; None if there is more."""
        pieces: list[bytes] = []
        room = self._settings.max_answer_bytes
        async for piece in answer.content.iter_any():
            room -= len(piece)
            if room < 0:
                answer.close()
                return None
            pieces.append(piece)
        return b"".join(pieces)


@attrs.frozen
class _Shown:
    """A token in a frame that a traceback may show."""

    token: str = attrs.field(repr=False)


class BearerSource(Protocol):
    """A held pair, as far as the bearer middleware knows it."""

    def bearer(self) -> Awaitable[str]:
        """Return a token that is valid now."""
        ...

    def rejected(self, access_token: str) -> bool:
        """Note a rejection; True if the request is worth repeating."""
        ...

    def repeated(self, access_token: str, *, accepted: bool) -> None:
        """Note how the repetition went."""
        ...


def bearer_middleware(source: BearerSource, hosts: frozenset[str]) -> ClientMiddleware:
    """
    Make an aiohttp client middleware that signs requests to some hosts.

    Args:
        source: of tokens.
        hosts: who may see them, as `host:port`. aiohttp runs middlewares for each redirect, too:
            without the list a redirect would hand the user's token to anybody.
    """
    # Sealed: whoever sends the request gets our errors, and reports them with the frames.
    bearer = sealed(source.bearer)

    async def sign(
        request: aiohttp.ClientRequest, handler: ClientHandler
    ) -> aiohttp.ClientResponse:
        if not _may_see(request.url, hosts) or "Authorization" in request.headers:
            return await handler(request)
        shown = _Shown(await bearer())
        request.headers["Authorization"] = f"Bearer {shown.token}"
        answer = await handler(request)
        replayable = isinstance(request.body, bytes | aiohttp.BytesPayload)
        if answer.status != _REJECTED or not replayable or not source.rejected(shown.token):
            return answer
        answer.release()
        shown = _Shown(await bearer())
        request.headers["Authorization"] = f"Bearer {shown.token}"
        answer = await handler(request)
        source.repeated(shown.token, accepted=answer.status != _REJECTED)
        return answer

    return sign


def _may_see(url: URL, hosts: frozenset[str]) -> bool:
    secure = url.scheme == "https" or is_loopback(url.host or "")
    return secure and f"{url.host}:{url.port}" in hosts
