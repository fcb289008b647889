"""The control endpoints: what programs in other languages drive the emulator by."""

from typing import Any

import pytest

from cloudbase_auth_async.testing import Emulator

SIGN_IN = {"username": "alice", "password": "Passw0rd!"}


async def _control(
    http: Any, emulator: Emulator, route: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    method, _, name = route.partition(" ")
    url = f"{emulator.origin}/__emulator__/{name}"
    async with http.request(method, url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_codes(emulator: Emulator, http: Any) -> None:
    """The codes that were sent can be read."""
    body = {"email": "bob@example.com"}
    await http.post(emulator.base_url + "/verification", json=body)
    assert await _control(http, emulator, "GET codes") == (200, {"codes": dict(emulator.codes)})


async def test_requests_show_no_secret(emulator: Emulator, http: Any) -> None:
    """B23: the journal over HTTP masks passwords, tokens and codes."""
    url = emulator.base_url + "/signin?sudo_token=tok-1&client_id=demo-env"
    nested = SIGN_IN | {"more": [{"refresh_token": "tok-2"}], "verification_code": "123456"}
    async with http.post(url, json=nested) as answer:
        assert answer.status == 200
    _, shown = await _control(http, emulator, "GET requests")
    (entry,) = shown["requests"]
    assert entry["route"] == "POST /signin"
    assert entry["query"] == {"sudo_token": "***", "client_id": "demo-env"}
    assert entry["json"]["username"] == "alice"
    assert entry["status"] == 200
    for secret in ("Passw0rd!", "tok-1", "tok-2", "123456", "Basic"):
        assert secret not in str(shown)


async def test_users(emulator: Emulator, http: Any) -> None:
    """A user added over HTTP can sign in."""
    body = {"username": "bob", "password": "x", "email": None}
    status, added = await _control(http, emulator, "POST users", body)
    assert (status, len(added["sub"])) == (200, 19)
    async with http.post(emulator.base_url + "/signin", json=body) as answer:
        assert (await answer.json())["sub"] == added["sub"]


async def test_clock(emulator: Emulator, http: Any) -> None:
    """The clock can be moved."""
    before = emulator.clock.wall()
    assert await _control(http, emulator, "POST clock", {"advance": 60}) == (
        200,
        {"wall": before + 60},
    )
    assert (await _control(http, emulator, "POST clock"))[0] == 200


async def test_faults(emulator: Emulator, http: Any) -> None:
    """A fault can be written; the control endpoints themselves meet none."""
    fault = {"route": "*", "kind": "status", "status": 502, "times": 2}
    assert await _control(http, emulator, "POST faults", fault) == (200, {})
    assert (await _control(http, emulator, "GET codes"))[0] == 200
    async with http.get(emulator.base_url + "/certs") as answer:
        assert answer.status == 502


async def test_state(emulator: Emulator, http: Any) -> None:
    """Everything can be forgotten."""
    emulator.faults.add("*", "status", times=None)
    assert await _control(http, emulator, "DELETE state") == (200, {})
    async with http.post(emulator.base_url + "/signin", json=SIGN_IN) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("GET nothing", None, 404),
        ("POST codes", None, 405),
        ("POST users", {"username": 5}, 400),
        ("POST users", {"surname": "x"}, 400),
        ("POST users", {}, 400),
        ("POST users", ["alice"], 400),
        ("POST users", {"username": "alice"}, 400),
        ("POST clock", {"advance": -1}, 400),
        ("POST clock", {"advance": "soon"}, 400),
        ("POST clock", {"advance": [1]}, 400),
        ("POST clock", {"advance": 1e300}, 400),
        ("POST faults", {"route": "*", "kind": "explode"}, 400),
        ("POST faults", {"route": "*", "kind": ["hold"]}, 400),
        ("POST faults", {"route": "*", "kind": "status", "times": "many"}, 400),
        ("POST faults", {"kind": "status", "status": 99}, 400),
        ("POST faults", {"kind": "status", "headers": {"a": 1}}, 400),
        ("POST faults", {"kind": "status", "body": 7}, 400),
        ("POST faults", {"kind": "status", "content_type": "a\r\nb"}, 400),
        ("POST faults", {"self": 1}, 400),
    ],
)
async def test_mistakes(emulator: Emulator, http: Any, route: str, body: Any, status: int) -> None:
    """A mistake is told, as JSON, and breaks nothing."""
    assert (await _control(http, emulator, route, body))[0] == status
    async with http.get(emulator.base_url + "/certs") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.evil.example"}, 403),
        ({"Host": "[x"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "[::1]:80"}, 200),
    ],
)
async def test_web_pages_are_kept_out(
    emulator: Emulator, http: Any, headers: dict[str, str], status: int
) -> None:
    """Another site, or a name that was made to point here, gets nothing."""
    assert (await _control(http, emulator, "GET codes", **headers))[0] == status
