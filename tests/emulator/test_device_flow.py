"""The device flow: RFC 8628 as a client meets it, pending, too fast, too late, denied."""

from typing import Any

import pytest

URN = "urn:ietf:params:oauth:grant-type:device_code"


def start(call: Any, **fields: str) -> Any:
    """Start a device flow."""
    answer = call("POST /device/code", fields, auth=None)
    assert answer.status == 200, answer.json
    return answer.json


def poll(call: Any, started: Any, grant_type: str = URN) -> Any:
    """Ask once for the tokens."""
    body = {"grant_type": grant_type, "device_code": started["device_code"]}
    return call("POST /token", body, auth=None, device="tv")


def allow(call: Any, started: Any, **fields: Any) -> Any:
    """Let alice say yes."""
    body = {"user_code": started["user_code"]} | fields
    return call("POST /user/device/authorize", body, auth=call.sign_in()["access_token"])


@pytest.mark.parametrize("grant_type", [URN, "device_code"])
def test_from_start_to_tokens(call: Any, grant_type: str) -> None:
    """Pending until the user says yes, then tokens, once."""
    started = start(call)
    assert (started["expires_in"], started["interval"]) == (600, 5)
    assert started["verification_uri_complete"].endswith(
        f"/device?user_code={started['user_code']}"
    )
    assert poll(call, started, grant_type).error == (400, "authorization_pending", None)
    assert allow(call, started, state="x").json == {}
    call.emulator.clock.advance(5)
    tokens = poll(call, started, grant_type).json
    assert call("GET /user/me", auth=tokens["access_token"]).json["username"] == "alice"
    assert call.refresh(tokens["refresh_token"]).status == 200
    call.emulator.clock.advance(5)
    assert poll(call, started, grant_type).error == (400, "invalid_grant", None)


def test_polling_too_fast(call: Any) -> None:
    """B39: each early poll is told to slow down, and the interval grows for good."""
    started = start(call)
    clock = call.emulator.clock
    assert poll(call, started).error[1] == "authorization_pending"
    clock.advance(4.9)
    assert poll(call, started).error == (400, "slow_down", None)
    clock.advance(9.9)
    assert poll(call, started).error[1] == "slow_down"
    clock.advance(15)
    assert poll(call, started).error[1] == "authorization_pending"
    allow(call, started)
    clock.advance(14.9)
    assert poll(call, started).error[1] == "slow_down"
    clock.advance(20)
    assert poll(call, started).status == 200


def test_expired_code(call: Any) -> None:
    """A late poll is told so, a late user finds nothing, and in the end nobody remembers."""
    started = start(call)
    call.emulator.clock.advance(600)
    assert allow(call, started).error == (404, "not_found", 5)
    assert poll(call, started).error == (400, "expired_token", None)
    call.emulator.clock.advance(600)
    assert poll(call, started).error == (400, "invalid_grant", None)


def test_denied(call: Any) -> None:
    """A no of the user is told, and final."""
    started = start(call)
    call.emulator.deny_device(started["user_code"])
    for _ in range(2):
        assert poll(call, started).error == (400, "access_denied", None)
        call.emulator.clock.advance(5)
    assert allow(call, started).error[0] == 404
    with pytest.raises(ValueError, match="no device"):
        call.emulator.deny_device(started["user_code"])


def test_user_is_gone(call: Any) -> None:
    """A user who is deleted between their yes and the poll gives no tokens."""
    started = start(call)
    auth = call.sign_in()["access_token"]
    call("POST /user/device/authorize", {"user_code": started["user_code"]}, auth=auth)
    call("DELETE /user/me", auth=auth)
    assert poll(call, started).error == (400, "access_denied", None)


def test_scopes(call: Any) -> None:
    """The user may give less than the device asks for, not more, and not what they lack."""
    asked = start(call, scope="user")
    assert allow(call, asked, scope="sso").error == (400, "invalid_scope", None)
    assert allow(call, asked).json == {}
    assert poll(call, asked).json["scope"] == "user"
    less = start(call)
    assert allow(call, less, scope="sso").json == {}
    assert poll(call, less).json["scope"] == "sso"
    assert allow(call, start(call, scope="admin")).error[1] == "invalid_scope"


def test_code_belongs_to_a_client(make: Any) -> None:
    """The client comes from body, query, Basic or bearer; another one's code is unknown."""
    call = make(client_id="app")
    auth = call.sign_in
    assert start(call, client_id="app")
    body = {"grant_type": URN, "device_code": start(call, client_id="app")["device_code"]}
    assert call("POST /token", body, auth=None).error == (400, "invalid_grant", None)
    query = {"client_id": "app"}
    assert call("POST /token", body, auth=None, query=query).error[1] == "authorization_pending"
    named = call("POST /device/code", auth=None, query=query).json
    body = {"grant_type": URN, "device_code": named["device_code"]}
    assert call("POST /token", body, auth=None, query=query).error[1] == "authorization_pending"
    assert call("POST /device/code", {"client_id": "x"}, auth=None).error[1] == "invalid_client"
    signed_in = {"username": "alice", "password": "Passw0rd!"}
    auth = call("POST /signin", signed_in, auth=None, query=query).json["access_token"]
    body = {
        "grant_type": URN,
        "device_code": call("POST /device/code", auth=auth).json["device_code"],
    }
    assert call("POST /token", body, auth=None, query=query).error[1] == "authorization_pending"


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("POST /device/code", {"scope": 1}),
        ("POST /device/code", {"client_id": []}),
        ("POST /user/device/authorize", {}),
        ("POST /user/device/authorize", {"user_code": 12345678}),
        ("POST /user/device/authorize", {"user_code": "A", "state": {}}),
        ("POST /token", {"grant_type": URN}),
        ("POST /token", {"grant_type": URN, "device_code": True}),
    ],
)
def test_wrong_types(call: Any, route: str, body: Any) -> None:
    """A field that is missing or of the wrong type is an invalid argument."""
    auth = call.sign_in()["access_token"] if "/user" in route else None
    assert call(route, body, auth=auth).error == (400, "invalid_argument", 3)
