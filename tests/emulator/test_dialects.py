"""The two contracts: which paths, fields and credentials each of them takes."""

from typing import Any

import pytest

from cloudbase_auth_async.testing import Request

PHONE = "+86 13800000000"
PASSWORD = "Passw0rd!"
SIGN_IN = {"username": "alice", "password": PASSWORD}


@pytest.mark.parametrize(
    ("dialect", "missing", "present"),
    [
        ("primary", "POST /signin/anonymously", "POST /signin-anonymously"),
        ("documented", "POST /signin-anonymously", "POST /signin/anonymously"),
        ("primary", "GET /user/provider", "GET /user/providers"),
        ("documented", "DELETE /user/providers/x", "DELETE /user/provider/x"),
        ("documented", "POST /user/providers/bind", "POST /user/provider/bind"),
    ],
)
def test_paths_of_the_other_contract(make: Any, dialect: str, missing: str, present: str) -> None:
    """A service that speaks one contract has not the paths of the other."""
    call = make(dialect=dialect)
    answer = call(missing)
    assert (answer.status, answer.json) == (404, {"code": 5, "message": "Not Found"})
    assert call(present).status != 404


def test_wrong_method(call: Any) -> None:
    """A path with another method names the methods it has."""
    answer = call("PUT /user/me")
    assert answer.status == 405
    assert answer.json == {"code": 12, "message": "Method Not Allowed"}
    assert ("Allow", "GET, DELETE") in answer.raw.headers


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
@pytest.mark.parametrize("route", ["POST /signin", "POST /signup", "POST /token"])
def test_client_calls_take_no_bearer(make: Any, dialect: str, route: str) -> None:
    """B27: a user's bearer is refused where it has no business, even a live one."""
    call = make(dialect=dialect)
    auth = call.sign_in()["access_token"]
    assert call(route, auth=auth).error == (401, "unauthenticated", 16)


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
def test_a_dead_bearer_sends_no_code(make: Any, dialect: str) -> None:
    """B27: an expired session's bearer is refused, though a live one may ask for a code."""
    call = make(dialect=dialect)
    auth = call.sign_in()["access_token"]
    call.emulator.clock.advance(7201)
    refused = call("POST /verification", {"phone_number": "+86 13800000000"}, auth=auth)
    assert refused.error == (401, "unauthenticated", 16)


@pytest.mark.parametrize(
    ("dialect", "auth", "status"),
    [
        ("primary", None, 401),
        ("primary", "wrong basic", 401),
        ("primary", "right basic", 200),
        ("documented", None, 200),
        ("documented", "wrong basic", 401),
        ("documented", "right basic", 200),
        ("both", None, 200),
        ("both", "wrong basic", 401),
    ],
)
def test_client_credentials(make: Any, dialect: str, auth: str | None, status: int) -> None:
    """Basic is demanded by the one contract; a wrong one is refused by both."""
    answer = make(dialect=dialect)("POST /signin", SIGN_IN, auth=auth)
    assert answer.status == status
    assert status == 200 or answer.error == (401, "unauthorized_client", 4022)


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Basic /w==", "Digest x", ""])
def test_malformed_credentials(call: Any, header: str) -> None:
    """Whatever stands in the Authorization header, the answer is a refusal."""
    headers = (("authorization", header),)
    request = Request(method="POST", path="/auth/v1/signin", headers=headers)
    assert call.emulator.answer(request).status == 401


def test_client_id_in_the_query(make: Any) -> None:
    """Without Basic the client_id names the client; by default the environment's own."""
    call = make(client_id="app")
    known = call("POST /signin", SIGN_IN, auth=None, query={"client_id": "app"})
    default = call("POST /signin", SIGN_IN, auth=None)
    stranger = call("POST /signin", SIGN_IN, auth=None, query={"client_id": "stranger"})
    assert stranger.error == (400, "invalid_client", None)
    clients = [
        call("GET /token/introspect", auth=answer.json["access_token"]).json["client_id"]
        for answer in (known, default)
    ]
    assert clients == ["app", "demo-env"]


@pytest.mark.parametrize(
    ("dialect", "target", "outcome"),
    [
        ("primary", None, None),
        ("primary", "ANY", "invalid_argument"),
        ("documented", None, "invalid_argument"),
        ("documented", "USER", None),
        ("documented", "NOT_USER", "failed_precondition"),
        ("both", None, None),
        ("both", "ANY", None),
        ("both", "NOT_USER", "failed_precondition"),
    ],
)
def test_verification_target(
    make: Any, dialect: str, target: str | None, outcome: str | None
) -> None:
    """The target is unknown to the one contract, demanded by the other, optional for both."""
    call = make(dialect=dialect)
    answer = call("POST /verification", {"phone_number": PHONE, "target": target})
    assert answer.json.get("error") == outcome
    assert (PHONE in call.emulator.codes) is (outcome is None)


def test_target_user_must_exist(call: Any) -> None:
    """A code for a user is not sent to a stranger."""
    body = {"phone_number": "+86 13900000000", "target": "USER"}
    assert call("POST /verification", body).error == (400, "failed_precondition", 9)
    assert call("POST /verification", body | {"target": "NOT_USER"}).status == 200


def test_primary_introspects_for_clients_only(make: Any) -> None:
    """The primary contract takes no bearer on introspection and revocation."""
    call = make(dialect="primary")
    auth = call.sign_in()["access_token"]
    for auth_, route in ((auth, "GET /token/introspect"), (None, "POST /revoke")):
        assert call(route, auth=auth_).error == (401, "unauthorized_client", 4022)
    assert call("POST /revoke", auth=auth).error == (401, "unauthorized_client", 4022)
    assert call("POST /revoke", {"token": auth}).json == {}
    assert call("GET /token/introspect", query={"token": auth}).json == {"active": False}


def test_documented_introspects_the_bearer_only(make: Any) -> None:
    """The documented contract takes Basic for a worthless token, and tells no more."""
    call = make(dialect="documented")
    auth = call.sign_in()["access_token"]
    answer = call("GET /token/introspect", query={"token": auth})
    assert (answer.status, answer.json) == (200, {})
    assert call("GET /token/introspect", auth=auth).json["client_id"] == "demo-env"
    assert call("POST /revoke", {"token": auth}).error == (401, "unauthenticated", 16)
    assert call("POST /revoke", auth=auth).json == {}
    strict = make(dialect="documented", introspect_with_basic="refuse")
    assert strict("GET /token/introspect").error == (401, "unauthenticated", 16)


def test_documented_demands_sudo(make: Any) -> None:
    """Password and deletion need a sudo_token in the query, not in the body."""
    call = make(dialect="documented")
    auth = call.sign_in()["access_token"]
    passwords = {"old_password": PASSWORD, "new_password": "N3w-Passw0rd"}
    for route, body in (("PATCH /user/password", passwords), ("DELETE /user/me", {})):
        sudo = call("POST /user/sudo", {"password": PASSWORD}, auth=auth).json["sudo_token"]
        bare = call(route, body, auth=auth)
        misplaced = call(route, {**body, "sudo_token": sudo}, auth=auth)
        assert bare.error == misplaced.error == (403, "permission_denied", 7)
        assert bare.json["error_description"] == "sudo_token invalid"
        proven = {**body, "new_password": PASSWORD}
        assert call(route, proven, auth=auth, query={"sudo_token": sudo}).status == 200


def test_documented_takes_sudo_for_a_contact_in_the_body(make: Any) -> None:
    """Contacts are the JavaScript client's own call: its sudo_token is in the body everywhere."""
    call = make(dialect="documented")
    auth = call.sign_in()["access_token"]
    sudo = call("POST /user/sudo", {"password": PASSWORD}, auth=auth).json["sudo_token"]
    place = {"email": "alice@example.com"}
    body = place | {"verification_token": call.verified(**place)}
    assert call("PATCH /user/contact", body, auth=auth, query={"sudo_token": sudo}).status == 400
    assert call("PATCH /user/contact", body | {"sudo_token": sudo}, auth=auth).status == 200


def test_documented_demands_strong_passwords(make: Any) -> None:
    """A weak password is refused where the pages say so, and the sudo_token stays good."""
    call = make(dialect="documented")
    auth = call.sign_in()["access_token"]
    sudo = call("POST /user/sudo", {"password": PASSWORD}, auth=auth).json["sudo_token"]
    for weak in ("Sh0rt!", "nouppercase1!", "x" * 65):
        body = {"new_password": weak}
        answer = call("PATCH /user/password", body, auth=auth, query={"sudo_token": sudo})
        assert answer.error == (400, "invalid_argument", 3)
    body = {"new_password": "Str0ng-enough"}
    assert call("PATCH /user/password", body, auth=auth, query={"sudo_token": sudo}).status == 200
