"""What users change about their account, and what they may know of others."""

import base64
import json
from typing import Any

import pytest

from cloudbase_auth_async.testing import Request

PHONE = "+86 13800000000"
OTHER = "+86 13900000000"
PASSWORD = "Passw0rd!"
NEW_PASSWORD = "N3w-Passw0rd"
BAD = (400, "invalid_argument", 3)
KEY_BODY = {"grant_type": "client_credentials"}


@pytest.fixture
def auth(call: Any) -> str:
    """Return alice's access token."""
    token: str = call.sign_in()["access_token"]
    return token


def me(call: Any, auth: str) -> Any:
    """Return the profile."""
    return call("GET /user/me", auth=auth).json


def sudo(call: Any, auth: str) -> str:
    """Return a sudo_token."""
    token: str = call("POST /user/sudo", {"password": PASSWORD}, auth=auth).json["sudo_token"]
    return token


def contact(call: Any, auth: str, place: dict[str, str], **fields: Any) -> Any:
    """Move alice's contact to a place that was checked."""
    proof = {"sudo_token": sudo(call, auth), "verification_token": call.verified(**place)}
    return call("PATCH /user/contact", place | proof | fields, auth=auth)


def server(call: Any) -> str:
    """Return a server's token."""
    key = "Basic " + base64.b64encode(b"AKIDdemo:demo-key").decode()
    request = Request(
        method="POST",
        path="/auth/v1/token/clientCredential",
        headers=(("Authorization", key),),
        body=json.dumps(KEY_BODY).encode(),
    )
    token: str = json.loads(call.emulator.answer(request).body)["access_token"]
    return token


def test_edit_everything(call: Any, auth: str) -> None:
    """All fields change at once, and the old names no longer sign in."""
    body = {
        "nickname": "Alice",
        "username": "alice2",
        "phone": OTHER,
        "email": "alice@example.com",
        "description": "herself",
        "avatar_url": "https://example.com/a.png",
        "gender": "FEMALE",
    }
    assert call("POST /user/basic/edit", body, auth=auth).json == {}
    profile = me(call, auth)
    assert (profile["name"], profile["username"]) == ("Alice", "alice2")
    assert (profile["phone_number"], profile["email"]) == (OTHER, "alice@example.com")
    assert (profile["user_desc"], profile["gender"]) == ("herself", "FEMALE")
    assert profile["picture"] == "https://example.com/a.png"
    for name in ("alice2", OTHER, "alice@example.com"):
        assert call.sign_in(name)["sub"] == profile["sub"]
    for name in ("alice", PHONE):
        body = {"username": name, "password": PASSWORD}
        assert call("POST /signin", body).error == (404, "not_found", 5)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"nickname": "a"}, BAD),
        ({"nickname": "a" * 49}, BAD),
        ({"nickname": 7}, BAD),
        ({"username": "a"}, BAD),
        ({"username": "bob"}, (409, "already_exists", 6)),
        ({"phone": "13800000000"}, BAD),
        ({"phone": OTHER}, (400, "failed_precondition", 9)),
        ({"email": "no"}, BAD),
        ({"email": "bob@example.com"}, (400, "failed_precondition", 9)),
        ({"gender": "X"}, BAD),
        ({"avatar_url": []}, BAD),
        ({"user_id": "1234567890123456789"}, (403, "permission_denied", 7)),
        ({"password": PASSWORD}, BAD),
        ({"new_password": NEW_PASSWORD}, (400, "invalid_password", None)),
        ({"password": "no", "new_password": NEW_PASSWORD}, (400, "invalid_password", None)),
        ({"encrypt_password": "x", "public_key_thumbprint": "y"}, BAD),
    ],
)
def test_edit_is_refused_whole(
    call: Any, auth: str, body: dict[str, Any], error: tuple[Any, ...]
) -> None:
    """One wrong field, and none is written."""
    call.emulator.add_user(username="bob", phone_number=OTHER, email="bob@example.com")
    before = me(call, auth)
    fields = {"description": "new", "nickname": "Alice"} | body
    assert call("POST /user/basic/edit", fields, auth=auth).error == error
    assert me(call, auth) == before


def test_edit_password(call: Any, auth: str) -> None:
    """A new password ends the other sessions, as PATCH /user/password does."""
    other = call.sign_in()["access_token"]
    body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    assert call("POST /user/basic/edit", body, auth=auth).json == {}
    assert call("GET /user/me", auth=other).status == 401
    assert call("GET /user/me", auth=auth).status == 200
    assert call.sign_in("alice", NEW_PASSWORD)


def test_weak_password_where_the_documented_contract_is_spoken(make: Any) -> None:
    """The documented rule for passwords holds here too."""
    call = make(dialect="documented")
    body = {"password": PASSWORD, "new_password": "weak"}
    auth = call.sign_in()["access_token"]
    assert call("POST /user/basic/edit", body, auth=auth).error == BAD


def test_server_edits_a_user(call: Any, auth: str) -> None:
    """A server edits whom it names, without their password; it has no account of its own."""
    sub = me(call, auth)["sub"]
    admin = server(call)
    body = {"user_id": sub, "nickname": "Renamed", "new_password": NEW_PASSWORD}
    assert call("POST /user/basic/edit", body, auth=admin).json == {}
    assert call("GET /user/me", auth=auth).status == 401
    assert call.sign_in("alice", NEW_PASSWORD)["sub"] == sub
    assert call("POST /user/basic/edit", {"nickname": "Me"}, auth=admin).error == BAD
    stranger = {"user_id": "1", "nickname": "Me"}
    assert call("POST /user/basic/edit", stranger, auth=admin).error == (404, "not_found", 5)
    assert call("POST /user/basic/edit", body).error == (401, "unauthenticated", 16)


@pytest.mark.parametrize("route", ["POST /user/basic/edit", "PATCH /user/profile"])
def test_anonymous_users_have_no_account(call: Any, route: str) -> None:
    """An anonymous user signs up before there is anything to edit."""
    auth = call("POST /signin-anonymously").json["access_token"]
    assert call(route, {}, auth=auth).error == (403, "permission_denied", 7)


def test_profile_is_answered(call: Any, auth: str) -> None:
    """Editing the profile answers it as it is now."""
    body = {"name": "Alice", "picture": "p", "locale": "zh-cn", "gender": "FEMALE"}
    answer = call("PATCH /user/profile", body, auth=auth)
    assert answer.json == me(call, auth)
    assert answer.json["locale"] == "zh-cn"
    call.emulator.add_user(username="bob")
    assert call("PATCH /user/profile", {"username": "bob"}, auth=auth).error[0] == 409
    assert call("PATCH /user/profile", {"locale": 1}, auth=auth).error == BAD


def test_contact(call: Any, auth: str) -> None:
    """A checked address replaces the old one, or joins a phone number."""
    assert contact(call, auth, {"phone_number": OTHER}).json == {}
    assert contact(call, auth, {"email": "a@example.com"}).json == {}
    profile = me(call, auth)
    assert (profile["phone_number"], profile["email"]) == (OTHER, "a@example.com")
    body = {"username": PHONE, "password": PASSWORD}
    assert call("POST /signin", body).error[0] == 404


@pytest.mark.parametrize(
    ("resolution", "status"),
    [(None, 400), ("DEFAULT", 400), ("TRANSFER", 200), ("DELETE_ACCOUNT_TRANSFER", 200)],
)
def test_contact_of_somebody_else(
    call: Any, auth: str, resolution: str | None, status: int
) -> None:
    """Whose contact is taken keeps their account, or loses it, or nothing happens."""
    call.emulator.add_user(username="bob", password="x", phone_number=OTHER)
    answer = contact(call, auth, {"phone_number": OTHER}, conflict_resolution=resolution)
    assert answer.status == status
    if status == 400:
        assert answer.error == (400, "failed_precondition", 9)
    assert (me(call, auth)["phone_number"] == OTHER) is (status == 200)
    bob = call("POST /signin", {"username": "bob", "password": "x"})
    assert bob.status == (404 if resolution == "DELETE_ACCOUNT_TRANSFER" else 200)
    if resolution == "TRANSFER":
        assert "phone_number" not in me(call, bob.json["access_token"])


@pytest.mark.parametrize("way", ["none", "provider", "ticket"])
def test_transfer_of_the_only_number(call: Any, auth: str, way: str) -> None:
    """Who could not sign in any more is deleted; who has another way in is not."""
    bob = call.emulator.add_user(phone_number=OTHER)
    if way == "ticket":
        call.emulator._control.state.custom_users["bobby"] = bob.sub
    elif way == "provider":
        body = {"provider_token": call.emulator.provider_token()}
        signed_in = {"verification_token": call.verified(phone_number=OTHER)}
        call(
            "POST /user/providers/bind",
            body,
            auth=call("POST /signin", signed_in).json["access_token"],
        )
    place = {"phone_number": OTHER}
    assert contact(call, auth, place, conflict_resolution="TRANSFER").status == 200
    found = call("GET /user/query", auth=auth, query={"id": bob.sub}).json
    assert found["total"] == (0 if way == "none" else 1)
    assert contact(call, auth, place, conflict_resolution="DEFAULT").status == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"sudo_token": None}, BAD),
        ({"sudo_token": "forged"}, (403, "permission_denied", 7)),
        ({"verification_token": None}, BAD),
        ({"verification_token": "forged"}, BAD),
        ({"phone_number": "+86 13700000000"}, BAD),
        ({"email": "a@example.com"}, BAD),
        ({"conflict_resolution": "MINE"}, BAD),
    ],
)
def test_contact_is_refused(
    call: Any, auth: str, change: dict[str, Any], error: tuple[Any, ...]
) -> None:
    """Without either proof nothing changes, and nothing is used up."""
    good = {
        "phone_number": OTHER,
        "sudo_token": sudo(call, auth),
        "verification_token": call.verified(phone_number=OTHER),
    }
    assert call("PATCH /user/contact", good | change, auth=auth).error == error
    assert me(call, auth)["phone_number"] == PHONE
    assert call("PATCH /user/contact", good, auth=auth).status == 200


def test_query(call: Any, auth: str) -> None:
    """Users are found by what identifies them; their addresses stay their own."""
    bob = call.emulator.add_user(username="bob", email="bob@example.com", name="Bob")

    def found(**query: str) -> Any:
        return call("GET /user/query", auth=auth, query=query).json

    assert found(email="bob@example.com") == {"total": 1, "data": [{"sub": bob.sub, "name": "Bob"}]}
    own = found(phone_number=PHONE)["data"][0]
    assert (own["name"], own["phone_number"]) == ("alice", PHONE)
    assert found(username="bob", id=bob.sub)["total"] == 1
    assert found(username="alice", id=bob.sub) == {"total": 0, "data": []}
    assert call("GET /user/query", auth=auth).error == BAD
    assert call("GET /user/query", query={"id": "1"}).error[0] == 401
