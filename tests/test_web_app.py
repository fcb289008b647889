"""The web app of the examples: its users stay signed in, whatever it goes through."""

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from cloudbase_auth_async.stores import FileStore
from cloudbase_auth_async.testing import Emulator, ManualClock

EXAMPLE = Path(__file__).parent.parent / "examples" / "web_app.py"
ALICE = {"username": "alice", "password": "Passw0rd!"}

Open = Callable[[], AbstractAsyncContextManager[str]]


def _make_app() -> Callable[..., web.Application]:
    spec = importlib.util.spec_from_file_location("web_app", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Callable[..., web.Application] = module.make_app
    return made


@pytest.fixture
def emulator() -> Emulator:
    """Return a service with alice, on a clock that stands still."""
    service = Emulator(clock=ManualClock(), algorithm="HS256")
    service.add_user(**ALICE)
    return service


@pytest.fixture
def open_app(emulator: Emulator, tmp_path: Path) -> Open:
    """Return a starter of app processes, as it were, that share a directory of sessions."""
    make_app = _make_app()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[str, None]:
        auth = emulator.memory_client(store=FileStore(tmp_path / "sessions"))

        async def send_code(request: web.Request) -> web.Response:
            await auth.verification.send(**dict(await request.post()))  # type: ignore[arg-type]
            return web.Response()

        app = make_app(auth)
        app.router.add_post("/code", send_code)  # as the reader would add one
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    return opened


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    """Return a client that keeps cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http


async def _me(browser: Any, origin: str) -> int:
    async with browser.get(origin + "/me") as answer:
        status: int = answer.status
        return status


async def test_requests_at_expiry(open_app: Open, browser: Any, emulator: Emulator) -> None:
    """Twenty requests each to two processes, with a dead token, cost one refresh (B2, B38)."""
    async with open_app() as one, open_app() as two:
        async with browser.post(one + "/sign-in", data=ALICE) as answer:
            assert answer.status == 200
        emulator.expire_access_token()
        asked = (_me(browser, origin) for origin in (one, two) for _ in range(20))
        assert set(await asyncio.gather(*asked)) == {200}
    emulator.assert_spends(1)


async def test_nonsense(open_app: Open, browser: Any) -> None:
    """A missing field is a bad request, a cookie that nobody gave signs nobody in."""
    async with open_app() as origin:
        async with browser.post(origin + "/sign-in", data={"username": "alice"}) as answer:
            assert answer.status == 400
        assert await _me(browser, origin) == 401
        browser.cookie_jar.update_cookies({"session": "nobody's"}, URL(origin))
        assert await _me(browser, origin) == 401


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/code", {"email": "alice.example.com"}),
        ("/code", {"email": ""}),
        ("/code", {"phone_number": "13800000000"}),
        ("/sign-in", {"username": "", "password": "Passw0rd!"}),
    ],
    ids=["no @", "no address", "no country", "no name"],
)
async def test_mistyped(
    open_app: Open, browser: Any, emulator: Emulator, path: str, typed: dict[str, str]
) -> None:
    """What a person mistypes is a bad request, and no outage to come back after (B18)."""
    async with open_app() as origin, browser.post(origin + path, data=typed) as answer:
        assert (answer.status, answer.headers.get("Retry-After")) == (400, None)
        assert await answer.text() == "check what you typed"
    assert emulator.journal == []


async def test_ended_at_the_service(open_app: Open, browser: Any, emulator: Emulator) -> None:
    """A session that the service ended is dropped, and its user asked to sign in."""
    async with open_app() as origin:
        async with browser.post(origin + "/sign-in", data=ALICE) as answer:
            assert answer.status == 200
        emulator.time_travel(40 * 86_400)
        assert [await _me(browser, origin) for _ in range(2)] == [401, 401]
    assert emulator.refresh_attempts == 1


async def test_restart(open_app: Open, browser: Any, emulator: Emulator) -> None:
    """A restart of the app signs nobody out."""
    async with open_app() as origin, browser.post(origin + "/sign-in", data=ALICE) as answer:
        assert answer.status == 200
    emulator.expire_access_token()
    async with open_app() as origin:
        assert await _me(browser, origin) == 200
    emulator.assert_spends(1)


async def test_sign_out_and_wrong_password(open_app: Open, browser: Any) -> None:
    """Signed out of one process is signed out of the other; a wrong password is refused."""
    async with open_app() as one, open_app() as two:
        async with browser.post(one + "/sign-in", data=ALICE | {"password": "wrong"}) as answer:
            assert answer.status == 401
        async with browser.post(one + "/sign-in", data=ALICE) as answer:
            assert answer.status == 200
        cookie = answer.cookies["session"].value
        assert await _me(browser, two) == 200
        async with browser.post(one + "/sign-out") as answer:
            assert answer.status == 200
        browser.cookie_jar.update_cookies({"session": cookie}, URL(two))
        assert await _me(browser, two) == 401


SLOW = {"Retry-After": "90"}
REFUSED: dict[str, tuple[dict[str, Any], int, str | None]] = {
    "a captcha": ({"body": {"error": "captcha_required"}, "status": 400}, 429, None),
    "too many attempts": ({"body": {"error": "invalid_status"}, "status": 400}, 429, None),
    "too many requests": ({"status": 429, "headers": SLOW}, 429, "90"),
    "an outage": ({"status": 500}, 503, None),
    "an outage with an end": ({"status": 503, "headers": SLOW}, 503, "90"),
    "no JSON": ({"status": 200, "body": "<html>"}, 503, None),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_the_service_refuses(
    open_app: Open, browser: Any, emulator: Emulator, case: str
) -> None:
    """Whoever cannot sign in through no fault of theirs is told when to come back (B18)."""
    answered, status, wait = REFUSED[case]
    emulator.faults.add("POST /signin", "status", times=None, **answered)
    async with open_app() as origin:
        async with browser.post(origin + "/sign-in", data=ALICE) as answer:
            assert (answer.status, answer.headers.get("Retry-After")) == (status, wait)
            assert answer.content_type == "text/plain"
            assert await answer.text()
        emulator.faults.clear()
        async with browser.post(origin + "/sign-in", data=ALICE) as answer:
            assert answer.status == 200


async def test_the_service_is_away(open_app: Open, browser: Any, emulator: Emulator) -> None:
    """An outage signs nobody out: who is signed in is told to come back (B19)."""
    async with open_app() as origin:
        async with browser.post(origin + "/sign-in", data=ALICE) as answer:
            assert answer.status == 200
        emulator.faults.add("GET /user/me", "drop_before", times=None)
        assert await _me(browser, origin) == 503
        emulator.faults.clear()
        assert await _me(browser, origin) == 200
