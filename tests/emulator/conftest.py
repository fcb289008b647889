"""What the emulator's tests share: a caller without sockets, and one emulator on sockets."""

import base64
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import aiohttp
import attrs
import pytest

from cloudbase_auth_async.testing import Emulator, ManualClock, Request, Response

PHONE = "+86 13800000000"
PASSWORD = "Passw0rd!"


def basic(client_secret: str) -> str:
    """Return a Basic header."""
    pair = f"demo-env:{client_secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


@attrs.frozen
class Answer:
    """A response, parsed."""

    raw: Response

    @property
    def status(self) -> int:
        """Return the status."""
        return self.raw.status

    @property
    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.raw.body)

    @property
    def error(self) -> tuple[int, str, int | None]:
        """Return status, name and number of an error."""
        assert self.json["error_description"]
        return self.status, self.json["error"], self.json.get("error_code")


@attrs.frozen
class Caller:
    """Calls an emulator's core directly."""

    emulator: Emulator

    def __call__(
        self,
        route: str,
        body: Mapping[str, Any] | bytes = b"",
        *,
        auth: str | None = "right basic",
        query: Mapping[str, str] | None = None,
        device: str | None = "device-1",
    ) -> Answer:
        """Make one call; a user's when `auth` is an access token."""
        method, _, path = route.partition(" ")
        headers = [("Host", "127.0.0.1:1")]
        if device is not None:
            headers.append(("X-Device-ID", device))
        if auth is not None:
            known = {"right basic": basic("demo-secret"), "wrong basic": basic("no")}
            headers.append(("Authorization", known.get(auth, f"Bearer {auth}")))
        request = Request(
            method=method,
            path="/auth/v1" + path,
            query=query or {},
            headers=tuple(headers),
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        )
        return Answer(self.emulator.answer(request))

    def sign_in(self, username: str = "alice", password: str = PASSWORD) -> Any:
        """Sign in and return the token answer."""
        answer = self("POST /signin", {"username": username, "password": password})
        assert answer.status == 200, answer.json
        return answer.json

    def refresh(self, refresh_token: str) -> Answer:
        """Spend a refresh token."""
        return self("POST /token", {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def verified(self, **destination: str) -> str:
        """Have a code sent and checked, and return the verification_token."""
        more = {"target": "ANY"} if self.speaks_documented_only() else {}
        sent = self("POST /verification", {**destination, **more}).json
        code = self.emulator.codes[next(iter(destination.values()))]
        body = {"verification_id": sent["verification_id"], "verification_code": code}
        token: str = self("POST /verification/verify", body).json["verification_token"]
        return token

    def speaks_documented_only(self) -> bool:
        """Tell whether the primary paths are missing."""
        return self("GET /user/providers").status == 404


@pytest.fixture
def make() -> Callable[..., Caller]:
    """Return a maker of callers, each with an emulator and the user alice."""

    def make_caller(**options: Any) -> Caller:
        emulator = Emulator(**({"clock": ManualClock()} | options))
        emulator.add_user(username="alice", password=PASSWORD, phone_number=PHONE)
        return Caller(emulator)

    return make_caller


@pytest.fixture
def call(make: Callable[..., Caller]) -> Caller:
    """Return a caller of an emulator that speaks both contracts."""
    return make()


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
async def emulator() -> AsyncIterator[Emulator]:
    """Return an emulator on sockets, with the user alice."""
    async with Emulator(clock=ManualClock()) as running:
        running.add_user(username="alice", password=PASSWORD)
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a bare session; no connection lives longer than one request."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Authorization": basic("demo-secret")},
        timeout=aiohttp.ClientTimeout(60),
    ) as session:
        yield session
