"""What an error's text may repeat of a request: names everybody knows, and no secret (B23)."""

import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Request

Raw = Callable[..., Awaitable[Any]]

CANARY = "c4nary"
PASSWORD = "Pä\"s' &<W>+密/"

SPELT = {
    "as it is": PASSWORD,
    "JSON": r"P\u00e4\"s' &<W>+\u5bc6/",
    "JSON beyond ASCII": r"Pä\"s' &<W>+密/",
    "JSON of Go": r"Pä\"s' \u0026\u003cW\u003e+密/",
    "JSON of Go in ASCII": r"P\u00e4\"s' \u0026\u003cW\u003e+\u5bc6/",
    "URL": "P%C3%A4%22s%27%20%26%3CW%3E%2B%E5%AF%86%2F",
    "URL in lower case": "P%c3%a4%22s%27%20%26%3cW%3e%2b%e5%af%86%2f",
    "form": "P%C3%A4%22s%27+%26%3CW%3E%2B%E5%AF%86%2F",
    "form in lower case": "P%c3%a4%22s%27+%26%3cW%3e%2b%e5%af%86%2f",
    "HTML": "Pä&quot;s&#x27; &amp;&lt;W&gt;+密/",
    "HTML of Go": "Pä&#34;s&#39; &amp;&lt;W&gt;+密/",
}


def refusal(kit: Any, name: str, description: str) -> Any:
    """Return the bytes of a refusal."""
    body = json.dumps({"error": name, "error_description": description}).encode()
    return kit.http(body, status="400 Bad Request")


@pytest.mark.parametrize("spelling", SPELT)
async def test_spellings(spelling: str, raw: Raw, connect: Any, kit: Any) -> None:
    """However a service writes what it was sent, the password in it is taken out (B23)."""
    server = await raw(refusal(kit, "invalid_argument", f"bad: {SPELT[spelling]} end"))
    client = await connect(server.base_url)
    error = await kit.failure(client.sign_in.password("alice", PASSWORD))
    assert error.description == "bad: *** end"


def grant(client: AuthClient) -> Awaitable[Any]:
    """Pass on what a third party wants, under names that nobody knows here."""
    told = {"session_key": f"{CANARY}-1", "c": f"{CANARY}-2"}
    return client.providers.grant("wx", provider_code="a-code", provider_params=told)


FIELDS: Mapping[str, Callable[[AuthClient], Awaitable[Any]]] = {
    "a mapping's values": grant,
    "more for the third party": lambda c: c.providers.redirect_uri(
        "wx", other_params={"login_hint": f"{CANARY}-1", "secret": f"{CANARY}-2"}
    ),
    "state": lambda c: c.providers.redirect_uri("wx", state=CANARY),
    "qr_code_id": lambda c: c.providers.qr_code_status(CANARY, wx_app_id="wx1"),
    "nonce": lambda c: c.token.authorization_code("a-code", nonce=CANARY),
    "code_challenge": lambda c: c.session(access_token="opaque").authorization.authorize(
        code_challenge=CANARY * 8, code_challenge_method="plain"
    ),
    "device_id": lambda c: c.sign_in.anonymously(),
}


def echo(request: Request) -> Iterator[bytes]:
    """Answer with what was asked: its query, body and device id."""
    query = " ".join(f"{name} is {value}" for name, value in request.pairs)
    device = next((v for name, v in request.headers if name.lower() == "x-device-id"), "none")
    text = f"{query} {request.body.decode()} {device}"
    assert CANARY in text
    assert len(text) < 500, "or the canary may lie where no error shows it"
    body = json.dumps({"error": "invalid_argument", "error_description": text}).encode()
    yield f"HTTP/1.1 400 No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("field", FIELDS)
async def test_fields(field: str, raw: Raw, connect: Any, kit: Any) -> None:
    """What only a third party can read, and what stands for a user, is as secret (B23)."""
    server = await raw(echo)
    client = await connect(server.base_url, device_id=f"{CANARY}-device")
    error = await kit.failure(FIELDS[field](client))
    assert isinstance(error, errors.InvalidArgument)
    assert "***" in str(error.description)
    assert CANARY not in f"{error} {error!r}"


KNOWN = {
    "invalid": ("invalid_username_or_password", errors.InvalidCredentials),
    "captcha": ("captcha_required", errors.CaptchaRequired),
    "username": ("invalid_username_or_password", errors.InvalidCredentials),
    "INVALID": ("INVALID_CREDENTIALS", errors.Unauthenticated),
}


@pytest.mark.parametrize("password", KNOWN)
async def test_a_name_that_everybody_knows(password: str, raw: Raw, connect: Any, kit: Any) -> None:
    """A password that is part of an error's name does not change the name (B20)."""
    name, kind = KNOWN[password]
    server = await raw(refusal(kit, name, f"{password} is wrong"))
    error = await kit.failure((await connect(server.base_url)).sign_in.password("al", password))
    assert (type(error), error.error) == (kind, name)
    assert error.description == "*** is wrong"


async def test_a_name_that_nobody_knows(raw: Raw, connect: Any, kit: Any) -> None:
    """A name that the service makes up may hold a secret, and is looked through (B23)."""
    server = await raw(refusal(kit, f"no_{CANARY}_here", ""))
    error = await kit.failure((await connect(server.base_url)).sign_in.password("al", CANARY))
    assert error.error == "no_***_here"


@pytest.mark.parametrize("answered", [20, 400_000])
async def test_a_secret_of_a_megabyte(answered: int, raw: Raw, connect: Any, kit: Any) -> None:
    """A password as long as a form may be does not stop the loop, whatever comes back (B16)."""
    server = await raw(refusal(kit, "invalid_argument", "x" * answered))
    client = await connect(server.base_url)
    password = '"密' * 120_000  # just below what aiohttp calls too large
    began = time.process_time()
    error = await kit.failure(client.sign_in.password("alice", password))
    assert time.process_time() - began < 10
    assert error.description == "x" * min(answered, 500)


async def test_half_a_secret_in_a_long_text(raw: Raw, connect: Any, kit: Any) -> None:
    """A secret that a long text repeats and is cut in comes out in no piece of it (B23)."""
    password = f"{CANARY}-password-" * 20
    text = f"{password} " * 20 + password[:30]
    server = await raw(refusal(kit, "invalid_argument", text))
    error = await kit.failure((await connect(server.base_url)).sign_in.password("al", password))
    assert CANARY[:4] not in str(error.description)
    assert str(error.description).startswith("*** *** ")
