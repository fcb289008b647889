"""What the wire tests share: emulators, some that misbehave byte by byte, every operation."""

import asyncio
import base64
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, TokenPair, TokenSession
from cloudbase_auth_async.testing import Emulator, Entry, Fault, ManualClock

PASSWORD = "Passw0rd!"
PHONE = "+86 13800000000"


@attrs.frozen
class RawServer:
    """
    An emulator that answers every request with the bytes it is told to.

    Attributes:
        emulator: on sockets.
        fault: what every request meets.
    """

    emulator: Emulator
    fault: Fault

    @property
    def base_url(self) -> str:
        """What a client takes."""
        return self.emulator.base_url

    @property
    def requests(self) -> list[Entry]:
        """Every request that was read whole."""
        return self.emulator.journal

    @property
    def connections(self) -> int:
        """How many were taken, with a request or without one."""
        return self.emulator._server.connections_taken

    @property
    def open(self) -> int:
        """How many of them have not ended."""
        return self.emulator._server.connections_open


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
    Operation("sign_in.code", lambda c: c.sign_in.code("a-proof")),
    Operation("sign_in.provider", lambda c: c.sign_in.provider("a-token")),
    Operation("sign_in.custom", lambda c: c.sign_in.custom("a-ticket")),
    Operation("verification.send", lambda c: c.verification.send(phone_number=PHONE)),
    Operation("verification.verify", lambda c: c.verification.verify("an-id", "123456")),
    Operation(
        "sign_up.register",
        lambda c: c.sign_up.register(phone_number=PHONE, verification_token="a-proof"),
    ),
    Operation("token.refresh", lambda c: c.token.refresh("m.refresh")),
    Operation("token.introspect", lambda c: c.token.introspect("an-access-token")),
    Operation("token.revoke", lambda c: c.token.revoke("an-access-token"), answers=False),
    Operation("token.password_grant", lambda c: c.token.password_grant("alice", PASSWORD)),
    Operation("token.authorization_code", lambda c: c.token.authorization_code("a-code")),
    Operation("providers.redirect_uri", lambda c: c.providers.redirect_uri("github")),
    Operation("providers.grant", lambda c: c.providers.grant("github", provider_code="a-code")),
    Operation(
        "providers.patch", lambda c: c.providers.patch("a-token", provider_params={"iv": "x"})
    ),
    Operation("providers.qr_code", lambda c: c.providers.qr_code("wx1")),
    Operation(
        "providers.qr_code_status", lambda c: c.providers.qr_code_status("a-code", wx_app_id="wx1")
    ),
    Operation("providers.sub_type", lambda c: c.providers.sub_type()),
    Operation(
        "accounts.reset_password",
        lambda c: c.accounts.reset_password(
            phone_number=PHONE, new_password=PASSWORD, verification_token="a-proof"
        ),
        answers=False,
    ),
    Operation("accounts.exists", lambda c: c.accounts.exists("alice")),
    Operation("authorization.info", lambda c: c.authorization.info()),
    Operation("captcha.create", lambda c: c.captcha.create()),
    Operation("captcha.verify", lambda c: c.captcha.verify("a-picture", "1234")),
    Operation("device.authorize", lambda c: c.device.authorize()),
    Operation("device.poll", lambda c: c.device.poll("a-device-code")),
    Operation("user.me", lambda c: held(c).user.me()),
    Operation("user.sudo", lambda c: held(c).user.sudo(password=PASSWORD)),
    Operation(
        "user.update_password",
        lambda c: held(c).user.update_password(new_password=PASSWORD),
        answers=False,
    ),
    Operation("user.delete", lambda c: held(c).user.delete(), answers=False),
    Operation("user.edit", lambda c: held(c).user.edit(nickname="Alice"), answers=False),
    Operation("user.edit_profile", lambda c: held(c).user.edit_profile(name="Alice")),
    Operation(
        "user.edit_contact",
        lambda c: held(c).user.edit_contact(
            phone_number=PHONE, sudo_token="a-sudo", verification_token="a-proof"
        ),
        answers=False,
    ),
    Operation("user.find", lambda c: held(c).user.find(username="alice")),
    Operation("user.security_history", lambda c: held(c).user.security_history()),
    Operation("user.weda_info", lambda c: held(c).user.weda_info()),
    Operation("session.verification.send", lambda c: held(c).verification.send(phone_number=PHONE)),
    Operation("devices.revoke", lambda c: held(c).devices.revoke("tablet"), answers=False),
    Operation("devices.revoke_all", lambda c: held(c).devices.revoke_all(), answers=False),
    Operation("session.authorization.authorize", lambda c: held(c).authorization.authorize()),
    Operation(
        "session.authorization.device",
        lambda c: held(c).authorization.device("BCDF-GHJK"),
        answers=False,
    ),
    Operation("session.authorization.info", lambda c: held(c).authorization.info()),
    Operation("providers.list", lambda c: held(c).providers.list()),
    Operation("providers.bind", lambda c: held(c).providers.bind("a-token"), answers=False),
    Operation("providers.unbind", lambda c: held(c).providers.unbind("github"), answers=False),
    Operation("providers.change", lambda c: held(c).providers.change("github", "a-token")),
    Operation("providers.transfer", lambda c: held(c).providers.transfer("a-token")),
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
        async with asyncio.timeout(60):
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
def kept_port() -> Iterator[int]:
    """Hold a port for an emulator that is opened more than once: nobody gets it in between."""
    with socket.socket() as held:
        if sys.platform == "linux":  # elsewhere two sockets do not share one, listening or not
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        if sys.platform != "linux":
            held.close()
        yield port


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
    """Return a maker of emulators that answer with given bytes."""

    async def make(steps: Any = b"", *, keep: bool = False, times: int | None = None) -> RawServer:
        # HS256: no key to wait for.
        emulator = await closing.enter_async_context(
            Emulator(clock=ManualClock(), algorithm="HS256")
        )
        fault = emulator.faults.add("*", "raw", steps=steps, keep=keep, times=times)
        return RawServer(emulator, fault)

    return make


@pytest.fixture
def connect(closing: AsyncExitStack) -> Callable[..., Awaitable[AuthClient]]:
    """Return a maker of clients, with a secret and a standing clock unless told otherwise."""

    async def make(base_url: str, **options: Any) -> AuthClient:
        usual: dict[str, Any] = {"client_secret": "demo-secret", "clock": ManualClock()}
        client = AuthClient("demo-env", base_url=base_url, **(usual | options))
        return await closing.enter_async_context(client)

    return make
