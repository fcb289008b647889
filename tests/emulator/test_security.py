"""Where a user is signed in: the history, ending sessions, signing out, the grace of a refresh."""

from typing import Any

import pytest

PASSWORD = "Passw0rd!"
BAD = (400, "invalid_argument", 3)
HISTORY = "GET /user/security/history"


def sign_in(call: Any, device: str) -> Any:
    """Sign alice in on a device."""
    return call("POST /signin", {"username": "alice", "password": PASSWORD}, device=device).json


def test_history(call: Any) -> None:
    """Each sign-in is there, the last one first, with its device."""
    sign_in(call, "phone")
    call.emulator.clock.advance(60)
    auth = sign_in(call, "laptop")["access_token"]
    call.emulator.add_user(username="bob", password="x")
    call.sign_in("bob", "x")
    answer = call(HISTORY, auth=auth, query={"query[action]": "USER_LOGIN"}).json
    assert answer["total"] == 2
    assert [item["device_id"] for item in answer["data"]] == ["laptop", "phone"]
    item = answer["data"][0]
    assert (item["ip"], item["client_id"]) == ("127.0.0.1", "demo-env")
    assert item["created_at"] == "2023-11-14T22:14:20Z"
    assert item.keys() > {"id", "user_agent", "meta"}
    other = call(HISTORY, auth=auth, query={"ne_query[action]": "USER_LOGIN"}).json
    assert other == {"total": 0, "data": []}


def test_history_in_pages(call: Any) -> None:
    """The pages hold each sign-in once, and the last one names no other."""
    for number in range(7):
        auth = sign_in(call, f"d{number}")["access_token"]
    seen: list[str] = []
    query = {"limit": "3"}
    for _ in range(3):
        page = call(HISTORY, auth=auth, query=query).json
        seen += [item["device_id"] for item in page["data"]]
        query["page_token"] = page.get("page_token", "")
    assert seen == [f"d{number}" for number in reversed(range(7))]
    assert query["page_token"] == ""


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "٣"},
        {"limit": "1" * 5000},
        {"page_token": "x"},
        {"page_token": "AAAA"},
        {"page_token": "é"},
        {"query[action]": "USER_LOGOUT"},
        {"ne_query[action]": ""},
    ],
)
def test_history_is_refused(call: Any, query: dict[str, str]) -> None:
    """A query the history cannot answer is an invalid argument."""
    assert call(HISTORY, auth=call.sign_in()["access_token"], query=query).error == BAD


def test_all_sessions_end(call: Any) -> None:
    """Revoking all ends every session of the user, the caller's too, and nobody else's."""
    here, there = sign_in(call, "a"), sign_in(call, "b")
    call.emulator.add_user(username="bob", password="x")
    bob = call.sign_in("bob", "x")
    assert call("DELETE /user/revoke/all", auth=here["access_token"]).json == {}
    for tokens in (here, there):
        assert call("GET /user/me", auth=tokens["access_token"]).status == 401
        assert call.refresh(tokens["refresh_token"]).error[1] == "invalid_grant"
    assert call("GET /user/me", auth=bob["access_token"]).status == 200


def test_sessions_of_a_device_end(call: Any) -> None:
    """Revoking a device ends its sessions, once, and no other session."""
    here, there = sign_in(call, "here"), sign_in(call, "far away/1")
    route = "DELETE /user/authorized/devices/far%20away%2F1"
    assert call(route, auth=here["access_token"]).json == {}
    assert call("GET /user/me", auth=there["access_token"]).status == 401
    assert call(route, auth=here["access_token"]).error == (404, "not_found", 5)
    assert call("GET /user/me", auth=here["access_token"]).status == 200


@pytest.mark.parametrize(
    ("body", "back"),
    [
        ({}, {}),
        ({"state": "s"}, {}),
        ({"redirect_uri": "https://a.example/x"}, {"redirect_uri": "https://a.example/x"}),
        (
            {"redirect_uri": "https://a.example/x?y=1#z", "state": "a b&c"},
            {"redirect_uri": "https://a.example/x?y=1&state=a+b%26c#z"},
        ),
    ],
)
def test_sign_out_leads_back(call: Any, body: Any, back: Any) -> None:
    """Sign-out answers where to go, the state in the query, even with an expired token."""
    auth = call.sign_in()["access_token"]
    call.emulator.clock.advance(7200)
    assert call("POST /user/signout", body, auth=auth).json == back
    assert call("POST /user/signout", auth=auth).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {"redirect_uri": "x"},
        {"redirect_uri": 1},
        {"state": 1},
        {"redirect_uri": "https://a.example/", "state": "\ud800"},
    ],
)
def test_refused_sign_out_leaves_the_session(call: Any, body: Any) -> None:
    """A wrong address or state is refused before anything ends."""
    auth = call.sign_in()["access_token"]
    assert call("POST /user/signout", body, auth=auth).error == BAD
    assert call("GET /user/me", auth=auth).status == 200


def test_grace(make: Any) -> None:
    """B4: within the grace a spent token gets the same pair again, and nothing is spent."""
    call = make(grace_seconds=10)
    old = call.sign_in()["refresh_token"]
    new = call.refresh(old).json
    call.emulator.clock.advance(9.9)
    assert call.refresh(old).json == new
    assert (call.emulator.spends, call.emulator.refresh_attempts) == (1, 2)
    assert call("GET /user/me", auth=new["access_token"]).status == 200
    newest = call.refresh(new["refresh_token"]).json
    assert newest["refresh_token"] != new["refresh_token"]
    assert call.refresh(old).json == new
    call.emulator.clock.advance(0.1)
    assert call.refresh(old).error == (400, "invalid_grant", None)
    assert call.refresh(newest["refresh_token"]).error[1] == "invalid_grant"
    assert (call.emulator.spends, call.emulator.refresh_attempts) == (2, 6)


@pytest.mark.parametrize("end", ["sign-out", "blocked", "deleted"])
def test_grace_ends_with_the_session(make: Any, end: str) -> None:
    """No grace brings an ended session back."""
    call = make(grace_seconds=10)
    old = call.sign_in()["refresh_token"]
    auth = call.refresh(old).json["access_token"]
    if end == "blocked":
        call.emulator._control.state.find("alice").status = "BLOCKED"
    else:
        call({"sign-out": "POST /user/signout", "deleted": "DELETE /user/me"}[end], auth=auth)
    assert call.refresh(old).error == (400, "invalid_grant", None)
