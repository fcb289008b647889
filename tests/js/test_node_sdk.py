"""The official server library for Node beside ours: the same tickets, the same signatures."""

import importlib.util
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudbase_auth_async import TicketSigner
from cloudbase_auth_async._cloud_key import CloudKey
from cloudbase_auth_async.testing import Emulator, ManualClock, Request

SCRIPT: Final = Path(__file__).parent / "node_sdk.mjs"
PARITY: Final = Path(__file__).parent.parent / "wire" / "parity.py"
NOW: Final = 1_700_000_000.5
URLS: Final = (
    "https://demo-env.ap-shanghai.tcb-api.tencentcloudapi.com/auth/v1/token/clientCredential",
    "http://127.0.0.1:8080/auth/v1/token/clientCredential",
    "https://demo-env.api.tcloudbasegateway.com/auth/v1/x%20y?b=2&a=1%2F2",
)
# The day of a signature is the day in UTC: on either side of a midnight, and of a leap day.
INSTANTS: Final = (1_700_000_000, 1_709_164_799, 1_709_164_800, 1_709_251_200)


@pytest.fixture
def emulator() -> Emulator:
    """Return a service whose clock stands still."""
    return Emulator(clock=ManualClock(NOW))


def _short_key() -> dict[str, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - old ones are
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return {"private_key_id": "short", "private_key": pem.decode(), "env_id": "demo-env"}


def test_no_method_is_forgotten(javascript: Callable[..., str]) -> None:
    """Each method of its `auth()` has its row in the table of the README."""
    spec = importlib.util.spec_from_file_location("node_sdk_parity", PARITY)
    assert spec is not None
    assert spec.loader is not None
    parity = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parity)
    told = json.loads(javascript(SCRIPT, now=int(NOW * 1000)))
    rows = {row.method for row in parity.NODE_SDK}
    assert rows == {f"app.auth().{name}" for name in told["methods"]}


@pytest.mark.parametrize("size", ["usual", "short"])
def test_same_tickets(emulator: Emulator, javascript: Callable[..., str], size: str) -> None:
    """For the same key, user and instant both make the same ticket, byte by byte."""
    key = emulator.add_ticket_key() if size == "usual" else _short_key()
    signer = TicketSigner.from_dict(key, clock=emulator.clock)
    now = int(NOW * 1000)
    wanted = [
        ["user-1", {}],
        ["aZ09_-#@~=*(){}[]:.,<>+", {}],
        ["user-1", {"refresh": 600_000, "expire": now + 86_400_000}],
    ]
    made = [
        signer.ticket("user-1"),
        signer.ticket("aZ09_-#@~=*(){}[]:.,<>+"),
        signer.ticket("user-1", refresh=timedelta(minutes=10), expire=timedelta(days=1)),
    ]
    told = json.loads(javascript(SCRIPT, now=now, key=key, tickets=wanted))
    assert told["tickets"] == made


def test_their_ticket_signs_in(emulator: Emulator, javascript: Callable[..., str]) -> None:
    """The emulator takes a ticket of the official library, and holds it for the same user."""
    key = emulator.add_ticket_key()
    told = json.loads(javascript(SCRIPT, now=int(NOW * 1000), key=key, tickets=[["user-1", {}]]))
    ours = TicketSigner.from_dict(key, clock=emulator.clock).ticket("user-1")
    subs = {_signed_in(emulator, ticket) for ticket in (*told["tickets"], ours)}
    assert len(subs) == 1


def _signed_in(emulator: Emulator, ticket: str) -> str:
    body = json.dumps({"provider_id": "custom", "ticket": ticket}).encode()
    answer = emulator.answer(Request(method="POST", path="/auth/v1/signin/custom", body=body))
    assert answer.status == 200
    return str(json.loads(answer.body)["sub"])


def test_their_library_reads_our_ticket(emulator: Emulator, javascript: Callable[..., str]) -> None:
    """The JSON Web Token library beneath theirs verifies ours with the public key."""
    key = emulator.add_ticket_key()
    ticket = TicketSigner.from_dict(key, clock=emulator.clock).ticket("user-1")
    private: Any = serialization.load_pem_private_key(key["private_key"].encode(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    now = int(NOW * 1000)
    told = json.loads(javascript(SCRIPT, now=now, ours=[ticket], publicKey=public.decode()))
    (read,) = told["ours"]
    assert read["id"] == key["private_key_id"]
    assert read["header"] == {"alg": "RS256", "typ": "JWT"}
    assert read["payload"]["uid"] == "user-1"
    assert read["payload"]["exp"] - read["payload"]["iat"] == 600_000


def test_same_signatures(javascript: Callable[..., str]) -> None:
    """For the same request, key and instant both write the same Authorization header."""
    fields = {"grant_type": "client_credentials"}
    requests = [(url, instant) for url in URLS for instant in INSTANTS]
    signed = [
        {
            "secretId": "AKIDdemo",
            "secretKey": "demo-key",
            "method": "POST",
            "url": url,
            "headers": {"content-type": "application/json", "Host": url.split("/")[2]},
            "params": fields,
            "timestamp": instant,
            "isCloudApi": True,
        }
        for url, instant in requests
    ]
    told = json.loads(javascript(SCRIPT, now=int(NOW * 1000), signed=signed))
    theirs = [f"{each['authorization']}, Timestamp={each['timestamp']}" for each in told["signed"]]
    key = CloudKey.checked("AKIDdemo", "demo-key", None, "tc3")
    # Their library signs the body as JSON.stringify writes it.
    body = json.dumps(fields, separators=(",", ":")).encode()
    ours = [
        key.authorization(
            method="POST", url=url, content_type="application/json", body=body, now=instant + 1.9
        )
        for url, instant in requests
    ]
    assert ours == theirs
    temporary = CloudKey.checked("AKIDdemo", "demo-key", "a-token", "tc3").authorization(
        method="POST", url=URLS[0], content_type="application/json", body=body, now=INSTANTS[0] + 1
    )
    assert temporary == f"{theirs[0]}, Token=a-token"
