"""Where the captcha token is put: the documented header, the other contract's query."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors

SEND = "POST /verification"


def places(scene: Any) -> list[str]:
    """Return where each request of the route had its token."""
    found = []
    for entry in scene.sent():
        here = [
            *(["header"] if entry.header("x-captcha-token") else []),
            *(["query"] if "captcha_token" in entry.query else []),
        ]
        found.append("+".join(here) or "-")
    return found


@pytest.mark.parametrize("where", ["header", "query", "either"])
async def test_first_header_then_query(scene: Any, where: str) -> None:
    """The header first; where it is not seen, the same token in the query, and so from then on."""
    scene.demand(where=where)
    for _ in range(3):
        assert await scene.send()
    later = "query" if where == "query" else "header"
    first = ["-", "header", "query"] if where == "query" else ["-", "header"]
    assert places(scene) == [*first, "-", later, "-", later]
    assert len(set(scene.tokens)) == len(scene.person.shown) == 3


@pytest.mark.parametrize(("dialect", "place"), [("primary", "query"), ("documented", "header")])
async def test_pinned(kit: Any, dialect: str, place: str) -> None:
    """A pinned dialect has one place, and never tries the other."""
    async with kit.opened({"dialect": dialect}) as scene:
        scene.demand(where=place)
        assert await scene.send()
        assert places(scene) == ["-", place]
        scene.demand(where="query" if place == "header" else "header")
        assert isinstance(await kit.failure(scene.send()), errors.CaptchaRequired)
        assert places(scene)[2:] == ["-", place]


async def test_service_that_changes_its_mind(scene: Any) -> None:
    """What is remembered goes first, and the other place stays in reserve."""
    for where in ("query", "header", "query"):
        scene.demand(where=where)
        assert await scene.send()
    assert places(scene) == [
        *["-", "header", "query"],
        *["-", "query", "header"],
        *["-", "header", "query"],
    ]
    assert len(scene.person.shown) == 3


async def test_place_is_learnt_from_a_refusal(scene: Any, kit: Any) -> None:
    """A refusal that is not about the captcha says that it was seen: no wrong place twice."""
    scene.demand("POST /signin", after=100, where="query")
    await scene.wrong_passwords()
    for _ in range(2):
        error = await kit.failure(scene.auth.sign_in.password("alice", "wrong"))
        assert isinstance(error, errors.InvalidCredentials)
    with_token = [
        "header" if entry.header("x-captcha-token") else "query"
        for entry in scene.sent("POST /signin")
        if entry.header("x-captcha-token") or "captcha_token" in entry.query
    ]
    assert with_token == ["header", "query", "query"]
    assert len(scene.person.shown) == 2


async def test_nobody_sees_it(scene: Any, kit: Any) -> None:
    """A service that sees the token nowhere is told once in each place, and ends in its demand."""
    scene.demand()
    body = {"error": "captcha_required", "error_code": 4001}
    scene.emulator.faults.add(SEND, "status", status=400, body=body, times=None)
    error = await kit.failure(scene.send())
    assert isinstance(error, errors.CaptchaRequired)
    assert places(scene) == ["-", "header", "query"]
    assert len(scene.person.shown) == 1


@pytest.mark.parametrize("where", ["header", "query"])
async def test_explicit_token(scene: Any, kit: Any, where: str) -> None:
    """A call's own token goes first; where it is refused, the solver is asked (B36)."""
    scene.demand(where=where)
    picture = await scene.auth.captcha.create()
    key = scene.emulator.captchas[picture.token]
    token = (await scene.auth.captcha.verify(picture.token, key)).captcha_token
    assert await scene.send(captcha_token=token)
    assert not scene.person.shown
    assert "-" not in places(scene)
    assert await scene.send(captcha_token=token)
    assert len(scene.person.shown) == 1


async def test_explicit_token_without_a_solver(kit: Any) -> None:
    """Without one its refusal is raised, and the token is not in it."""
    async with kit.opened({"captcha": None}) as scene:
        scene.demand()
        error: Any = await kit.failure(scene.send(captcha_token="c4nary-token"))
        assert isinstance(error, errors.CaptchaInvalid)
        assert "c4nary" not in f"{error}{vars(error)}"


async def test_both_at_once(scene: Any) -> None:
    """Calls with tokens of their own need no turn: nobody waits for a dialog they do not need."""
    scene.demand()
    tokens = []
    for _ in range(5):
        picture = await scene.auth.captcha.create()
        key = scene.emulator.captchas[picture.token]
        tokens.append((await scene.auth.captcha.verify(picture.token, key)).captcha_token)
    await asyncio.gather(*(scene.send(captcha_token=token) for token in tokens))
    assert not scene.person.shown
    assert places(scene) == ["header"] * 5


async def test_special_characters(kit: Any) -> None:
    """In a URL the token is quoted."""
    async with kit.opened({"captcha": None, "dialect": "primary"}) as scene:
        scene.demand()
        await kit.failure(scene.send(captcha_token="a+b&c=d%"))
        assert scene.sent()[0].query["captcha_token"] == "a+b&c=d%"
