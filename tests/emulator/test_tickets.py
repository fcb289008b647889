"""Custom sign-in: which tickets the service believes."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudbase_auth_async.testing import Emulator, ManualClock, Request, _keys

NOW_MS = 1_700_000_000_000
BAD = (400, "invalid_argument", 3)
_EMULATOR = Emulator(clock=ManualClock())
_KEY = _EMULATOR.add_ticket_key()


def _payload(**changes: Any) -> dict[str, Any]:
    usual = {"alg": "RS256", "env": "demo-env", "iat": NOW_MS, "exp": NOW_MS + 600_000}
    return usual | {"uid": "user-1", "refresh": 3_600_000, "expire": NOW_MS} | changes


def ticket(key: dict[str, str], **changes: Any) -> str:
    """Make a ticket as the official server library does."""
    return f"{key['private_key_id']}/@@/{_signed(key, _payload(**changes))}"


def _signed(key: dict[str, str], payload: Any) -> str:
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return jwt.PyJWS().encode(text, key["private_key"], algorithm="RS256")


def _sign_in(call: Any, text: Any, provider_id: str = "custom") -> Any:
    return call("POST /signin/custom", {"provider_id": provider_id, "ticket": text}, auth=None)


def test_same_uid_is_the_same_user(call: Any) -> None:
    """A ticket signs in, with the lifetimes of the page, and one uid is one user."""
    key = call.emulator.add_ticket_key()
    assert key["env_id"] == "demo-env"
    first, again = (_sign_in(call, ticket(key)).json for _ in range(2))
    other = _sign_in(call, ticket(key, uid="user-2")).json
    assert first["sub"] == again["sub"] != other["sub"]
    assert first["expires_in"] == 7200
    assert call("GET /user/me", auth=first["access_token"]).json["sub"] == first["sub"]
    call.emulator.clock.advance(2_592_000 - 1)
    assert call.refresh(first["refresh_token"]).status == 200
    call.emulator.clock.advance(1)
    assert call.refresh(again["refresh_token"]).error[1] == "invalid_grant"


def test_deleted_user_comes_back_as_another(call: Any) -> None:
    """A uid whose user was deleted gets a new one."""
    key = call.emulator.add_ticket_key()
    tokens = _sign_in(call, ticket(key)).json
    call("DELETE /user/me", auth=tokens["access_token"])
    assert _sign_in(call, ticket(key)).json["sub"] != tokens["sub"]


def test_every_key_signs_and_a_reset_keeps_them(call: Any) -> None:
    """Two keys live beside each other, and they survive a reset."""
    keys = [call.emulator.add_ticket_key() for _ in range(2)]
    call.emulator.reset()
    assert [_sign_in(call, ticket(key)).status for key in keys] == [200, 200]
    crossed = ticket(keys[0]).replace(keys[0]["private_key_id"], keys[1]["private_key_id"])
    assert _sign_in(call, crossed).error == BAD


@pytest.mark.parametrize(
    "changes",
    [
        {"env": "other-env"},
        {"alg": "HS256"},
        {"iat": NOW_MS + 1},
        {"exp": NOW_MS},
        {"exp": NOW_MS + 600_001},
        {"iat": NOW_MS // 1000, "exp": NOW_MS // 1000 + 600},
        {"iat": None},
        {"exp": str(NOW_MS + 1000)},
        {"exp": True},
        {"exp": NOW_MS + 1000.5},
        {"uid": "abc"},
        {"uid": "x" * 33},
        {"uid": "user 1"},
        {"uid": "user-1\n"},
        {"uid": 12345},
    ],
)
def test_wrong_payloads(call: Any, changes: dict[str, Any]) -> None:
    """Times in seconds, foreign environments and impossible uids are refused."""
    key = call.emulator.add_ticket_key()
    assert _sign_in(call, ticket(key, **changes)).error == BAD
    assert _sign_in(call, ticket(key)).status == 200


@pytest.mark.parametrize("payload", [b"[]", b"{", b"\xff", b"[" * 100_000, b"null"])
def test_payload_must_be_an_object(call: Any, payload: bytes) -> None:
    """What is signed well but is no JSON object is refused."""
    key = call.emulator.add_ticket_key()
    text = f"{key['private_key_id']}/@@/{_signed(key, payload)}"
    assert _sign_in(call, text).error == BAD


def test_expired_ticket(call: Any) -> None:
    """A ticket is good for ten minutes, as often as one likes."""
    key = call.emulator.add_ticket_key()
    text = ticket(key)
    call.emulator.clock.advance(599)
    assert _sign_in(call, text).status == 200
    call.emulator.clock.advance(1)
    assert _sign_in(call, text).error == BAD


def test_only_custom_and_only_registered_keys(call: Any) -> None:
    """The provider is a constant, both fields are needed, unknown keys sign nothing."""
    key = call.emulator.add_ticket_key()
    assert _sign_in(call, ticket(key), provider_id="github").error == BAD
    assert _sign_in(call, "").error == BAD
    assert _sign_in(call, ticket(_KEY)).error == BAD
    assert call("POST /signin/custom", {"ticket": ticket(key)}).error == BAD
    no_key: Any = None
    none = jwt.encode(_payload(), no_key, algorithm="none")
    assert _sign_in(call, f"{key['private_key_id']}/@@/{none}").error == BAD


def test_without_cryptography_there_are_no_tickets(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `cryptography` the helper says what to install."""
    monkeypatch.setattr(_keys, "has_crypto", False)
    with pytest.raises(RuntimeError, match="pip install"):
        call.emulator.add_ticket_key()


@settings(max_examples=100, deadline=None)
@given(tail=st.text(max_size=60) | st.sampled_from(["a.b.c", "\ud800", "e30.e30.", "W10.W10.W10"]))
def test_no_ticket_brings_the_service_down(tail: str) -> None:
    """Whatever follows the key id, the answer is a refusal."""
    body = {"provider_id": "custom", "ticket": f"{_KEY['private_key_id']}/@@/{tail}"}
    path = "/auth/v1/signin/custom"
    request = Request(method="POST", path=path, body=json.dumps(body).encode())
    assert _EMULATOR.answer(request).status == 400


async def test_ticket_over_sockets(emulator: Emulator, http: Any) -> None:
    """Over sockets: a ticket signs in, and the journal does not show it."""
    key = emulator.add_ticket_key()
    body = {"provider_id": "custom", "ticket": ticket(key)}
    async with http.post(emulator.base_url + "/signin/custom", json=body) as answer:
        assert answer.status == 200
    async with http.get(emulator.origin + "/__emulator__/requests") as answer:
        assert ticket(key) not in await answer.text()
