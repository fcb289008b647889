"""The signed-in user: profile, password, sudo, deletion, third-party accounts."""

from typing import Any

import pytest

PHONE = "+86 13800000000"
PASSWORD = "Passw0rd!"
NEW_PASSWORD = "N3w-Passw0rd"


def test_profile(call: Any) -> None:
    """The profile has what the user has, and no nulls."""
    me = call("GET /user/me", auth=call.sign_in()["access_token"]).json
    assert me["username"] == "alice"
    assert me["phone_number"] == PHONE
    assert me["status"] == "ACTIVE"
    assert me["created_at"] == me["last_login"] == "2023-11-14T22:13:20Z"
    assert None not in me.values()
    assert "email" not in me


@pytest.mark.parametrize("auth", [None, "right basic", "forged"])
def test_user_calls_need_a_live_bearer(call: Any, auth: str | None) -> None:
    """Without a live bearer there is no user."""
    for route in ("GET /user/me", "PATCH /user/password", "POST /user/signout"):
        assert call(route, auth=auth).error == (401, "unauthenticated", 16)


def test_password_change_logs_the_others_out(call: Any) -> None:
    """The old password dies at once, other sessions end, the changing one lives on."""
    here, there = call.sign_in(), call.sign_in()
    body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert call("PATCH /user/password", body, auth=here["access_token"]).json == {}
    assert call("GET /user/me", auth=there["access_token"]).status == 401
    assert call.refresh(there["refresh_token"]).status == 400
    assert call("GET /user/me", auth=here["access_token"]).status == 200
    assert call.refresh(here["refresh_token"]).status == 200
    assert call("POST /signin", {"username": "alice", "password": PASSWORD}).status == 400
    assert call.sign_in("alice", NEW_PASSWORD)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"old_password": "no", "new_password": "x"}, (400, "invalid_password", None)),
        ({"new_password": "x"}, (400, "invalid_argument", 3)),
        ({"old_password": PASSWORD}, (400, "invalid_argument", 3)),
        (
            {"old_password": PASSWORD, "new_password": "x", "confirm_password": "y"},
            (400, "invalid_argument", 3),
        ),
        (
            {"old_password": PASSWORD, "new_password": "x", "sudo_token": "forged"},
            (403, "permission_denied", 7),
        ),
    ],
)
def test_password_change_is_refused(
    call: Any, body: dict[str, Any], error: tuple[Any, ...]
) -> None:
    """A change that proves nothing changes nothing."""
    auth = call.sign_in()["access_token"]
    assert call("PATCH /user/password", body, auth=auth).error == error
    assert call.sign_in()


def test_sudo_replaces_the_old_password(call: Any) -> None:
    """A sudo_token works in query or body, and once."""
    auth = call.sign_in()["access_token"]
    sudo = call("POST /user/sudo", {"password": PASSWORD}, auth=auth).json
    assert sudo["expires_in"] == 900
    body = {"new_password": NEW_PASSWORD, "sudo_token": sudo["sudo_token"]}
    query = {"sudo_token": sudo["sudo_token"]}
    assert call("PATCH /user/password", body, auth=auth, query=query).status == 200
    assert call("PATCH /user/password", body, auth=auth).error[1] == "permission_denied"


def test_sudo_by_code(call: Any) -> None:
    """A code sent to the user's phone gives a sudo_token; one sent elsewhere does not."""
    auth = call.sign_in()["access_token"]
    body = {"verification_token": call.verified(phone_number="+86 13900000000")}
    assert call("POST /user/sudo", body, auth=auth).error == (400, "invalid_argument", 3)
    body = {"verification_token": call.verified(phone_number=PHONE)}
    assert call("POST /user/sudo", body, auth=auth).status == 200


def test_sudo_is_refused(call: Any) -> None:
    """Sudo takes exactly one proof, and the right one."""
    auth = call.sign_in()["access_token"]
    both = {"password": PASSWORD, "verification_token": "x"}
    for body in ({}, both):
        assert call("POST /user/sudo", body, auth=auth).error == (400, "invalid_argument", 3)
    wrong = call("POST /user/sudo", {"password": "no"}, auth=auth)
    assert wrong.error == (400, "invalid_password", None)
    anonymous = call("POST /signin-anonymously").json["access_token"]
    unset = call("POST /user/sudo", {"password": "x"}, auth=anonymous)
    assert unset.error == (400, "password_not_set", None)


def test_sudo_token_is_personal_and_short_lived(call: Any) -> None:
    """Another user's sudo_token is worth nothing, an old one neither."""
    call.emulator.add_user(username="bob", password="x")
    bob = call.sign_in("bob", "x")["access_token"]
    alice = call.sign_in()["access_token"]
    query = {"sudo_token": call("POST /user/sudo", {"password": "x"}, auth=bob).json["sudo_token"]}
    assert call("DELETE /user/me", auth=alice, query=query).error[1] == "permission_denied"
    call.emulator.clock.advance(900)
    assert call("DELETE /user/me", auth=bob, query=query).error[1] == "permission_denied"


def test_deletion_is_final(call: Any) -> None:
    """A deleted user has no session, no login, and may register again."""
    tokens = call.sign_in()
    assert call("DELETE /user/me", auth=tokens["access_token"]).json == {}
    assert call("GET /user/me", auth=tokens["access_token"]).status == 401
    assert call.refresh(tokens["refresh_token"]).status == 400
    assert call("POST /signin", {"username": "alice", "password": PASSWORD}).status == 404
    body = {"phone_number": PHONE, "verification_token": call.verified(phone_number=PHONE)}
    assert call("POST /signup", body).json["sub"] != tokens["sub"]


def test_deleted_anonymous_user_frees_the_device(call: Any) -> None:
    """After its anonymous user is gone, a device gets a new one."""
    old = call("POST /signin-anonymously").json
    call("DELETE /user/me", auth=old["access_token"])
    assert call("POST /signin-anonymously").json["sub"] != old["sub"]


def test_sign_out_forgives_age_only(call: Any) -> None:
    """An expired token still signs out; the session is over, and that token is dead."""
    tokens = call.sign_in()
    call.emulator.clock.advance(7200)
    answer = call("POST /user/signout", auth=tokens["access_token"])
    assert (answer.status, answer.json) == (200, {})
    assert call.refresh(tokens["refresh_token"]).status == 400
    assert call("POST /user/signout", auth=tokens["access_token"]).status == 401


@pytest.mark.parametrize("path", ["/user/providers", "/user/provider"])
def test_third_party_accounts(call: Any, path: str) -> None:
    """An account is bound once, listed, shown in the profile, and unbound."""
    auth = call.sign_in()["access_token"]
    assert call(f"GET {path}", auth=auth).json == {"total": 0, "data": []}
    body = {"provider_token": call.emulator.provider_token()}
    assert call(f"POST {path}/bind", body, auth=auth).json == {}
    listed = call(f"GET {path}", auth=auth).json
    assert listed["total"] == 1
    assert listed["data"][0]["id"] == "github"
    assert listed["data"][0]["bind"] is True
    assert call("GET /user/me", auth=auth).json["providers"][0]["id"] == "github"
    assert call(f"POST {path}/bind", body, auth=auth).error == (400, "invalid_grant", 4001)
    assert call(f"DELETE {path}/github", auth=auth).json == {}
    assert call(f"DELETE {path}/github", auth=auth).error == (404, "not_found", 5)


def test_account_of_another_user_is_not_bound(call: Any) -> None:
    """One third-party account has one user, and a provider_token lives an hour."""
    call.emulator.add_user(username="bob", password="x")
    alice, bob = call.sign_in()["access_token"], call.sign_in("bob", "x")["access_token"]
    mint = call.emulator.provider_token
    assert call("POST /user/providers/bind", {"provider_token": mint()}, auth=alice).status == 200
    taken = call("POST /user/providers/bind", {"provider_token": mint()}, auth=bob)
    assert taken.error == (400, "failed_precondition", 9)
    late = {"provider_token": mint("wx_open")}
    call.emulator.clock.advance(3600)
    assert call("POST /user/providers/bind", late, auth=bob).error[2] == 4001
