"""What the verifiers' tests share: a service whose keys can be chosen, and a forger."""

import asyncio
import base64
import contextlib
import functools
import json
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from types import SimpleNamespace
from typing import Any

import attrs
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.jwks import Claims, TokenVerifier, Verifier
from cloudbase_auth_async.testing import Emulator, Entry, ManualClock, User

PASSWORD = "Passw0rd!"
CERTS = "GET /certs"
NOW = 1_700_000_000
LONGEST_SECONDS = 30
# Longer than any test may take: a close that waits for something in vain is a failure.
CLOSE_SECONDS = 1000


def encoded(raw: bytes) -> str:
    """Return base64url without its padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    """Return a number as a JWK writes it."""
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@functools.cache
def private_key(name: str, bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """Return a key of that name; the same one throughout a run."""
    return rsa.generate_private_key(public_exponent=exponent, key_size=bits)


@attrs.frozen
class Signer:
    """Somebody with an RSA key, published or not."""

    kid: str
    private: rsa.RSAPrivateKey

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the public key as a key set lists it; a change to None leaves a member out."""
        numbers = self.private.public_key().public_numbers()
        entry = {"kid": self.kid, "kty": "RSA", "alg": "RS256", "use": "sig"}
        entry |= {"n": number(numbers.n), "e": number(numbers.e)} | changes
        return {name: value for name, value in entry.items() if value is not None}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a token; as the service's, its header holds `alg` and `kid` only."""
        head = {"alg": "RS256", "kid": self.kid} | header
        present = {name: value for name, value in head.items() if value is not None}
        return self.sign_raw(json.dumps(present).encode(), json.dumps(dict(claims)).encode())

    def sign_raw(self, header: bytes, payload: bytes) -> str:
        """Return a token over any bytes."""
        signed = f"{encoded(header)}.{encoded(payload)}"
        signature = jwt.get_algorithm_by_name("RS256").sign(signed.encode(), self.private)
        return f"{signed}.{encoded(signature)}"


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token; a change to None leaves a claim out."""
    usual: dict[str, Any] = {
        "iss": "http://demo-env.ap-shanghai.tcb-api.tencentcloudapi.com",
        "sub": "1871234567890123456",
        "aud": "demo-env",
        "exp": NOW + 7200,
        "iat": NOW,
        "at_hash": "r.c2Vzc2lvbi1tYXJrLTEyMw",
        "scope": "user sso",
        "project_id": "demo-env",
        "provider_type": "email",
        "meta": {"wxOpenId": "", "wxUnionId": ""},
        "user_type": "",
    } | changes
    return {name: value for name, value in usual.items() if value is not None}


async def refused(verifier: Verifier, token: Any) -> str:
    """Return why a token is refused; its text may not be part of what is said (B23)."""
    failure = None
    try:
        await verifier.verify(token)
    except errors.VerificationFailed as caught:
        failure = caught
    if failure is None:
        return "accepted"
    assert failure.__context__ is None
    assert not isinstance(token, str) or len(token) < 8 or token not in f"{failure!r} {failure}"
    return failure.reason


def run_in_a_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """
    Run in a loop of its own, that is then closed as it is, with whatever is under way in it.

    Not `asyncio.run`: that takes away the loop which older releases of pytest-asyncio have set.
    """
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(work(), LONGEST_SECONDS))
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined] # that is the accident
    finally:
        loop.close()


def frames(failure: BaseException) -> list[traceback.FrameSummary]:
    """Return the library's frames in an error's traceback, with their local variables."""
    report = traceback.TracebackException.from_exception(failure, capture_locals=True)
    return [frame for frame in report.stack if "cloudbase_auth_async" in frame.filename]


@attrs.define(eq=False)
class Gate:
    """
    A service with the user alice, a client of it, and a verifier beside it.

    Attributes:
        signer: whose key `publish` makes the service's own.
        threads: how many there were before anything was verified.
    """

    emulator: Emulator
    clock: ManualClock
    auth: AuthClient
    verifier: TokenVerifier
    alice: User
    signer: Signer

    def publish(self, *entries: Mapping[str, Any]) -> None:
        """Let the service publish these keys from now on; the signer's unless given."""
        keys = list(entries) or [self.signer.jwk()]
        self.answer({"keys": keys})

    def answer(self, body: Any, *, status: int = 200) -> None:
        """Let the service answer so when it is asked for its keys."""
        self.emulator.faults.clear()
        text = json.dumps(body)
        self.emulator.faults.add(CERTS, "status", times=None, status=status, body=text)

    async def forged(self, **changes: Any) -> Claims:
        """Verify a token of the signer's with changed claims."""
        return await self.verifier.verify(self.signer.sign(claims(**changes)))

    async def token(self) -> str:
        """Sign alice in; return her access token, which the service itself signed."""
        return (await self.auth.sign_in.password("alice", PASSWORD)).access_token

    def sent(self, route: str = CERTS) -> list[Entry]:
        """Return the requests of a route."""
        return [entry for entry in self.emulator.journal if entry.route == route]

    @property
    def fetches(self) -> int:
        """Count the requests for keys."""
        return len(self.sent())

    async def settled(self) -> None:
        """Wait until the client has no work of its own left."""
        while tasks := self.auth._background._tasks - {asyncio.current_task()}:
            await asyncio.wait(tasks)


@contextlib.asynccontextmanager
async def opened(
    client: Mapping[str, Any] | None = None,
    verifier: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Gate]:
    """
    Open a gate; when it closes, no task may be left and nothing may have failed unseen.

    Args:
        client: arguments of its `AuthClient`.
        verifier: arguments of its `TokenVerifier`.
        options: arguments of its `Emulator`.
    """
    before = asyncio.all_tasks()
    troubles: list[Mapping[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    clock = options.setdefault("clock", ManualClock(NOW))
    async with Emulator(**options) as emulator:
        alice = emulator.add_user(username="alice", password=PASSWORD, email="alice@example.com")
        async with emulator.client(
            **({"close_timeout": CLOSE_SECONDS} | dict(client or {}))
        ) as auth:
            made = TokenVerifier(auth, **(verifier or {}))
            signer = Signer("key-of-ours", private_key("ours"))
            yield Gate(emulator, clock, auth, made, alice, signer)
            emulator.faults.release()
    left = [task for task in asyncio.all_tasks() - before if "cloudbase" in task.get_name()]
    assert not left, left
    assert not troubles, troubles


@pytest.fixture
def open_gate() -> Callable[..., contextlib.AbstractAsyncContextManager[Gate]]:
    """Return a maker of gates with settings of their own."""
    return opened


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    """Return the usual gate."""
    async with opened() as usual:
        yield usual


@pytest.fixture(scope="session")
def forge() -> SimpleNamespace:
    """Return what forging and looking closely takes."""
    return SimpleNamespace(
        Signer=Signer,
        claims=claims,
        encoded=encoded,
        number=number,
        private_key=private_key,
        refused=refused,
        frames=frames,
        run_in_a_loop=run_in_a_loop,
        now=NOW,
        certs=CERTS,
    )
