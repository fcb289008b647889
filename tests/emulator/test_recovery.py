"""Forgotten passwords, codes for oneself, and how often a code may be sent."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudbase_auth_async.testing import Emulator, ManualClock
from cloudbase_auth_async.testing._routes import ROUTES
from cloudbase_auth_async.testing._values import Request, answer

PHONE = "+86 13800000000"
NEW_PHONE = "+86 13900000000"
PASSWORD = "Passw0rd!"
BAD = (400, "invalid_argument", 3)
CONFLICT = (400, "failed_precondition", 9)


def test_reset_sets_a_new_password(call: Any) -> None:
    """A verified number is enough; every session ends, and the token is used up."""
    tokens = call.sign_in()
    body = {"phone_number": PHONE, "verification_token": call.verified(phone_number=PHONE)}
    body["new_password"] = "N3w-pass"
    assert call("POST /reset", body, auth=None).json == {}
    assert call.sign_in(password="N3w-pass")["sub"] == tokens["sub"]
    assert call("POST /signin", {"username": "alice", "password": PASSWORD}).status == 400
    assert call("GET /user/me", auth=tokens["access_token"]).status == 401
    assert call.refresh(tokens["refresh_token"]).error[1] == "invalid_grant"
    assert call("POST /reset", body, auth=None).error == BAD


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"phone_number": None}, "email or phone number is empty"),
        ({"email": "a@b.c"}, "email and phone number can not be set and same time"),
        ({"verification_token": None}, "verification required"),
        ({"phone_number": NEW_PHONE}, "phone or email does not match validation code"),
        ({"new_password": None}, "new_password is required"),
    ],
)
def test_reset_is_refused(call: Any, changes: dict[str, Any], description: str) -> None:
    """Each printed description comes word for word, and the token is not used up."""
    body = {"phone_number": PHONE, "verification_token": call.verified(phone_number=PHONE)}
    body["new_password"] = "new"
    refused = call("POST /reset", body | changes)
    assert refused.error == BAD
    assert refused.json["error_description"] == description
    assert call("POST /reset", body).status == 200


def test_reset_for_nobody(call: Any) -> None:
    """A verified address without a user has no password to reset."""
    token = call.verified(email="new@b.c")
    body = {"email": "new@b.c", "verification_token": token, "new_password": "new"}
    assert call("POST /reset", body).error == (404, "not_found", 5)


def test_weak_password_where_the_pages_rule(make: Any) -> None:
    """A documented-only service refuses a weak password, a primary-only has no such path."""
    call = make(dialect="documented")
    body = {"phone_number": PHONE, "verification_token": call.verified(phone_number=PHONE)}
    assert call("POST /reset", body | {"new_password": "weak"}).error == BAD
    assert call("POST /reset", body | {"new_password": "Str0ng-pass"}).status == 200
    assert make(dialect="primary")("POST /reset").status == 404


@pytest.mark.parametrize("more", [{}, {"username": "alice"}, {"username": PHONE}])
def test_code_signs_in_with_and_without_a_name(call: Any, more: dict[str, str]) -> None:
    """A verification_token is enough, and any of its owner's names may come along."""
    body = {"verification_token": call.verified(phone_number=PHONE)} | more
    tokens = call("POST /signin", body, auth=None).json
    assert call("GET /user/me", auth=tokens["access_token"]).json["username"] == "alice"
    assert call("POST /signin", body, auth=None).error == BAD


@pytest.mark.parametrize(("login", "exist"), [("alice", True), (PHONE, True), ("bob", False)])
def test_user_exists(call: Any, login: str, *, exist: bool) -> None:
    """Any login can be asked for, without a bearer."""
    answer = call("GET /checkIfUserExist", auth=None, query={"username": login})
    assert answer.json == {"exist": exist}


def test_user_exists_needs_a_name(call: Any) -> None:
    """Without a name the question is none."""
    assert call("GET /checkIfUserExist", auth=None).error == BAD


def test_impossible_user_name(call: Any) -> None:
    """A name nobody can have is an invalid argument, not an unknown user."""
    for name in ("x", "a" * 49, "-a", "张三"):
        assert call("POST /signin", {"username": name, "password": "x"}).error == BAD
    assert call("POST /signin", {"username": "a@b.c", "password": "x"}).error[1] == "not_found"


def test_code_for_oneself(call: Any) -> None:
    """CUR_USER wants the bearer and one's own address; other targets take a live bearer, too."""
    bearer = call.sign_in()["access_token"]
    body = {"phone_number": PHONE, "target": "CUR_USER"}
    assert call("POST /verification", body, auth=bearer).json["is_user"] is True
    assert call("POST /verification", body).error == (401, "unauthenticated", 16)
    assert call("POST /verification", body, auth="dead").error == (401, "unauthenticated", 16)
    other = body | {"phone_number": NEW_PHONE}
    assert call("POST /verification", other, auth=bearer).error == CONFLICT
    for target in ("ANY", "USER", None):
        sent = call("POST /verification", body | {"target": target}, auth=bearer)
        assert sent.json["is_user"] is True
        dead = call("POST /verification", body | {"target": target}, auth="dead")
        assert dead.error == (401, "unauthenticated", 16)


def test_code_for_oneself_is_not_primary(make: Any) -> None:
    """The primary contract knows neither the target nor the bearer."""
    call = make(dialect="primary")
    body = {"phone_number": PHONE, "target": "CUR_USER"}
    assert call("POST /verification", body).error == BAD
    bearer = call.sign_in()["access_token"]
    assert call("POST /verification", body, auth=bearer).status == 401


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"email_redirect_to": "https://app.example/x", "locale": "zh", "usage": "email"}, 200),
        ({"usage": "PASSWORD_RESET", "destination": "x"}, 200),
        ({"usage": "MISCHIEF"}, 400),
        ({"locale": 5}, 400),
        ({"email_redirect_to": "/x"}, 400),
        ({"email_redirect_to": "javascript://x/"}, 400),
        ({"email_redirect_to": "http://[x/"}, 400),
    ],
)
def test_extras_of_a_code(call: Any, more: dict[str, Any], status: int) -> None:
    """The documented extras are accepted, and looked at."""
    assert call("POST /verification", {"email": "a@b.c"} | more).status == status


def test_extras_depend_on_the_rest(call: Any, make: Any) -> None:
    """A link goes into a mail only, and the primary contract ignores what it does not know."""
    body = {"phone_number": PHONE, "email_redirect_to": "https://app.example/"}
    assert call("POST /verification", body).error == BAD
    assert make(dialect="primary")("POST /verification", body | {"usage": "x"}).status == 200


def test_codes_are_rationed(make: Any) -> None:
    """Told so, the service sends one code in that time to each destination."""
    call = make(code_interval_seconds=60)
    body = {"phone_number": PHONE}
    assert call("POST /verification", body).status == 200
    code = call.emulator.codes[PHONE]
    call.emulator.clock.advance(20.5)
    refused = call("POST /verification", body)
    assert refused.error == (429, "resource_exhausted", 8)
    assert ("Retry-After", "40") in refused.raw.headers
    assert "retry_after" not in refused.json
    assert call("POST /verification", {"email": "a@b.c"}).status == 200
    assert call.emulator.codes[PHONE] == code
    call.emulator.clock.advance(39.5)
    assert call("POST /verification", body).status == 200


async def test_ration_over_sockets(http: Any) -> None:
    """Over sockets the header arrives, and a refusal for another reason costs nothing."""
    async with Emulator(clock=ManualClock(), code_interval_seconds=60) as emulator:
        url = emulator.base_url + "/verification"
        user = {"email": "a@b.c", "target": "USER"}
        statuses = []
        for body in (user, {"email": "a@b.c"}, {"email": "a@b.c"}):
            async with http.post(url, json=body) as answer:
                statuses.append((answer.status, answer.headers.get("Retry-After")))
    assert statuses == [(400, None), (200, None), (429, "60")]


_SHARED = Emulator(clock=ManualClock(), algorithm="HS256")
_NAMES = st.sampled_from(
    (
        *("provider_token", "provider_code", "provider_id", "provider_params", "ticket", "token"),
        *("provider_trans_token", "sync_profile", "email", "phone_number", "new_password"),
        *("verification_token", "email_redirect_to", "usage", "with_user_center", "username"),
        *("key", "target"),
    )
)
_TEXTS = st.text(max_size=9) | st.sampled_from(["custom", "a@b.c", "github", "CUR_USER", "\ud800"])
_VALUES = _TEXTS | st.none() | st.booleans() | st.integers() | st.lists(_TEXTS, max_size=2)
_BODIES = st.dictionaries(_NAMES, _VALUES | st.dictionaries(_TEXTS, _VALUES, max_size=2))


@settings(max_examples=200, deadline=None)
@given(
    body=_BODIES,
    query=st.dictionaries(_NAMES | st.just("captcha_token"), _TEXTS, max_size=3),
    route=st.sampled_from(ROUTES),
)
def test_no_request_brings_the_service_down(
    body: dict[str, Any], query: dict[str, str], route: Any
) -> None:
    """Whatever comes in these fields, there is an answer and never an exception."""
    request = Request(
        method=route.method,
        path="/auth/v1" + route.template,
        query=query,
        headers=(("x-device-id", "d"),),
        body=answer(body).body,
    )
    assert _SHARED.answer(request).status < 500
