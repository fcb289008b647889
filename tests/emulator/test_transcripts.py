"""The documented examples: the emulator answers like them, and our decoder reads them."""

import base64
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import jwt
import pytest
from jwt.algorithms import has_crypto

from cloudbase_auth_async import _call, _codec, _verdict, models
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.testing import Emulator, ManualClock, Request
from cloudbase_auth_async.testing._state import BoundProvider

FOLDER = Path(__file__).parent.parent / "transcripts"
TRANSCRIPTS = [
    pytest.param(item, id=f"{path.stem}-{number}-{item['evidence']}")
    for path in sorted(FOLDER.glob("*.json"))
    for number, item in enumerate(json.loads(path.read_text(encoding="utf-8")))
]
MODELS: dict[str, type[Any]] = {
    "Introspection": models.Introspection,
    "ProviderList": _codec.ProviderList,
    "SudoToken": models.SudoToken,
    "TokenPair": TokenPair,
    "UserProfile": models.UserProfile,
    "Verification": models.Verification,
    "VerifiedCode": models.VerifiedCode,
}
PHONE = "+86 13800000000"
PASSWORD = "Passw0rd!"
# See test_grants: made by the official client for 127.0.0.1:1 and the second 1700000000.
SIGNATURE = (
    "TC3-HMAC-SHA256 Credential=AKIDdemo/2023-11-14/tcb/tc3_request, "
    "SignedHeaders=content-type;host, "
    "Signature=85a93accbf14159e64e06d550779a92cee77df3457e7eb10f2f9632a07f1da39, "
    "Timestamp=1700000000"
)
# Where an example prints a value that is no secret, ours is the same.
SAME = ("token_type", "expires_in", "error", "error_code")


def basic(pair: str) -> str:
    """Return a Basic header."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


class Scene:
    """An emulator with a user, and whatever a transcript's placeholders stand for."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.emulator = Emulator(clock=ManualClock(), dialect=dialect)  # type: ignore[arg-type]
        user = self.emulator.add_user(
            username="alice",
            password=PASSWORD,
            phone_number=PHONE,
            email="alice@example.com",
            name="Alice",
        )
        user.picture, user.gender = "https://a.example/a.png", "FEMALE"
        user.description = "herself"
        user.providers["github"] = BoundProvider(
            provider_id="github", provider_user_id="1", provider_user_name="octocat"
        )
        self.verified = functools.cache(self._verified)

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Make a call; a body is written as JavaScript writes it."""
        text = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = (("Host", "127.0.0.1:1"), *more.get("headers", {}).items())
        query = more.get("query", {})
        answer = self.emulator.answer(
            Request(method=method, path="/auth/v1" + path, query=query, headers=headers, body=text)
        )
        return answer.status, json.loads(answer.body)

    def call(self, path: str, body: Any, auth: str | None = None) -> Any:
        """Make a call that prepares another one."""
        headers = {"Authorization": auth or basic("demo-env:demo-secret")}
        status, answer = self.send("POST", path, body, headers=headers)
        assert status == 200, answer
        return answer

    @functools.cached_property
    def tokens(self) -> Any:
        """Return alice's tokens."""
        return self.call("/signin", {"username": "alice", "password": PASSWORD})

    @functools.cached_property
    def sudo(self) -> str:
        """Return a sudo_token."""
        auth = f"Bearer {self.tokens['access_token']}"
        token: str = self.call("/user/sudo", {"password": PASSWORD}, auth)["sudo_token"]
        return token

    @functools.cached_property
    def sent(self) -> Any:
        """Return what the sending of a code to alice answered."""
        return self.call("/verification", self.destination(PHONE))

    @functools.cached_property
    def captcha(self) -> Any:
        """Return a picture."""
        return self.call("/captcha/data", {})

    def destination(self, place: str) -> dict[str, str]:
        """Return the body that has a code sent."""
        target = {} if self.dialect == "primary" else {"target": "ANY"}
        return {"email" if "@" in place else "phone_number": place} | target

    def _verified(self, place: str) -> str:
        name = self.call("/verification", self.destination(place))["verification_id"]
        body = {"verification_id": name, "verification_code": self.emulator.codes[place]}
        token: str = self.call("/verification/verify", body)["verification_token"]
        return token

    def code_of(self, place: str) -> str:
        """Return the code that was checked for that place."""
        self.verified(place)
        return self.emulator.codes[place]

    def ticket(self) -> str:
        """Return a ticket, signed as @cloudbase/node-sdk signs it."""
        key = self.emulator.add_ticket_key()
        now = int(self.emulator.clock.wall() * 1000)
        claims = {"alg": "RS256", "env": "demo-env", "uid": "fake-user", "iat": now}
        claims |= {"exp": now + 600_000, "refresh": 3_600_000, "expire": now + 604_800_000}
        # PyJWT takes only seconds for times, and so the milliseconds are signed as plain bytes.
        signer: Any = jwt.PyJWS()
        payload = json.dumps(claims).encode()
        text = signer.encode(payload, key["private_key"], algorithm="RS256")
        return f"{key['private_key_id']}/@@/{text}"

    def fill(self, value: Any) -> Any:
        """Put what they stand for in the place of the placeholders in a text, or in a body."""
        if isinstance(value, dict):
            return {name: self.fill(inner) for name, inner in value.items()}
        if not isinstance(value, str) or "<" not in value:
            return value
        if value.startswith("Basic <"):
            pairs = {"client_id:client_secret": "demo-env:demo-secret", "client_id:": "demo-env:"}
            return basic(pairs.get(value[7:-1], "AKIDdemo:demo-key"))
        return re.sub(r"<([^>]+)>", lambda found: self.meant(found[1]), value)

    def meant(self, name: str) -> str:
        """Return what a placeholder stands for."""
        name, _, place = name.partition(" of ")
        if place:
            return self.verified(place) if name == "verification_token" else self.code_of(place)
        makers: Mapping[str, Callable[[], str]] = {
            "client_id": lambda: self.emulator.client_id,
            "access_token": lambda: self.tokens["access_token"],
            "refresh_token": lambda: self.tokens["refresh_token"],
            "sudo_token": lambda: self.sudo,
            "verification_token": lambda: self.verified(PHONE),
            "verification_id": lambda: self.sent["verification_id"],
            "code": lambda: self.emulator.codes[PHONE] if self.sent else "",
            "user_code": lambda: self.call("/device/code", {})["user_code"],
            "captcha": lambda: self.captcha["token"],
            "captcha key": lambda: self.emulator.captchas[self.captcha["token"]],
            "provider_token": lambda: self.emulator.provider_token("gitlab"),
            "provider_code": self.emulator.provider_code,
            "ticket": self.ticket,
            "TC3-HMAC-SHA256 signature": lambda: SIGNATURE,
        }
        return makers[name]()


@attrs.frozen
class Comparison:
    """Finds where an answer differs from a documented one in more than values."""

    item: Mapping[str, Any]

    def differences(self, documented: Any, given: Any, path: str = "") -> Iterator[str]:
        """Name the fields that one of them lacks, and the types that differ."""
        if type(documented) is not type(given):
            yield f"{path} is {type(given).__name__}"
        elif isinstance(documented, dict):
            missing = {name for name in documented if name not in given}
            yield from (
                f"{path}.{name} is missing"
                for name in missing
                if f"{path}.{name}"[1:] not in self.item.get("absent", ())
            )
            extra = (
                [] if self.item.get("open") else [name for name in given if name not in documented]
            )
            yield from (f"{path}.{name} is more than documented" for name in extra)
            for name in documented.keys() & given.keys():
                yield from self.differences(documented[name], given[name], f"{path}.{name}")
                if name in SAME and not self.item.get("types_only"):
                    assert documented[name] == given[name], name
        elif isinstance(documented, list) and documented:
            assert given, f"{path} is empty"
            yield from self.differences(documented[0], given[0], f"{path}[]")


@pytest.mark.parametrize("item", [p for p in TRANSCRIPTS if "decoder_only" not in str(p.values[0])])
def test_emulator_answers_like_the_documentation(item: Any) -> None:
    """Status, field names and JSON types are those of the documented example."""
    request, expected = item["request"], item["response"]
    if "<ticket>" in json.dumps(request) and not has_crypto:
        pytest.skip("tickets need `cryptography`")
    scene = Scene(item.get("dialect", "both"))
    if item.get("captcha"):
        scene.emulator.require_captcha(f"{request['method']} {request['path']}")
    if request["path"].endswith("/device-1"):
        body = {"username": "alice", "password": PASSWORD}
        scene.send("POST", "/signin", body, headers={"x-device-id": "device-1"})
    filled = {name: scene.fill(request[name]) for name in ("body", "query", "headers")}
    status, body = scene.send(request["method"], request["path"], **filled)
    assert status == (expected["status"] or status), body
    assert ("error" in body) is ("error" in expected["body"])
    assert not list(Comparison(item).differences(expected["body"], body))


@pytest.mark.parametrize("item", TRANSCRIPTS)
def test_decoder_reads_the_documentation(item: Any) -> None:
    """The documented answer becomes its model with no field left over, or its error class."""
    expected = item["response"]
    status = expected["status"] or 400
    document, error = _verdict.judged(
        _call.Response(status=status, headers={}, body=json.dumps(expected["body"]).encode()),
        operation=item["operation"],
        request_id="fake",
        renamed={},
        server_now=0.0,
    )
    assert item.get("error_class") == (None if error is None else type(error).__name__)
    if error is not None:
        assert (error.error, error.error_code) == (
            expected["body"]["error"],
            expected["body"].get("error_code"),
        )
    elif "model" in item:
        left = _codec.decode(document, MODELS[item["model"]]).extra
        assert sorted(left) == item.get("extra", [])


def test_transcripts_say_where_they_come_from() -> None:
    """Each has its date, its page and its place in the contract, and none is there twice."""
    items = [param.values[0] for param in TRANSCRIPTS]
    assert len({json.dumps(item) for item in items}) == len(items)
    for item in items:
        assert isinstance(item, dict)
        assert item["date"] == "2026-11-22"
        assert item["source"]
        assert item["contract"]
        assert item["request"].keys() == {"method", "path", "query", "headers", "body"}
