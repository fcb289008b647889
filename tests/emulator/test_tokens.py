"""Tokens: their claims, their rotation, what introspection and revocation say of them."""

from typing import Any

import jwt
import pytest
from jwt.algorithms import has_crypto

from cloudbase_auth_async.testing import Emulator, _tokens

PASSWORD = "Passw0rd!"
needs_crypto = pytest.mark.skipif(not has_crypto, reason="cryptography is not installed")


@needs_crypto
def test_access_token_looks_like_the_services(call: Any) -> None:
    """Header and claims are those of real tokens, and the signature verifies."""
    body = call.sign_in()
    assert jwt.get_unverified_header(body["access_token"]).keys() == {"alg", "kid"}
    jwks = jwt.PyJWKSet.from_dict(call("GET /certs", auth=None).json)
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        body["access_token"],
        jwks.keys[0].key,
        algorithms=["RS256"],
        audience="demo-env",
        issuer="http://127.0.0.1:1",
        options=options,
    )
    assert claims["sub"] == body["sub"]
    assert claims["exp"] - claims["iat"] == 7200
    assert claims["iat"] == call.emulator.clock.wall()
    assert claims["provider_type"] == "phone"
    assert claims["project_id"] == "demo-env"
    assert claims["at_hash"].startswith("r.")


def test_one_key_serves_every_emulator(make: Any) -> None:
    """Hundreds of emulators in a process share one RSA key."""
    first, second = (make()("GET /certs", auth=None).json for _ in range(2))
    assert first == second


@needs_crypto
def test_rolled_key_is_published_beside_the_old(call: Any) -> None:
    """After a roll, tokens name the new key and both are published."""
    before = jwt.get_unverified_header(call.sign_in()["access_token"])["kid"]
    call.emulator.roll_key()
    after = jwt.get_unverified_header(call.sign_in()["access_token"])["kid"]
    kids = [key["kid"] for key in call("GET /certs", auth=None).json["keys"]]
    assert kids == [before, after]


def test_hs256_publishes_nothing(make: Any) -> None:
    """A symmetric key stays where it is."""
    call = make(algorithm="HS256")
    header = jwt.get_unverified_header(call.sign_in()["access_token"])
    assert header["alg"] == "HS256"
    assert call("GET /certs", auth=None).json == {"keys": []}


def test_opaque_access_tokens(make: Any) -> None:
    """Told so, the service hands out access tokens that no client can read."""
    call = make(opaque_access_tokens=True)
    token = call.sign_in()["access_token"]
    assert "." not in token
    assert call("GET /user/me", auth=token).status == 200


def test_refresh_rotates(call: Any) -> None:
    """A refresh gives a new pair; the old access token lives until its own end."""
    old = call.sign_in()
    call.emulator.clock.advance(10)
    new = call.refresh(old["refresh_token"]).json
    assert new["refresh_token"] != old["refresh_token"]
    assert call.emulator.spends == 1
    for token in (old["access_token"], new["access_token"]):
        assert call("GET /user/me", auth=token).status == 200
    call.emulator.clock.advance(7195)
    assert call("GET /user/me", auth=old["access_token"]).error[0] == 401
    assert call("GET /user/me", auth=new["access_token"]).status == 200


@pytest.mark.parametrize(("reuse", "survives"), [("refuse", True), ("revoke_family", False)])
def test_spent_token_comes_back(make: Any, reuse: str, *, survives: bool) -> None:
    """B35: a spent refresh token is refused, and by default its session dies with it."""
    call = make(reuse=reuse)
    old = call.sign_in()
    new = call.refresh(old["refresh_token"]).json
    assert call.refresh(old["refresh_token"]).error == (400, "invalid_grant", None)
    assert (call("GET /user/me", auth=new["access_token"]).status == 200) is survives
    assert (call.refresh(new["refresh_token"]).status == 200) is survives
    assert call.emulator.refresh_attempts == 3
    assert call.emulator.spends == 1 + survives


def test_refresh_token_dies_of_age(make: Any) -> None:
    """A refresh token lives as long as it was set to, counted anew at each rotation."""
    call = make(refresh_lifetime_seconds=100)
    tokens = call.sign_in()
    for _ in range(3):
        call.emulator.clock.advance(60)
        tokens = call.refresh(tokens["refresh_token"]).json
    call.emulator.clock.advance(100)
    assert call.refresh(tokens["refresh_token"]).error == (400, "invalid_grant", None)


def test_refresh_token_belongs_to_its_client(make: Any) -> None:
    """A refresh token is worth nothing to another client, and is not spent by its try."""
    call = make(client_id="app")
    body = {"username": "alice", "password": PASSWORD}
    tokens = call("POST /signin", body, auth=None, query={"client_id": "app"}).json
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert call("POST /token", body, auth=None).error == (400, "invalid_grant", None)
    assert call("POST /token", body | {"client_id": "app"}, auth=None).status == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, (400, "invalid_argument", 3)),
        ({"grant_type": "refresh_token"}, (400, "invalid_argument", 3)),
        ({"grant_type": "refresh_token", "refresh_token": "m.x"}, (400, "invalid_grant", None)),
        ({"grant_type": "implicit"}, (400, "unsupported_grant_type", None)),
    ],
)
def test_token_is_refused(call: Any, body: dict[str, Any], error: tuple[Any, ...]) -> None:
    """What /token cannot exchange has its error."""
    assert call("POST /token", body).error == error


def test_unknown_client_in_the_body(call: Any) -> None:
    """The client_id in the body is checked like the one in the query."""
    body = {"grant_type": "refresh_token", "refresh_token": "m.x", "client_id": "stranger"}
    assert call("POST /token", body, auth=None).error == (400, "invalid_client", None)


def test_password_grant(call: Any) -> None:
    """A password can be exchanged at /token too."""
    body = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    assert call("POST /token", body).json["scope"] == "user sso"


def test_introspection_by_client(call: Any) -> None:
    """With Basic, a live token is described and any other is inactive."""
    body = call.sign_in()
    query = {"token": body["access_token"]}
    found = call("GET /token/introspect", query=query).json
    assert found == {
        "active": True,
        "token_type": "Bearer",
        "client_id": "demo-env",
        "sub": body["sub"],
        "scope": "user sso",
        "exp": int(call.emulator.clock.wall()) + 7200,
        "iat": int(call.emulator.clock.wall()),
    }
    call.emulator.clock.advance(7200)
    assert call("GET /token/introspect", query=query).json == {"active": False}
    assert call("GET /token/introspect").error == (400, "invalid_argument", 3)


def test_introspection_by_bearer(call: Any) -> None:
    """With the token as the bearer, a live one is described and any other gives nothing."""
    body = call.sign_in()
    found = call("GET /token/introspect", auth=body["access_token"]).json
    assert found.keys() == {"token_type", "client_id", "sub", "scope"}
    assert call("GET /token/introspect", auth="forged").json == {}
    assert call("GET /token/introspect", auth=None).error == (401, "unauthenticated", 16)


@pytest.mark.parametrize("form", ["client", "bearer", "javascript"])
def test_revocation_ends_the_session(call: Any, form: str) -> None:
    """Each way of revoking kills the access token and the refresh token."""
    body = call.sign_in()
    named = {"token": body["access_token"]}
    answer = {
        "client": lambda: call("POST /revoke", named),
        "bearer": lambda: call("POST /revoke", auth=body["access_token"]),
        "javascript": lambda: call(
            "POST /revoke", named, auth=None, query={"client_id": "demo-env"}
        ),
    }[form]()
    assert (answer.status, answer.json) == (200, {})
    assert call("GET /user/me", auth=body["access_token"]).status == 401
    assert call.refresh(body["refresh_token"]).error[1] == "invalid_grant"


def test_revoking_what_is_no_live_access_token(call: Any) -> None:
    """An unknown token is nobody's loss, a refresh token lives on, a dead bearer is refused."""
    body = call.sign_in()
    assert call("POST /revoke", {"token": "unknown"}).json == {}
    assert call("POST /revoke", {"token": body["refresh_token"]}).json == {}
    assert call.refresh(body["refresh_token"]).status == 200
    assert call("POST /revoke", auth="forged").error == (401, "unauthenticated", 16)
    assert call("POST /revoke", {}).error == (400, "invalid_argument", 3)
    assert call("POST /revoke", {"token": "x"}, auth="wrong basic").error[2] == 4022


def test_tests_can_revoke(call: Any) -> None:
    """A test can kill one access token, or the session with it."""
    body = call.sign_in()
    call.emulator.revoke(body["access_token"])
    assert call("GET /user/me", auth=body["access_token"]).status == 401
    assert call("POST /user/signout", auth=body["access_token"]).status == 401
    new = call.refresh(body["refresh_token"]).json
    call.emulator.revoke(new["access_token"], session=True)
    assert call.refresh(new["refresh_token"]).status == 400


def test_long_dead_tokens_are_forgotten(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that runs for months does not keep every token it ever issued."""
    monkeypatch.setattr(_tokens, "_PRUNE_EVERY", 4)
    call = make(algorithm="HS256", refresh_lifetime_seconds=7200)
    tokens = [call.sign_in() for _ in range(3)]
    call.emulator.clock.advance(14_400)
    call.sign_in()
    state = call.emulator._control.state
    assert len(state.access) == len(state.refresh) == 1
    assert tokens[0]["access_token"] not in state.access


def test_nothing_shows_a_secret(call: Any) -> None:
    """B23: neither the emulator nor what it remembers prints a secret."""
    tokens = call.sign_in()
    shown = f"{call.emulator!r} {call.emulator._control!r} {call.emulator._settings!r}"
    state = call.emulator._control.state
    shown += repr([*state.users.values(), *state.access.values(), *state.refresh.values()])
    secrets = [PASSWORD, "demo-secret", tokens["access_token"], tokens["refresh_token"]]
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(
    "option",
    [
        {"dialect": "klingon"},
        {"reuse": "ignore"},
        {"algorithm": "none"},
        {"introspect_with_basic": "maybe"},
        {"captcha_tokens": "for ever"},
        {"host": "0.0.0.0"},  # noqa: S104 -- refused
        {"host": "example.com"},
    ],
)
def test_options_are_checked(option: dict[str, Any]) -> None:
    """An option the emulator does not know, or that is not safe, is refused at once."""
    with pytest.raises(ValueError, match=r"must be one of|loopback"):
        Emulator(**option)
