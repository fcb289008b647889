"""Captchas: who has to solve one, what the picture is, and how long its answer lasts."""

import asyncio
import base64
from typing import Any

import pytest

from cloudbase_auth_async.testing import Emulator, Request, _captcha_picture

PASSWORD = "Passw0rd!"
PHONE = "+86 13800000000"
WRONG = {"username": "alice", "password": "no"}
RIGHT = {"username": "alice", "password": PASSWORD}
REQUIRED = (400, "captcha_required", 4001)
INVALID = (400, "captcha_invalid", 4002)
SEND = ("POST /verification", {"phone_number": PHONE})


def solved(call: Any, **options: Any) -> str:
    """Get a picture, read it and return the captcha_token."""
    picture = call("POST /captcha/data", **options).json
    body = {"token": picture["token"], "key": call.emulator.captchas[picture["token"]]}
    answer = call("POST /captcha/data/verify", body, **options)
    assert answer.json["expires_in"] == 600
    token: str = answer.json["captcha_token"]
    return token


def _pixels(data: bytes) -> list[int]:
    """Read a GIF's pixels: codes of three bits, as long as its table stays empty."""
    at = data.index(b",") + 11
    stream = b""
    while length := data[at]:
        stream += data[at + 1 : at + 1 + length]
        at += 1 + length
    assert data[at:] == b"\x00;"
    bits = int.from_bytes(stream, "little")
    codes = [bits >> shift & 7 for shift in range(0, len(stream) * 8 - 2, 3)]
    body = codes[: codes.index(5)]
    assert all(code == 4 for code in body[::3])
    return [code for code in body if code != 4]


def test_picture_is_a_gif(call: Any) -> None:
    """The picture is a data URI with a GIF in it, of four digits, for 300 seconds."""
    picture = call("POST /captcha/data", {"state": "s", "redirect_uri": ""}).json
    assert picture["type"] == "image"
    assert picture["expires_in"] == 300
    kind, _, encoded = picture["data"].partition(",")
    assert kind == "data:image/gif;base64"
    data = base64.b64decode(encoded, validate=True)
    assert data.startswith(b"GIF89a\x44\x00\x1c\x00")
    assert set(_pixels(data)) == {0, 1}
    assert len(_pixels(data)) == 68 * 28
    assert call.emulator.captchas[picture["token"]].isdigit()


def test_picture_shows_its_digits() -> None:
    """Each digit looks different, and the one is a narrow column."""
    pictures = {_captcha_picture.data_uri(str(digit)) for digit in range(10)}
    assert len(pictures) == 10
    data = base64.b64decode(_captcha_picture.data_uri("1").partition(",")[2])
    rows = [_pixels(data)[start : start + 20 : 4] for start in range(0, 20 * 28, 80)]
    assert rows[1:6] == [
        [0, 0, 1, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
    ]


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("POST /captcha/data", {"state": 5}),
        ("POST /captcha/data/verify", {"token": "x"}),
        ("POST /captcha/data/verify", {"key": "x"}),
        ("POST /captcha/data/verify", {"token": "x", "key": 1234}),
    ],
)
def test_fields_are_checked(call: Any, route: str, body: Any) -> None:
    """Missing fields and wrong types are invalid arguments."""
    assert call(route, body).error == (400, "invalid_argument", 3)


def test_one_answer_for_each_picture(call: Any) -> None:
    """A wrong answer uses the picture up, and so does a right one."""
    token = call("POST /captcha/data").json["token"]
    key = call.emulator.captchas[token]
    for guess in ("no", key):
        answer = call("POST /captcha/data/verify", {"token": token, "key": guess})
        assert answer.error == INVALID
    token = call("POST /captcha/data").json["token"]
    body = {"token": token, "key": call.emulator.captchas[token]}
    assert call("POST /captcha/data/verify", body).status == 200
    assert call("POST /captcha/data/verify", body).error == INVALID
    assert not call.emulator.captchas


def test_picture_and_token_expire(call: Any) -> None:
    """A picture waits 300 seconds for its answer, a captcha_token 600 for its use."""
    token = call("POST /captcha/data").json["token"]
    body = {"token": token, "key": call.emulator.captchas[token]}
    call.emulator.clock.advance(300)
    assert call("POST /captcha/data/verify", body).error == INVALID
    captcha = solved(call)
    call.emulator.clock.advance(600)
    assert call(*SEND, query={"captcha_token": captcha}).error == INVALID


def test_captcha_belongs_to_its_client(make: Any) -> None:
    """Picture and captcha_token are worth nothing to another client."""
    call = make(client_id="app")
    other = {"auth": None, "query": {"client_id": "demo-env"}}
    ours = {"auth": None, "query": {"client_id": "app"}}
    picture = call("POST /captcha/data", **ours).json
    body = {"token": picture["token"], "key": call.emulator.captchas[picture["token"]]}
    assert call("POST /captcha/data/verify", body, **other).error == INVALID
    token = call("POST /captcha/data/verify", body, **ours).json["captcha_token"]
    sent = call(*SEND, auth=None, query={"client_id": "demo-env", "captcha_token": token})
    assert sent.error == INVALID
    sent = call(*SEND, auth=None, query={"client_id": "app", "captcha_token": token})
    assert sent.status == 200


@pytest.mark.parametrize("route", ["POST /signin", "POST /token"])
def test_five_wrong_passwords_cost_a_captcha(call: Any, route: str) -> None:
    """After five wrong passwords no password counts without a captcha, until a right one does."""
    grant = {"grant_type": "password"}
    logins = ["alice", PHONE, "alice", PHONE, "alice"]
    for login in logins:
        error = call(route, grant | WRONG | {"username": login}).error
        assert error == (400, "invalid_username_or_password", 4043)
    assert call(route, grant | RIGHT).error == REQUIRED
    assert call(route, grant | RIGHT).json["error_description"] == "captcha_token required"
    query = {"captcha_token": solved(call)}
    assert call(route, grant | WRONG, query=query).error[1] == "invalid_username_or_password"
    assert call(route, grant | RIGHT, query=query).error == INVALID
    assert call(route, grant | RIGHT).error == REQUIRED
    assert call(route, grant | RIGHT, query={"captcha_token": solved(call)}).status == 200
    assert call(route, grant | RIGHT).status == 200


def test_right_password_starts_the_count_anew(call: Any) -> None:
    """Only wrong passwords in a row count, and each user has a count of their own."""
    call.emulator.add_user(username="bob", password="x")
    for _ in range(3):
        for _ in range(4):
            call("POST /signin", WRONG)
        call.sign_in()
    for _ in range(5):
        call("POST /signin", WRONG)
    assert call("POST /signin", {"username": "bob", "password": "x"}).status == 200
    assert call("POST /signin", RIGHT).error == REQUIRED


def test_primary_contract_knows_no_captcha(make: Any) -> None:
    """Where only the primary contract is spoken, wrong passwords cost nothing more."""
    call = make(dialect="primary")
    for _ in range(6):
        call("POST /signin", WRONG)
    assert call("POST /signin", RIGHT).status == 200
    assert call("POST /captcha/data").status == 404


def test_header_and_query_are_accepted(call: Any) -> None:
    """A captcha_token is taken from the header too, once."""
    call.emulator.require_captcha("GET /certs")
    assert call("GET /certs").error == REQUIRED
    token = solved(call)
    request = Request(method="GET", path="/auth/v1/certs", headers=(("X-Captcha-Token", token),))
    assert call.emulator.answer(request).status == 200
    assert call.emulator.answer(request).status == 400


def test_any_route_can_demand_one(call: Any) -> None:
    """A test chooses a route and how many calls pass first."""
    call.emulator.require_captcha("POST /verification", after=2)
    statuses = [call(*SEND).status for _ in range(4)]
    assert statuses == [200, 200, 400, 400]
    assert call(*SEND).error == REQUIRED
    assert call(*SEND, query={"captcha_token": solved(call)}).status == 200
    assert call(*SEND).error == REQUIRED
    call.emulator.reset()
    assert call(*SEND).status == 200


@pytest.mark.parametrize("where", ["header", "query", "either"])
def test_place_of_the_token(call: Any, where: Any) -> None:
    """A service that looks in one place neither checks nor uses up what is in the other."""
    call.emulator.require_captcha("GET /certs", where=where)
    for place in ("query", "header", "query", "header"):
        token = solved(call)
        query = {"captcha_token": token} if place == "query" else {}
        headers = (("X-Captcha-Token", token),) if place == "header" else ()
        request = Request(method="GET", path="/auth/v1/certs", query=query, headers=headers)
        seen = where in (place, "either")
        assert call.emulator.answer(request).status == (200 if seen else 400)
        again = call(*SEND, query={"captcha_token": token})
        assert again.status == (400 if seen else 200)


def test_place_before_the_demand(call: Any) -> None:
    """The place counts as soon as it is told, also for calls that still pass without a token."""
    call.emulator.require_captcha("POST /verification", after=1, where="header")
    token = solved(call)
    assert call(*SEND, query={"captcha_token": token}).status == 200
    assert call(*SEND, query={"captcha_token": token}).error == REQUIRED
    call.emulator.require_captcha("POST /verification", where="query")
    assert call(*SEND, query={"captcha_token": token}).status == 200


async def test_place_over_http(emulator: Emulator, http: Any) -> None:
    """The control endpoint takes it, too, and nothing else in its stead."""
    url = f"{emulator.origin}/__emulator__/captchas"
    body = {"route": "GET /certs", "where": "header"}
    async with http.post(url, json=body) as answer:
        assert answer.status == 200
    async with http.post(url, json=body | {"where": "body"}) as answer:
        assert answer.status == 400
    async with http.get(f"{emulator.base_url}/certs?captcha_token=x") as answer:
        assert (await answer.json())["error"] == "captcha_required"


def test_demands_are_checked(call: Any) -> None:
    """A route must exist, a count is not negative, and there are two places."""
    with pytest.raises(ValueError, match="there is no"):
        call.emulator.require_captcha("POST /nowhere")
    with pytest.raises(ValueError, match="negative"):
        call.emulator.require_captcha("POST /token", after=-1)
    with pytest.raises(ValueError, match="header, query or either"):
        call.emulator.require_captcha("POST /token", where="body")


def test_unasked_captcha_is_used_up(call: Any) -> None:
    """A captcha_token that nobody asked for is spent all the same, a dead one refused."""
    query = {"captcha_token": solved(call)}
    assert call(*SEND, query=query).status == 200
    assert call(*SEND, query=query).error == INVALID
    tokens = call.sign_in()
    dead = call("GET /user/me", auth=tokens["access_token"], query=query)
    assert dead.error == INVALID
    assert call(*SEND, query={"captcha_token": ""}).status == 200


def test_captcha_until_expiry(make: Any) -> None:
    """Told so, a captcha_token works again and again, for its own client, until it expires."""
    call = make(captcha_tokens="until_expiry", client_id="app")
    call.emulator.require_captcha("POST /verification")
    ours = {"auth": None, "query": {"client_id": "app"}}
    query = {"captcha_token": solved(call, **ours), "client_id": "app"}
    call.emulator.clock.advance(599)
    assert [call(*SEND, auth=None, query=query).status for _ in range(3)] == [200, 200, 200]
    other = call(*SEND, auth=None, query=query | {"client_id": "demo-env"})
    assert other.error == INVALID
    assert call(*SEND, auth=None, query={"client_id": "app"}).error == REQUIRED
    call.emulator.clock.advance(1)
    assert call(*SEND, auth=None, query=query).error == INVALID


def test_kept_captcha_after_wrong_passwords(make: Any) -> None:
    """Told so, one captcha_token sees a user through every later round of wrong guesses."""
    call = make(captcha_tokens="until_expiry")
    query = {"captcha_token": solved(call)}
    for _ in range(2):
        for _ in range(5):
            call("POST /signin", WRONG)
        assert call("POST /signin", RIGHT).error == REQUIRED
        assert call("POST /signin", RIGHT, query=query).status == 200


async def test_one_captcha_lets_one_of_many_in(emulator: Emulator, http: Any) -> None:
    """Over sockets: of fifty calls with one captcha_token, one passes."""
    emulator.require_captcha("POST /verification")

    async def post(path: str, body: Any, **query: str) -> tuple[int, Any]:
        async with http.post(emulator.base_url + path, json=body, params=query) as answer:
            return answer.status, await answer.json()

    _, picture = await post("/captcha/data", {})
    body = {"token": picture["token"], "key": emulator.captchas[picture["token"]]}
    verified = await asyncio.gather(*(post("/captcha/data/verify", body) for _ in range(20)))
    (token,) = (answer["captcha_token"] for status, answer in verified if status == 200)
    answers = await asyncio.gather(
        *(post("/verification", {"email": "a@b.c"}, captcha_token=token) for _ in range(50))
    )
    assert sorted(status for status, _ in answers) == [200] + [400] * 49
