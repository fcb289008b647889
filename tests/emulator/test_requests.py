"""Requests of every shape: the answer is JSON, whatever came."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudbase_auth_async.testing import Emulator, ManualClock, Request, _call, _routes, _values

_TEXTS = st.text(max_size=20) | st.sampled_from(["alice", "refresh_token", "+86 13800000000"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    [
        "username",
        "password",
        "grant_type",
        "refresh_token",
        "token",
        "phone_number",
        "email",
        "verification_id",
        "verification_code",
        "verification_token",
        "new_password",
        "old_password",
        "sudo_token",
        "provider_token",
        "target",
        "client_id",
        "anonymous_token",
        "confirm_password",
        "envId",
        "wxAppId",
        "qrCodeId",
        "provider_id",
    ]
)
_BODIES = (
    st.binary(max_size=40)
    | _JSON.map(json.dumps).map(str.encode)
    | st.dictionaries(_FIELDS, _JSON | _TEXTS, max_size=6).map(json.dumps).map(str.encode)
)
_PATHS = st.text(max_size=30) | st.sampled_from([route.template for route in _routes.ROUTES])
_AUTHORIZATIONS = st.sampled_from(["", "Basic ZGVtby1lbnY6ZGVtby1zZWNyZXQ=", "Bearer x"])


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"\xff", b"1" * 5000, b"[" * 100_000, b"null", b'{"username":NaN}'],
    ids=["cut", "list", "text", "no-utf8", "long-integer", "deep", "null", "nan"],
)
def test_malformed_bodies(call: Any, body: bytes) -> None:
    """A body that is no JSON object of texts is an invalid argument."""
    assert call("POST /signin", body).error == (400, "invalid_argument", 3)


def test_body_over_a_megabyte(call: Any) -> None:
    """A body over 1 MB is refused as too large."""
    assert call("POST /signin", b" " * 1_048_577).error == (413, "invalid_argument", 3)
    assert call("POST /signin", b" " * 1_048_576).error[0] == 400


def test_content_type_is_ignored(call: Any) -> None:
    """JSON is read under any content type, and white space alone is an empty object."""
    assert call("POST /signin-anonymously", b" \r\n").status == 200


def test_long_device_id_is_refused_everywhere(call: Any) -> None:
    """The limit of the device id holds on every path."""
    answer = call("GET /certs", device="x" * 72)
    assert answer.error == (400, "invalid_argument", 3)
    assert answer.json["error_description"] == "device id must less than 72"


def test_path_parts_are_decoded_one_by_one(call: Any) -> None:
    """An encoded slash belongs to a part and does not divide the path."""
    auth = call.sign_in()["access_token"]
    body = {"provider_token": call.emulator.provider_token("a/b")}
    call("POST /user/providers/bind", body, auth=auth)
    assert call("DELETE /user/providers/a%2Fb", auth=auth).status == 200
    assert call("DELETE /user/providers/", auth=auth).status == 404


def test_handler_without_its_guard() -> None:
    """A user handler that no guard has let through finds no user."""
    unguarded = _call.Call(
        request=Request(method="GET", path="/"), state=_SHARED._control.state, now=0
    )
    with pytest.raises(_values.Refused, match="unauthenticated"):
        _ = unguarded.session


def test_nothing_but_the_base_path_is_served(call: Any) -> None:
    """A path outside the base path is unknown."""
    answer = call.emulator.answer(Request(method="GET", path="/certs"))
    assert answer.status == 404


_SHARED = Emulator(clock=ManualClock(), algorithm="HS256")
_SHARED.add_user(username="alice", password="x", phone_number="+86 13800000000")


@st.composite
def _requests(draw: st.DrawFn) -> Request:
    headers = {"Authorization": draw(_AUTHORIZATIONS | st.text(max_size=20))}
    device = draw(st.none() | st.text(max_size=80))
    if device is not None:
        headers["x-device-id"] = device
    methods = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]) | st.text(max_size=8)
    return Request(
        method=draw(methods),
        path="/auth/v1" + draw(_PATHS),
        query=draw(st.dictionaries(_FIELDS, _TEXTS, max_size=3)),
        headers=tuple(headers.items()),
        body=draw(_BODIES),
    )


@settings(max_examples=400, deadline=None)
@given(request=_requests())
def test_every_request_has_a_json_answer(request: Request) -> None:
    """Arbitrary requests never raise, and every refusal has its error body."""
    answer = _SHARED.answer(request)
    parsed = json.loads(answer.body)
    assert isinstance(parsed, dict)
    assert answer.status < 500
    assert answer.status == 200 or {"error", "code"} & parsed.keys()


@settings(max_examples=400, deadline=None)
@given(body=_BODIES, route=st.sampled_from(_routes.ROUTES), signed_in=st.booleans())
def test_every_route_survives_every_body(
    body: bytes, route: _routes.Route, *, signed_in: bool
) -> None:
    """With the right credentials, no body brings a handler down."""
    tokens = _post("/signin", b'{"username":"alice","password":"x"}')
    bearer = f"Bearer {tokens.get('access_token', '')}"
    user_route = route.template.startswith("/user")
    answer = _SHARED.answer(
        Request(
            method=route.method,
            path="/auth/v1" + route.template,
            headers=(("Authorization", bearer),) if user_route or signed_in else (),
            body=body,
        )
    )
    assert answer.status < 500
    assert isinstance(json.loads(answer.body), dict)
    if tokens.get("access_token") is None:
        _SHARED.reset()
        _SHARED.add_user(username="alice", password="x", phone_number="+86 13800000000")


def _post(path: str, body: bytes) -> Any:
    request = Request(method="POST", path="/auth/v1" + path, body=body)
    return json.loads(_SHARED.answer(request).body)
