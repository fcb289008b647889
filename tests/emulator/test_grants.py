"""The other grants of POST /token: authorization codes with PKCE, and a server's own key."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from cloudbase_auth_async.testing import Emulator, ManualClock, Request

KEY = "Basic " + base64.b64encode(b"AKIDdemo:demo-key").decode()
BACK = "https://app.example/back?from=here"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
SERVER = {"grant_type": "client_credentials"}
# Made by @cloudbase/signature-nodejs 2.2.0 as @cloudbase/node-sdk 3.18.3 calls it, for this
# key, this body, the host 127.0.0.1:1 and the second 1700000000.
SIGNED = (
    "TC3-HMAC-SHA256 Credential=AKIDdemo/2023-11-14/tcb/tc3_request, "
    "SignedHeaders=content-type;host, "
    "Signature=85a93accbf14159e64e06d550779a92cee77df3457e7eb10f2f9632a07f1da39"
)


def send(call: Any, route: str, body: Mapping[str, Any], **headers: str) -> tuple[int, Any]:
    """Make a call with exactly those headers, the body written as JavaScript writes it."""
    method, _, path = route.partition(" ")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(
        method=method,
        path="/auth/v1" + path,
        headers=(("Host", "127.0.0.1:1"), *named.items()),
        body=json.dumps(body, separators=(",", ":")).encode(),
    )
    answer = call.emulator.answer(request)
    return answer.status, json.loads(answer.body)


def code(call: Any, auth: str, **fields: str) -> str:
    """Return an authorization code."""
    answer = call("POST /user/authorize", {"response_type": "code"} | fields, auth=auth)
    assert answer.status == 200, answer.json
    text: str = answer.json["code"]
    return text


def exchange(call: Any, text: str, **fields: str) -> Any:
    """Exchange a code."""
    return call("POST /token", {"grant_type": "authorization_code", "code": text} | fields)


def test_code_with_everything(call: Any) -> None:
    """State and scope come back with a code, and the code gives a session of that scope."""
    first = call.sign_in()
    body = {
        "response_type": "code",
        "redirect_uri": BACK,
        "state": "s t",
        "scope": "user",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = call("POST /user/authorize", body, auth=first["access_token"]).json
    assert answer.keys() == {"code", "state", "scope", "expires_in"}
    assert (answer["state"], answer["scope"], answer["expires_in"]) == ("s t", "user", 60)
    fields = {"redirect_uri": BACK, "code_verifier": VERIFIER}
    tokens = exchange(call, answer["code"], **fields).json
    assert (tokens["scope"], tokens["sub"]) == ("user", first["sub"])
    assert call("GET /user/me", auth=tokens["access_token"]).status == 200
    assert call.refresh(tokens["refresh_token"]).json["scope"] == "user"


def test_second_use_ends_the_session_of_the_first(call: Any) -> None:
    """Whoever got hold of a code must not keep its tokens: RFC 6749, 4.1.2."""
    first = call.sign_in()
    text = code(call, first["access_token"])
    tokens = exchange(call, text).json
    assert exchange(call, text).error == (400, "invalid_grant", None)
    assert call("GET /user/me", auth=tokens["access_token"]).status == 401
    assert call("GET /user/me", auth=first["access_token"]).status == 200


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"redirect_uri": BACK}, {}),
        ({}, {"redirect_uri": BACK}),
        ({"redirect_uri": BACK}, {"redirect_uri": BACK + "#"}),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, {}),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, {"code_verifier": "v"}),
        ({"code_challenge": CHALLENGE}, {"code_verifier": VERIFIER}),
        ({}, {"code_verifier": VERIFIER}),
    ],
)
def test_code_of_another_request(call: Any, asked: dict[str, str], shown: dict[str, str]) -> None:
    """A code with another address or verifier is refused, and used up by the try."""
    text = code(call, call.sign_in()["access_token"], **asked)
    assert exchange(call, text, **shown).error == (400, "invalid_grant", None)
    right = {"redirect_uri": BACK} if "redirect_uri" in asked else {}
    assert exchange(call, text, **right).error == (400, "invalid_grant", None)


def test_plain_challenge(call: Any) -> None:
    """A challenge without a method is the verifier itself."""
    text = code(call, call.sign_in()["access_token"], code_challenge=VERIFIER)
    assert exchange(call, text, code_verifier=VERIFIER).status == 200


def test_code_dies_of_age_and_with_its_user(call: Any) -> None:
    """A code lives 60 seconds, and not longer than its user."""
    tokens = call.sign_in()
    late, orphan = code(call, tokens["access_token"]), ""
    call.emulator.clock.advance(60)
    assert exchange(call, late).error == (400, "invalid_grant", None)
    orphan = code(call, tokens["access_token"])
    call("DELETE /user/me", auth=tokens["access_token"])
    assert exchange(call, orphan).error == (400, "invalid_grant", None)
    assert exchange(call, "forged").error == (400, "invalid_grant", None)


def test_code_belongs_to_a_client(make: Any) -> None:
    """A code for one client is worth nothing to another, and lives on."""
    call = make(client_id="app")
    body = {"username": "alice", "password": "Passw0rd!"}
    auth = call("POST /signin", body, auth=None).json["access_token"]
    text = code(call, auth, client_id="app")
    body = {"grant_type": "authorization_code", "code": text}
    assert call("POST /token", body, auth=None).error == (400, "invalid_grant", None)
    named = {"client_id": "app", "client_secret": ""}
    assert call("POST /token", body | named, auth=None).status == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"response_type": None}, (400, "invalid_argument", 3)),
        ({"response_type": "token"}, (400, "unsupported_response_type", None)),
        ({"client_id": "stranger"}, (400, "invalid_client", None)),
        ({"scope": "user admin"}, (400, "invalid_scope", None)),
        ({"scope": " "}, (400, "invalid_scope", None)),
        ({"redirect_uri": "/relative"}, (400, "invalid_argument", 3)),
        ({"redirect_uri": "http://["}, (400, "invalid_argument", 3)),
        ({"redirect_uri": 7}, (400, "invalid_argument", 3)),
        ({"code_challenge": "short"}, (400, "invalid_argument", 3)),
        (
            {"code_challenge": CHALLENGE, "code_challenge_method": "S1"},
            (400, "invalid_argument", 3),
        ),
        ({"code_challenge_method": "S256"}, (400, "invalid_argument", 3)),
        ({"state": []}, (400, "invalid_argument", 3)),
    ],
)
def test_authorize_is_refused(call: Any, fields: dict[str, Any], error: tuple[Any, ...]) -> None:
    """What OAuth does not allow has its error."""
    auth = call.sign_in()["access_token"]
    body = {"response_type": "code"} | fields
    assert call("POST /user/authorize", body, auth=auth).error == error
    assert call("POST /user/authorize", body).error == (401, "unauthenticated", 16)


def test_authorize_info(call: Any) -> None:
    """A user, or a client whose secret may be left out, learns who asks and for what."""
    route = "GET /user/authorize/info"
    empty = "Basic " + base64.b64encode(b"demo-env:").decode()
    expected: Any = {
        "client": {"id": "demo-env", "name": "demo-env"},
        "scopes": [{"id": "user", "name": "Profile"}, {"id": "sso", "name": "Single sign-on"}],
    }
    assert send(call, route, {}, Authorization=empty) == (200, expected)
    assert call(route).json == expected
    auth = call.sign_in()["access_token"]
    query = {"scope": "user", "client_id": "demo-env"}
    assert call(route, auth=auth, query=query).json["scopes"] == expected["scopes"][:1]
    assert call(route, auth=auth, query={"scope": "x"}).error[1] == "invalid_scope"
    assert call(route, auth=auth, query={"client_id": "x"}).error[1] == "invalid_client"


@pytest.mark.parametrize("pair", [b"demo-env:no", b"demo-env", b"\xff", None])
def test_authorize_info_is_refused(call: Any, pair: bytes | None) -> None:
    """A wrong secret is no empty one."""
    basic = {} if pair is None else {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    status, body = send(call, "GET /user/authorize/info", {}, **basic)
    assert (status, body["error_code"]) == (401, 4022)


def test_server_token_by_basic(call: Any) -> None:
    """A Tencent Cloud key gives a token of five days that nobody can renew."""
    for route in ("POST /token", "POST /token/clientCredential"):
        status, body = send(call, route, SERVER, Authorization=KEY)
        assert (status, body.keys()) == (200, {"token_type", "access_token", "expires_in"})
        assert body["expires_in"] == 432_000
        claims = jwt.decode(body["access_token"], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 432_000
        assert claims["is_system_admin"] is True
        assert "sub" not in claims
        assert call("GET /user/me", auth=body["access_token"]).error[0] == 401
        found = call("GET /token/introspect", auth=body["access_token"]).json
        assert found == {"token_type": "Bearer", "client_id": "demo-env"}


@pytest.mark.parametrize("more", [", Timestamp=1700000000", ", Timestamp=1700000000, Token=abc"])
def test_signature_of_the_official_server_client(call: Any, more: str) -> None:
    """A signature as the official client makes it is accepted, with and without its token."""
    headers = {"Content_Type": "application/json", "Authorization": SIGNED + more}
    assert send(call, "POST /token/clientCredential", SERVER, **headers)[0] == 200


def test_time_of_a_signature_in_its_own_header(call: Any) -> None:
    """The documented form has no time in it; then Tencent Cloud's own header has."""
    headers = {"Content_Type": "application/json", "Authorization": SIGNED}
    route = "POST /token/clientCredential"
    assert send(call, route, SERVER, **headers)[0] == 401
    assert send(call, route, SERVER, X_TC_Timestamp="1700000000", **headers)[0] == 200
    call.emulator.clock.advance(301)
    assert send(call, route, SERVER, X_TC_Timestamp="1700000000", **headers)[0] == 401


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AKIDdemo", "AKIDother"),
        ("2023-11-14", "2023-11-15"),
        ("tcb/", "cos/"),
        ("content-type;host", "host"),
        ("Signature=8", "Signature=9"),
        ("1700000000", "soon"),
        ("TC3-HMAC-SHA256", "TC3-HMAC-SHA1"),
        (", Signature", " Signature"),
    ],
)
def test_wrong_signature(call: Any, old: str, new: str) -> None:
    """A signature that is wrong anywhere is refused."""
    header = f"{SIGNED}, Timestamp=1700000000".replace(old, new)
    headers = {"Content_Type": "application/json", "Authorization": header}
    status, body = send(call, "POST /token/clientCredential", SERVER, **headers)
    assert (status, body["error"], body["error_code"]) == (401, "unauthorized_client", 4022)


@pytest.mark.parametrize(
    ("route", "body", "headers", "error"),
    [
        ("/token", SERVER, {}, (401, "unauthorized_client")),
        ("/token", SERVER, {"Authorization": "Basic ZGVtby1lbnY6ZGVtby1zZWNyZXQ="}, (401, "un")),
        ("/token", {"grant_type": "password"}, {"Authorization": KEY}, (401, "unauthorized")),
        ("/token", {}, {"Authorization": KEY}, (400, "invalid_argument")),
        ("/token/clientCredential", SERVER, {}, (401, "unauthorized_client")),
        ("/token/clientCredential", SERVER, {"Authorization": "Bearer x"}, (401, "unauthorized")),
        ("/token/clientCredential", {}, {"Authorization": KEY}, (400, "invalid_argument")),
        (
            "/token/clientCredential",
            {"grant_type": "password"},
            {"Authorization": KEY},
            (400, "unsupported_grant_type"),
        ),
    ],
)
def test_server_token_is_refused(
    call: Any, route: str, body: Any, headers: dict[str, str], error: tuple[int, str]
) -> None:
    """A server shows its own key, and a client's secret is no such key."""
    status, answer = send(call, f"POST {route}", body, **headers)
    assert (status, answer["error"][: len(error[1])]) == error


def test_client_secret_in_the_body(call: Any) -> None:
    """An empty client_secret is none, a right one is fine, and a wrong one is refused."""
    refresh = {"grant_type": "refresh_token", "client_id": "demo-env"}
    tokens = call.sign_in()
    for secret in ("", "demo-secret"):
        body = refresh | {"refresh_token": tokens["refresh_token"], "client_secret": secret}
        tokens = call("POST /token", body, auth=None).json
    body = refresh | {"refresh_token": tokens["refresh_token"], "client_secret": "no"}
    assert call("POST /token", body, auth=None).error == (401, "unauthorized_client", 4022)
    assert call("POST /token", body | {"client_secret": 1}, auth=None).error[0] == 400


@pytest.mark.parametrize("kind", ["client_credentials", "authorization_code", "device_code"])
def test_primary_contract_has_none_of_it(make: Any, kind: str) -> None:
    """A service that speaks the primary contract alone knows refreshing only."""
    call = make(dialect="primary")
    assert call("POST /token", {"grant_type": kind}).error[1] == "unsupported_grant_type"
    assert call("POST /device/code").status == 404


def signed(host: str, body: bytes, seconds: int) -> str:
    """Return the Authorization of a signed request, its date as the documentation prints it."""
    date = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y%m%d")
    canonical = "\n".join(
        [
            "POST",
            "/auth/v1/token/clientCredential",
            "",
            f"content-type:application/json\nhost:{host}\n",
            "content-type;host",
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date}/tcb/tc3_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"TC3secret"
    for step in (date, "tcb", "tc3_request"):
        key = hmac.new(key, step.encode(), "sha256").digest()
    text = f"TC3-HMAC-SHA256\n{seconds}\n{scope}\n{digest}"
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    named = f"Credential=id/{scope}, SignedHeaders=content-type;host, Signature={signature}"
    return f"TC3-HMAC-SHA256 {named}, Timestamp={seconds}"


async def test_signature_over_sockets(http: Any) -> None:
    """Over sockets a signature holds for its own host, and for a key that was set."""
    body = b'{"grant_type": "client_credentials"}'
    async with Emulator(secret_id="id", secret_key="secret", clock=ManualClock()) as emulator:
        host = emulator.origin.removeprefix("http://")
        for name, status in ((host, 200), ("127.0.0.1", 401)):
            headers = {
                "Content-Type": "application/json",
                "Authorization": signed(name, body, int(emulator.clock.wall())),
            }
            url = emulator.base_url + "/token/clientCredential"
            async with http.post(url, data=body, headers=headers) as answer:
                assert answer.status == status


async def test_device_flow_over_sockets(emulator: Emulator, http: Any) -> None:
    """Over sockets a device gets its tokens once the user has said yes."""

    async def post(path: str, body: Any, **headers: str) -> Any:
        async with http.post(emulator.base_url + path, json=body, headers=headers) as answer:
            return await answer.json()

    started = await post("/device/code", {"client_id": "demo-env"})
    polled = {"grant_type": "device_code", "device_code": started["device_code"]}
    assert (await post("/token", polled))["error"] == "authorization_pending"
    tokens = await post("/signin", {"username": "alice", "password": "Passw0rd!"})
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    code = {"user_code": started["user_code"]}
    assert await post("/user/device/authorize", code, **bearer) == {}
    emulator.clock.advance(5)
    assert (await post("/token", polled))["sub"] == tokens["sub"]
    back = {"redirect_uri": BACK, "state": "s"}
    assert await post("/user/signout", back, **bearer) == {"redirect_uri": BACK + "&state=s"}


async def test_over_sockets(emulator: Emulator, http: Any) -> None:
    """Over sockets: a server's key gives a token, and ids repeat in a query."""
    url = emulator.base_url
    async with http.post(url + "/token", json=SERVER, headers={"Authorization": KEY}) as answer:
        assert (await answer.json())["expires_in"] == 432_000
    users = [emulator.add_user(username=f"u{number}", password="x") for number in range(3)]
    body = {"username": "alice", "password": "Passw0rd!"}
    async with http.post(url + "/signin", json=body) as answer:
        tokens = await answer.json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    query = [("id", user.sub) for user in users]
    async with http.get(url + "/user/query", params=query, headers=headers) as answer:
        assert (await answer.json())["total"] == 3
