"""Answers as services write them: names of older clients, nothing in a field, too little."""

from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, DecodeError
from cloudbase_auth_async.testing import Emulator

TIMES = ("created_at", "updated_at", "password_updated_at", "last_login", "last_sign_in_at")


async def profile(emulator: Emulator, auth: AuthClient, kit: Any, told: dict[str, Any]) -> Any:
    """Return the profile that an answer is read as."""
    emulator.faults.add("GET /user/me", "status", status=200, body={"sub": "s"} | told)
    return await kit.held(auth).user.me()


async def event(emulator: Emulator, auth: AuthClient, kit: Any, told: dict[str, Any]) -> Any:
    """Return the security event that an answer is read as."""
    body = {"data": [{"id": "e"} | told]}
    emulator.faults.add("GET /user/security/history", "status", status=200, body=body)
    (read,) = (await kit.held(auth).user.security_history()).data
    return read


@pytest.mark.parametrize("nothing", ["", None])
async def test_no_time_is_no_time(
    nothing: Any, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """An empty text where a time should be says that there is none, as services in Go mean it."""
    me = await profile(emulator, auth, kit, dict.fromkeys(TIMES, nothing) | {"name": ""})
    assert [getattr(me, name) for name in TIMES] == [None] * len(TIMES)
    # Of a text it says what it says.
    assert (me.name, me.extra) == ("", {})
    told = await event(emulator, auth, kit, {"created_at": nothing, "ip": ""})
    assert (told.created_at, told.ip, told.extra) == (None, "", {})


@pytest.mark.parametrize("wrong", [" ", "0", "never", 0, False, [], {}], ids=repr)
async def test_other_words_are_no_time(
    wrong: Any, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """What is neither empty nor a time is an error that names its place."""
    error = await kit.failure(profile(emulator, auth, kit, {"last_login": wrong}))
    assert isinstance(error, DecodeError)
    assert (error.path, error.expected) == ("$.last_login", "an RFC 3339 time")
    error = await kit.failure(event(emulator, auth, kit, {"created_at": wrong}))
    assert isinstance(error, DecodeError)
    assert error.path == "$.data[0].created_at"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"hasPassword": True, "loginType": "EMAIL"}, (True, "EMAIL", {})),
        ({"has_password": False, "hasPassword": True}, (False, None, {"hasPassword": True})),
        ({"has_password": None, "hasPassword": False}, (False, None, {})),
        ({"hasPassword": None, "loginType": None}, (None, None, {})),
        ({}, (None, None, {})),
    ],
    ids=["theirs", "both", "one is null", "nulls", "neither"],
)
async def test_names_of_the_javascript_client(
    told: dict[str, Any], read: Any, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """What the JavaScript client reads under names of its own has its name here, too."""
    me = await profile(emulator, auth, kit, told)
    assert (me.has_password, me.login_type, dict(me.extra)) == read


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("loginType", 1, "a string"), ("hasPassword", "yes", "true or false"), ("hasPassword", 1, "")],
    ids=["a number", "a text", "one"],
)
async def test_wrong_types_are_named_as_they_came(  # noqa: PLR0917 - fixtures
    name: str, value: Any, expected: str, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """A wrong type under such a name is an error that names the field of the answer."""
    error = await kit.failure(profile(emulator, auth, kit, {name: value}))
    assert isinstance(error, DecodeError)
    assert error.path == f"$.{name}"
    assert expected in error.expected


@pytest.mark.parametrize("missing", ["device_code", "user_code", "verification_uri", "expires_in"])
async def test_a_device_has_something_to_show(
    missing: str, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """An answer that lacks what RFC 8628 demands is malformed, whatever other types allow."""
    told = {"device_code": "d", "user_code": "u", "expires_in": 60, "verification_uri": "https://x"}
    del told[missing]
    emulator.faults.add("POST /device/code", "status", status=200, body=told)
    error = await kit.failure(auth.device.authorize())
    assert isinstance(error, DecodeError)
