"""What the wire tests share: emulators, servers that misbehave byte by byte, every operation."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, TokenPair, TokenSession
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD = "Passw0rd!"
PHONE = "+86 13800000000"

Handler = Callable[["Exchange"], Awaitable[None]]


@attrs.define
class Exchange:
    """
    One request that a raw server has read, and the connection it came on.

    Attributes:
        number: of the connection, from 1.
    """

    number: int
    request: bytes
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write some bytes now."""
        self.writer.write(data)
        await self.writer.drain()


@attrs.define
class RawServer:
    """
    A server that answers with whatever bytes it is told to.

    Attributes:
        answer: bytes for every request, or what writes them.
        keep: whether a connection is kept for more requests.
        requests: every request that was read whole.
        connections: how many were taken.
    """

    answer: bytes | Handler
    keep: bool = False
    requests: list[bytes] = attrs.field(factory=list[bytes])
    connections: int = 0
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = attrs.field(factory=set["asyncio.Task[None]"])

    @property
    def origin(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def base_url(self) -> str:
        """What a client takes."""
        return self.origin + "/auth/v1"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything and wait for it."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._talk(self.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _talk(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            self.requests.append(head + await reader.readexactly(length))
            exchange = Exchange(number, self.requests[-1], writer)
            if isinstance(self.answer, bytes):
                await exchange.send(self.answer)
            else:
                await self.answer(exchange)
            if not self.keep or writer.is_closing():
                return


@attrs.frozen
class Operation:
    """
    One coroutine of the public surface.

    Attributes:
        run: calls it on a client.
        answers: whether it returns something that is decoded.
    """

    name: str
    run: Callable[[AuthClient], Awaitable[Any]]
    answers: bool = True


def held(client: AuthClient) -> TokenSession:
    """Return a session whose token the client believes in."""
    return client.session(TokenPair(access_token="opaque-access", refresh_token="m.opaque-refresh"))


OPERATIONS = (
    Operation("sign_in.password", lambda c: c.sign_in.password("alice", PASSWORD)),
    Operation("sign_in.anonymously", lambda c: c.sign_in.anonymously()),
    Operation("verification.send", lambda c: c.verification.send(phone_number=PHONE)),
    Operation("verification.verify", lambda c: c.verification.verify("an-id", "123456")),
    Operation(
        "sign_up.register",
        lambda c: c.sign_up.register(phone_number=PHONE, verification_token="a-proof"),
    ),
    Operation("token.refresh", lambda c: c.token.refresh("m.refresh")),
    Operation("token.introspect", lambda c: c.token.introspect("an-access-token")),
    Operation("token.revoke", lambda c: c.token.revoke("an-access-token"), answers=False),
    Operation("user.me", lambda c: held(c).user.me()),
    Operation("user.sudo", lambda c: held(c).user.sudo(password=PASSWORD)),
    Operation(
        "user.update_password",
        lambda c: held(c).user.update_password(new_password=PASSWORD),
        answers=False,
    ),
    Operation("user.delete", lambda c: held(c).user.delete(), answers=False),
    Operation("providers.list", lambda c: held(c).providers.list()),
    Operation("providers.bind", lambda c: held(c).providers.bind("a-token"), answers=False),
    Operation("providers.unbind", lambda c: held(c).providers.unbind("github"), answers=False),
)


class Kit:
    """Small functions that many tests need."""

    operations: Mapping[str, Operation] = {each.name: each for each in OPERATIONS}

    @staticmethod
    def http(
        body: bytes = b"",
        *,
        status: str = "200 OK",
        headers: str = "",
        length: int | None = None,
    ) -> bytes:
        """Return an HTTP answer as bytes; the connection ends with it."""
        size = len(body) if length is None else length
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
        return f"{head}Content-Length: {size}\r\n\r\n".encode() + body

    @staticmethod
    def jwt(claims: Mapping[str, Any] | bytes) -> str:
        """Return an unsigned token with that payload."""
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        parts = (b'{"alg":"RS256","kid":"k"}', payload, b"signature")
        return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)

    @staticmethod
    async def failure(work: Awaitable[Any]) -> CloudBaseAuthError:
        """Return the error of ours that a call ends in; anything else is the test's failure."""
        async with asyncio.timeout(10):
            try:
                answer = await work
            except CloudBaseAuthError as error:
                return error
        raise AssertionError(f"it answered {answer!r}")

    @staticmethod
    def held(client: AuthClient) -> TokenSession:
        """Return a session whose token the client believes in."""
        return held(client)


@pytest.fixture
def kit() -> Kit:
    """Return the small functions."""
    return Kit()


@pytest.fixture(params=OPERATIONS, ids=lambda each: each.name)
def operation(request: pytest.FixtureRequest) -> Operation:
    """Return each operation in turn."""
    found: Operation = request.param
    return found


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    """Return a stack that is closed when the test is over."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def emulate(closing: AsyncExitStack) -> Callable[..., Awaitable[Emulator]]:
    """Return a maker of emulators on a standing clock, with the user alice."""

    async def make(**options: Any) -> Emulator:
        emulator = await closing.enter_async_context(
            Emulator(**({"clock": ManualClock()} | options))
        )
        emulator.add_user(username="alice", password=PASSWORD)
        return emulator

    return make


@pytest.fixture
async def emulator(emulate: Callable[..., Awaitable[Emulator]]) -> Emulator:
    """Return an emulator that speaks both contracts."""
    return await emulate()


@pytest.fixture
async def auth(emulator: Emulator, closing: AsyncExitStack) -> AuthClient:
    """Return a client of the emulator."""
    client: AuthClient = await closing.enter_async_context(emulator.client())
    return client


@pytest.fixture
def raw(closing: AsyncExitStack) -> Callable[..., Awaitable[RawServer]]:
    """Return a maker of servers that answer with given bytes."""

    async def make(answer: bytes | Handler = b"", **options: Any) -> RawServer:
        server = RawServer(answer, **options)
        await server.start()
        closing.push_async_callback(server.stop)
        return server

    return make


@pytest.fixture
def connect(closing: AsyncExitStack) -> Callable[..., Awaitable[AuthClient]]:
    """Return a maker of clients, with a secret and a standing clock unless told otherwise."""

    async def make(base_url: str, **options: Any) -> AuthClient:
        usual: dict[str, Any] = {"client_secret": "demo-secret", "clock": ManualClock()}
        client = AuthClient("demo-env", base_url=base_url, **(usual | options))
        return await closing.enter_async_context(client)

    return make
