"""Signing in, signing up, codes: what the service grants and what it refuses."""

from typing import Any

import jwt
import pytest

PHONE = "+86 13800000000"
NEW_PHONE = "+86 13900000000"
PASSWORD = "Passw0rd!"


@pytest.mark.parametrize("login", ["alice", PHONE])
def test_any_login_signs_in(call: Any, login: str) -> None:
    """The username field takes a user name or a phone number, and yields a pair."""
    body = call.sign_in(login)
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 7200
    assert body["scope"] == "user sso"
    assert len(body["sub"]) == 19
    assert body["refresh_token"].startswith("m.")
    assert len(body["refresh_token"]) <= 128
    assert call("GET /user/me", auth=body["access_token"]).json["sub"] == body["sub"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"username": "alice", "password": "no"},
            (400, "invalid_username_or_password", 4043),
        ),
        ({"username": "bob", "password": "no"}, (404, "not_found", 5)),
        ({"username": "alice"}, (400, "invalid_argument", 3)),
        ({"username": "", "password": "x"}, (400, "invalid_argument", 3)),
        ({"username": 5, "password": "x"}, (400, "invalid_argument", 3)),
    ],
)
def test_sign_in_is_refused(call: Any, body: dict[str, Any], error: tuple[Any, ...]) -> None:
    """Wrong passwords, unknown users and missing fields each have their error."""
    assert call("POST /signin", body).error == error


@pytest.mark.parametrize(
    ("status", "error"),
    [("BLOCKED", (403, "user_blocked", None)), ("PENDING", (403, "user_pending", None))],
)
def test_status_stops_sign_in(call: Any, status: str, error: tuple[Any, ...]) -> None:
    """A blocked or pending user is told so, once the password is right."""
    call.emulator.add_user(username="carol", password="x", status=status)
    assert call("POST /signin", {"username": "carol", "password": "x"}).error == error


def test_blocking_ends_what_a_user_can_do(call: Any) -> None:
    """A user blocked later can neither call nor refresh."""
    user = call.emulator.add_user(username="carol", password="x")
    tokens = call.sign_in("carol", "x")
    user.status = "BLOCKED"
    assert call("GET /user/me", auth=tokens["access_token"]).error[0] == 401
    assert call.refresh(tokens["refresh_token"]).error == (400, "invalid_grant", None)


def test_code_signs_in(call: Any) -> None:
    """A verification_token signs its owner in, once."""
    body = {"verification_token": call.verified(phone_number=PHONE), "username": PHONE}
    assert call("POST /signin", body).status == 200
    assert call("POST /signin", body).error == (400, "invalid_argument", 3)


def test_code_signs_nobody_else_in(call: Any) -> None:
    """A verification_token is worth nothing for a stranger or for another user."""
    call.emulator.add_user(username="bob", password="x")
    token = call.verified(phone_number=NEW_PHONE)
    assert call("POST /signin", {"verification_token": token}).error[1] == "not_found"
    token = call.verified(phone_number=PHONE)
    body = {"verification_token": token, "username": "bob"}
    assert call("POST /signin", body).error[1] == "invalid_argument"


def test_code_is_sent_and_kept(call: Any) -> None:
    """The answer names the code's id and lifetime, and whether the destination is known."""
    body = call("POST /verification", {"phone_number": PHONE}).json
    assert body["expires_in"] == 600
    assert body["is_user"] is True
    assert call.emulator.codes[PHONE].isdigit()
    assert len(call.emulator.codes[PHONE]) == 6
    assert call("POST /verification", {"email": "new@example.com"}).json["is_user"] is False


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"phone_number": "13800000000"},
        {"phone_number": "+8613800000000"},
        {"email": "nobody"},
        {"email": "a@b.c", "phone_number": PHONE},
        {"phone_number": PHONE, "target": "SOMEBODY"},
    ],
)
def test_code_is_not_sent(call: Any, body: dict[str, Any]) -> None:
    """A destination must be one, and well formed."""
    assert call("POST /verification", body).error == (400, "invalid_argument", 3)
    assert not call.emulator.codes


def test_code_works_once(call: Any) -> None:
    """A wrong code is refused, the right one works, and then no more."""
    name = call("POST /verification", {"phone_number": PHONE}).json["verification_id"]
    right = call.emulator.codes[PHONE]
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    statuses = [
        call(
            "POST /verification/verify", {"verification_id": name, "verification_code": code}
        ).status
        for code in (wrong, right, right)
    ]
    assert statuses == [400, 200, 400]


def test_resending_kills_the_earlier_code(call: Any) -> None:
    """Only the code sent last to a destination counts."""
    name = call("POST /verification", {"phone_number": PHONE}).json["verification_id"]
    code = call.emulator.codes[PHONE]
    call("POST /verification", {"phone_number": NEW_PHONE})
    call("POST /verification", {"phone_number": PHONE})
    body = {"verification_id": name, "verification_code": code}
    assert call("POST /verification/verify", body).status == 400


def test_codes_and_their_tokens_die(call: Any) -> None:
    """Both the code and the verification_token live 600 seconds."""
    name = call("POST /verification", {"phone_number": NEW_PHONE}).json["verification_id"]
    body = {"verification_id": name, "verification_code": call.emulator.codes[NEW_PHONE]}
    call.emulator.clock.advance(600)
    assert call("POST /verification/verify", body).status == 400
    token = call.verified(phone_number=NEW_PHONE)
    call.emulator.clock.advance(600)
    body = {"phone_number": NEW_PHONE, "verification_token": token}
    assert call("POST /signup", body).error == (400, "invalid_argument", 3)


def test_sign_up_signs_in(call: Any) -> None:
    """Who has verified a phone number gets a user, a session, and can come back."""
    token = call.verified(phone_number=NEW_PHONE)
    body = {
        "phone_number": NEW_PHONE,
        "verification_token": token,
        "verification_code": call.emulator.codes[NEW_PHONE],
        "name": "Bob",
        "username": "bob",
        "password": PASSWORD,
    }
    signed_up = call("POST /signup", body)
    assert signed_up.status == 200
    me = call("GET /user/me", auth=signed_up.json["access_token"]).json
    assert (me["name"], me["phone_number"], me["has_password"]) == ("Bob", NEW_PHONE, True)
    assert call.sign_in("bob")["sub"] == me["sub"]
    assert call("POST /signup", body).status == 400


def test_sign_up_by_email(call: Any) -> None:
    """An e-mail address will do, without user name or password."""
    token = call.verified(email="bob@example.com")
    body = {"email": "bob@example.com", "verification_token": token}
    tokens = call("POST /signup", body).json
    me = call("GET /user/me", auth=tokens["access_token"]).json
    assert me["email"] == "bob@example.com"
    assert me["has_password"] is False
    assert "username" not in me
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["provider_type"] == "email"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"verification_token": None}, (400, "invalid_argument", 3)),
        ({"verification_token": "forged"}, (400, "invalid_argument", 3)),
        ({"verification_code": "none"}, (400, "invalid_argument", 3)),
        ({"phone_number": "+86 13700000000"}, (400, "invalid_argument", 3)),
        ({"username": "alice"}, (409, "already_exists", 6)),
        ({"username": "-"}, (400, "invalid_argument", 3)),
        ({"anonymous_token": "forged"}, (400, "invalid_argument", 3)),
    ],
)
def test_refused_sign_up_uses_nothing_up(
    call: Any, change: dict[str, Any], error: tuple[Any, ...]
) -> None:
    """A sign-up that is refused leaves the verification_token good for the next try."""
    right = {
        "phone_number": NEW_PHONE,
        "verification_token": call.verified(phone_number=NEW_PHONE),
        "username": "bob",
    }
    assert call("POST /signup", right | change).error == error
    assert call("POST /signup", right).status == 200


def test_destination_taken(call: Any) -> None:
    """A phone number that belongs to somebody registers nobody else."""
    body = {"phone_number": PHONE, "verification_token": call.verified(phone_number=PHONE)}
    assert call("POST /signup", body).error == (400, "failed_precondition", 9)


@pytest.mark.parametrize("path", ["/signin-anonymously", "/signin/anonymously"])
def test_anonymous_user_belongs_to_a_device(call: Any, path: str) -> None:
    """The same device is the same anonymous user again; another device is another."""
    first, again = (call(f"POST {path}").json for _ in range(2))
    other = call(f"POST {path}", device="device-2").json
    assert first["sub"] == again["sub"] != other["sub"]
    assert len(first["sub"]) == 22
    assert first["scope"] == "anonymous"
    assert first["access_token"] != again["access_token"]
    claims = jwt.decode(first["access_token"], options={"verify_signature": False})
    assert claims["name"] == "Anonymous"
    assert call.refresh(first["refresh_token"]).json["sub"] == first["sub"]


@pytest.mark.parametrize("device", [None, "x" * 72])
def test_anonymous_needs_a_proper_device(call: Any, device: str | None) -> None:
    """The device id must be there and shorter than 72."""
    answer = call("POST /signin-anonymously", device=device)
    assert answer.error == (400, "invalid_argument", 3)
    assert call("POST /signin-anonymously", device="x" * 71).status == 200


def test_anonymous_user_is_upgraded(call: Any) -> None:
    """Signing up with an anonymous_token keeps the sub and frees the device."""
    anonymous = call("POST /signin-anonymously").json
    body = {
        "phone_number": NEW_PHONE,
        "verification_token": call.verified(phone_number=NEW_PHONE),
        "anonymous_token": anonymous["access_token"],
    }
    upgraded = call("POST /signup", body).json
    assert upgraded["sub"] == anonymous["sub"]
    assert upgraded["scope"] == "user sso"
    assert call("POST /signin-anonymously").json["sub"] != anonymous["sub"]


def test_only_anonymous_users_are_upgraded(call: Any) -> None:
    """A registered user's token is no anonymous_token."""
    body = {
        "phone_number": NEW_PHONE,
        "verification_token": call.verified(phone_number=NEW_PHONE),
        "anonymous_token": call.sign_in()["access_token"],
    }
    assert call("POST /signup", body).error == (400, "invalid_argument", 3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dialect": "primary"}, True),
        ({"dialect": "documented"}, False),
        ({"dialect": "documented", "anonymous_refresh": True}, True),
        ({"anonymous_refresh": False}, False),
    ],
)
def test_anonymous_refresh_token(make: Any, options: dict[str, Any], *, expected: bool) -> None:
    """B28: whether an anonymous user can refresh depends on the contract, or on the option."""
    call = make(**options)
    path = "/signin/anonymously" if call.speaks_documented_only() else "/signin-anonymously"
    assert ("refresh_token" in call(f"POST {path}").json) is expected


def test_add_user_wants_a_free_login(call: Any) -> None:
    """A user without a login, or with somebody's, is the test's own mistake."""
    with pytest.raises(ValueError, match="needs"):
        call.emulator.add_user(password="x")
    with pytest.raises(ValueError, match="already"):
        call.emulator.add_user(username="alice")
