"""Answers that are not what they should be: a typed error in time, never a crash or a hang."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, DecodeError

Raw = Callable[..., Awaitable[Any]]
Connect = Callable[..., Awaitable[AuthClient]]

# Bodies that are no JSON at all: every operation refuses them.
NOT_JSON = {
    "html": b"<html><body>hello</body></html>",
    "half": b'{"access_token": "a", "sub": "s", "verif',
    "nan": b'{"access_token": "a", "sub": "s", "active": true, "expires_in": NaN}',
    "invalid utf-8": b'{"access_token": "\xff\xfe", "sub": "\xff"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "huge int": b'{"access_token": "a", "expires_in": ' + b"9" * 10_000 + b"}",
    "two documents": b"{}{}",
    "nul": b"\0",
}
# JSON that is no object: refused where something is to be decoded, else as good as anything.
NO_OBJECT = {
    "empty": b"",
    "spaces": b"  \r\n ",
    "null": b"null",
    "string": b'"access_token"',
    "number": b"7",
    "true": b"true",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_json_is_a_decode_error(
    body: bytes, operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """An HTTP 200 whose body is no JSON is a DecodeError at its root, for every operation."""
    server = await raw(kit.http(body))
    error = await kit.failure(operation.run(await connect(server.base_url)))
    assert isinstance(error, DecodeError)
    assert (error.operation, error.path, error.status) == (operation.name, "$", 200)
    assert error.expected == "JSON"


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT)
async def test_what_is_no_object_is_a_decode_error(
    body: bytes, operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """JSON of the wrong kind is a DecodeError where something is to be read, else a success."""
    server = await raw(kit.http(body))
    work = operation.run(await connect(server.base_url))
    if not operation.answers:
        assert await work is None
        return
    error = await kit.failure(work)
    assert isinstance(error, DecodeError)
    assert error.path == "$"


# What an answer should be, and then a field of it that is not: its place and what it wants.
WRONG: list[tuple[str, Any, str, str]] = [
    ("sign_in.password", {"access_token": 5}, "$.access_token", "a string"),
    ("sign_in.password", {}, "$", "a value"),
    ("sign_in.password", {"access_token": ""}, "$.access_token", ""),
    ("sign_in.password", {"access_token": "a", "expires_in": "7200"}, "$.expires_in", "an integer"),
    ("sign_in.password", {"access_token": "a", "expires_in": True}, "$.expires_in", "an integer"),
    ("sign_in.password", {"access_token": "a", "expires_in": 7200.0}, "$.expires_in", "an integer"),
    ("sign_in.password", {"access_token": "a", "groups": "admin"}, "$.groups", "a list"),
    ("sign_in.password", {"access_token": "a", "groups": ["x", 5]}, "$.groups[1]", "a string"),
    ("sign_in.password", {"access_token": "a", "sub": {"x": 1}}, "$.sub", "a string"),
    ("sign_up.register", {"access_token": ["a"]}, "$.access_token", "a string"),
    ("sign_in.anonymously", {"refresh_token": "m.1"}, "$", "a value"),
    ("token.refresh", {"access_token": False}, "$.access_token", "a string"),
    ("verification.send", {"verification_id": 7}, "$.verification_id", "a string"),
    ("verification.send", {"verification_id": "v", "is_user": 1}, "$.is_user", "true or false"),
    ("verification.verify", {"verification_token": None}, "$", "a value"),
    ("token.introspect", {"active": "true"}, "$.active", "true or false"),
    ("token.introspect", {"active": 1}, "$.active", "true or false"),
    ("token.introspect", {"active": True, "sub": 5}, "$.sub", "a string"),
    ("user.me", {"name": "x"}, "$", "a value"),
    ("user.me", {"sub": 1}, "$.sub", "a string"),
    ("user.me", {"sub": "s", "groups": [{"id": "a"}, 7]}, "$.groups[1]", "an object"),
    ("user.me", {"sub": "s", "groups": [{"id": 7}]}, "$.groups[0].id", "a string"),
    ("user.me", {"sub": "s", "providers": {}}, "$.providers", "a list"),
    ("user.me", {"sub": "s", "meta": []}, "$.meta", "an object"),
    ("user.me", {"sub": "s", "created_at": "soon"}, "$.created_at", "an RFC 3339 time"),
    ("user.me", {"sub": "s", "created_at": 5}, "$.created_at", "an RFC 3339 time"),
    ("user.me", {"sub": "s", "has_password": "yes"}, "$.has_password", "true or false"),
    ("sign_in.code", {"access_token": 5}, "$.access_token", "a string"),
    ("sign_in.provider", {"token_type": "Bearer"}, "$", "a value"),
    ("sign_in.custom", {"access_token": "a", "expires_in": 1.5}, "$.expires_in", "an integer"),
    ("token.password_grant", {"access_token": []}, "$.access_token", "a string"),
    ("token.authorization_code", {"access_token": "a b"}, "$.access_token", "a token"),
    ("verification.send", {"verification_id": "v", "limit": 5}, "$.limit", "an object"),
    *(
        ("verification.send", {"verification_id": "v", "limit": {n: "1"}}, f"$.limit.{n}", "an int")
        for n in ("duration", "limit", "remaining", "reset")
    ),
    ("providers.redirect_uri", {"uri": 5}, "$.uri", "a string"),
    ("providers.redirect_uri", {"uri": "u", "signout_uri": {}}, "$.signout_uri", "a string"),
    ("providers.grant", {"provider_profile": {}}, "$", "a value"),
    ("providers.grant", {"provider_token": "t", "expires_in": "1"}, "$.expires_in", "an integer"),
    ("providers.grant", {"provider_token": 5}, "$.provider_token", "a string"),
    ("providers.patch", {"provider_token": "t", "provider_profile": []}, "$", "an object"),
    *(
        ("providers.patch", {"provider_token": "t", "provider_profile": {n: wrong}}, "$", what)
        for n, wrong, what in (
            *((name, 5, "a string") for name in ("provider_id", "sub", "email", "token")),
            ("groups", "x", "a list"),
            ("meta", [], "an object"),
        )
    ),
    ("providers.qr_code", {"qr_code": "q"}, "$", "a value"),
    ("providers.qr_code", {"qr_code": 5, "qr_code_id": "i"}, "$.qr_code", "a string"),
    ("providers.qr_code", {"qr_code": "q", "qr_code_id": []}, "$.qr_code_id", "a string"),
    (
        "providers.qr_code",
        {"qr_code": "q", "qr_code_id": "i", "expires_in": "300"},
        "$.expires_in",
        "an integer",
    ),
    ("providers.qr_code_status", {"provider_token": "t"}, "$", "a value"),
    ("providers.qr_code_status", {"status": 1}, "$.status", "a string"),
    (
        "providers.qr_code_status",
        {"status": "s", "provider_token": 5},
        "$.provider_token",
        "a string",
    ),
    ("providers.sub_type", {"provider_sub_type": ""}, "$", "a value"),
    ("providers.sub_type", {"id": "x", "provider_sub_type": 5}, "$.provider_sub_type", "a string"),
    ("accounts.exists", {}, "$", "a value"),
    ("accounts.exists", {"exist": None}, "$", "a value"),
    ("accounts.exists", {"exist": 1}, "$.exist", "true or false"),
    ("accounts.exists", {"exist": "true"}, "$.exist", "true or false"),
    ("authorization.info", {"scopes": []}, "$", "a value"),
    ("authorization.info", {"client": {"name": "x"}}, "$.client", "a value"),
    ("authorization.info", {"client": {"id": 5}}, "$.client.id", "a string"),
    ("authorization.info", {"client": {"id": "x"}, "scopes": "user"}, "$.scopes", "a list"),
    (
        "authorization.info",
        {"client": {"id": "x"}, "scopes": [{"id": "a", "children": [{"id": "b"}, {"id": 5}]}]},
        "$.scopes[0].children[1].id",
        "a string",
    ),
    ("user.sudo", {"sudo_token": 5}, "$.sudo_token", "a string"),
    ("providers.list", {"data": "x"}, "$.data", "a list"),
    ("providers.list", {"data": [None]}, "$.data[0]", "an object"),
    ("providers.list", {"data": [{"id": 5}]}, "$.data[0].id", "a string"),
    ("providers.change", {}, "$", "a value"),
    ("providers.change", {"client_id": 5}, "$.client_id", "a string"),
    ("user.me", {"sub": "s", "email_verified": "yes"}, "$.email_verified", "true or false"),
    ("user.me", {"sub": "s", "address": "here"}, "$.address", "an object"),
    ("user.edit_profile", {"name": "x"}, "$", "a value"),
    ("user.find", {"total": "1"}, "$.total", "an integer"),
    ("user.find", {"data": {}}, "$.data", "a list"),
    ("user.find", {"data": [{"sub": "s"}, {"name": "x"}]}, "$.data[1]", "a value"),
    ("user.security_history", {"data": [{"id": 5}]}, "$.data[0].id", "a string"),
    ("user.security_history", {"data": [{"created_at": 5}]}, "$.data[0].created_at", "an RFC 3339"),
    ("user.security_history", {"page_token": 5}, "$.page_token", "a string"),
    ("user.weda_info", ["x"], "$", "an object"),
    ("session.verification.send", {"verification_id": 7}, "$.verification_id", "a string"),
    ("session.authorization.authorize", {"code": 5}, "$.code", "a string"),
    ("session.authorization.authorize", {"expires_in": "60"}, "$.expires_in", "an integer"),
    ("session.authorization.info", {}, "$", "a value"),
    ("session.authorization.info", {"client": {"name": "x"}}, "$.client", "a value"),
]


@pytest.mark.parametrize(("name", "body", "path", "expected"), WRONG)
async def test_a_wrong_field_is_named_and_never_shown(  # noqa: PLR0917 - fixtures
    name: str, body: Any, path: str, expected: str, raw: Raw, connect: Connect, kit: Any
) -> None:
    """A field of the wrong type is a DecodeError with its path; nothing is coerced."""
    server = await raw(kit.http(json.dumps(body).encode()))
    error = await kit.failure(kit.operations[name].run(await connect(server.base_url)))
    assert isinstance(error, DecodeError)
    assert error.path.startswith(path)
    assert expected in error.expected


@pytest.mark.parametrize("name", ["sign_in.password", "user.me", "providers.list"])
async def test_a_list_is_no_object(name: str, raw: Raw, connect: Connect, kit: Any) -> None:
    """A list where an object belongs is a DecodeError; for the provider list it is the list."""
    server = await raw(kit.http(b'["x"]'))
    error = await kit.failure(kit.operations[name].run(await connect(server.base_url)))
    assert isinstance(error, DecodeError)
    assert error.path == ("$.data[0]" if name == "providers.list" else "$")


@pytest.mark.parametrize("seconds", [10**15, 10**18, -(10**15), 10**400, 0, -1])
@pytest.mark.parametrize("name", ["sign_in.password", "token.refresh"])
async def test_a_monstrous_lifetime_loses_no_tokens(
    seconds: int, name: str, raw: Raw, connect: Connect, kit: Any
) -> None:
    """A lifetime no calendar can hold is ours to refuse or to ignore, not to crash on (B29)."""
    body = f'{{"access_token":"opaque","refresh_token":"m.2","expires_in":{seconds}}}'
    server = await raw(kit.http(body.encode()), keep=True)
    client = await connect(server.base_url)
    try:
        pair = await kit.operations[name].run(client)
    except DecodeError:
        assert name != "token.refresh", "the old token is spent: the new one must not be lost"
    else:
        assert pair.refresh_token == "m.2"
        assert await client.session(pair).access_token()


async def test_a_monstrous_exp_loses_no_tokens(raw: Raw, connect: Connect, kit: Any) -> None:
    """A JWT whose `exp` no float can hold counts as one that does not say (B29)."""
    token = kit.jwt(b'{"exp":' + b"9" * 400 + b',"iat":1}')
    server = await raw(kit.http(json.dumps({"access_token": token}).encode()))
    pair = await kit.operations["token.refresh"].run(await connect(server.base_url))
    assert (pair.access_token, pair.expires_at) == (token, None)


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\nb", "a\0", "\ud800"])
async def test_a_token_no_header_can_hold(token: str, raw: Raw, connect: Connect, kit: Any) -> None:
    """A session that is handed a token which no header can hold fails with an error of ours."""
    body = json.dumps({"access_token": token, "refresh_token": "m.2"}).encode()
    server = await raw(kit.http(body), keep=True)
    client = await connect(server.base_url)
    await kit.failure(client.session(refresh_token="m.1").user.me())
    assert not any("X-Evil" in str(attrs.asdict(request)) for request in server.requests)


async def test_duplicate_keys_the_last_counts(emulator: Any, auth: AuthClient) -> None:
    """Of a field that comes twice the last one counts, as everywhere in JSON."""
    emulator.faults.add("POST /signin", "duplicate_keys")
    pair = await auth.sign_in.password("alice", "Passw0rd!")
    assert "decoy" not in (pair.access_token, pair.refresh_token, pair.sub)


async def test_an_empty_access_token_is_never_handed_out(
    raw: Raw, connect: Connect, kit: Any
) -> None:
    """A refresh that answers an empty access token is an error, and not spent again and again."""
    server = await raw(kit.http(b'{"access_token":"","refresh_token":"m.2"}'), keep=True)
    session = (await connect(server.base_url)).session(refresh_token="m.1")
    for _ in range(3):
        await kit.failure(session.access_token())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "foul", [{"scope": 5}, {"expires_in": "7200"}, {"groups": "x"}, {"sub": []}, {"token_type": {}}]
)
async def test_a_refresh_saves_its_tokens_from_a_foul_answer(
    foul: dict[str, Any], raw: Raw, connect: Connect, kit: Any
) -> None:
    """A refresh has spent the old token: a wrong type beside the new ones costs none (B29)."""
    body = {"access_token": "new", "refresh_token": "m.2", "sub": "s", **foul}
    server = await raw(kit.http(json.dumps(body).encode()), keep=True)
    client = await connect(server.base_url)
    pair = await client.token.refresh("m.1")
    assert (pair.access_token, pair.refresh_token) == ("new", "m.2")
    assert await client.session(refresh_token="m.1").access_token() == "new"
    assert isinstance(await kit.failure(client.sign_in.password("a", "b")), DecodeError)
