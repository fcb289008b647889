"""The emulator on real sockets: concurrency, listening, closing, what goes over the wire."""

import asyncio
import email.utils
import gc
import io
import json
import logging
import tracemalloc
import warnings
from typing import Any

import aiohttp
import jwt
import pytest

from cloudbase_auth_async.testing import Emulator, ManualClock

SIGN_IN = {"username": "alice", "password": "Passw0rd!"}


async def _post(http: Any, emulator: Emulator, path: str, body: Any) -> tuple[int, Any]:
    async with http.post(emulator.base_url + path, json=body) as answer:
        return answer.status, await answer.json()


async def _tokens(http: Any, emulator: Emulator) -> Any:
    return (await _post(http, emulator, "/signin", SIGN_IN))[1]


async def test_whole_life_of_a_session(emulator: Emulator, http: Any) -> None:
    """Over sockets: sign in, look, refresh, look again, sign out."""
    tokens = await _tokens(http, emulator)
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    _, tokens = await _post(http, emulator, "/token", body)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    async with http.get(emulator.base_url + "/user/me", headers=headers) as answer:
        assert (await answer.json())["username"] == "alice"
    async with http.post(emulator.base_url + "/user/signout", headers=headers) as answer:
        assert await answer.json() == {}
    async with http.get(emulator.base_url + "/user/me", headers=headers) as answer:
        assert answer.status == 401
    assert emulator.spends == 1


async def test_one_of_two_hundred_wins(emulator: Emulator, http: Any) -> None:
    """B35: however many present a refresh token at once, it is exchanged once."""
    tokens = await _tokens(http, emulator)
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answers = await asyncio.gather(*(_post(http, emulator, "/token", body) for _ in range(200)))
    assert sorted(status for status, _ in answers) == [200] + [400] * 199
    assert (emulator.spends, emulator.refresh_attempts) == (1, 200)


async def test_two_hundred_users(http: Any) -> None:
    """Two hundred clients sign in at once, and each gets its own user."""
    async with Emulator(algorithm="HS256") as emulator:
        users = [emulator.add_user(username=f"u{n}", password="x") for n in range(200)]
        answers = await asyncio.gather(
            *(
                _post(http, emulator, "/signin", {"username": f"u{n}", "password": "x"})
                for n in range(200)
            )
        )
    assert [body["sub"] for _, body in answers] == [user.sub for user in users]


async def test_refusal_over_the_wire(emulator: Emulator, http: Any) -> None:
    """A refusal is JSON over the wire too, and so is a route that is not there."""
    assert (await _post(http, emulator, "/signin", {}))[0] == 400
    status, body = await _post(http, emulator, "/nowhere", {})
    assert (status, body["code"]) == (404, 5)


async def test_large_upload(emulator: Emulator, http: Any) -> None:
    """A body over 1 MB is answered with 413, and the next request is served."""
    large = io.BytesIO(b'{"username": "' + b"x" * 3_000_000 + b'"}')
    async with http.post(emulator.base_url + "/signin", data=large) as answer:
        status, body = answer.status, await answer.json()
    assert (status, body["error"]) == (413, "invalid_argument")
    assert (await _post(http, emulator, "/signin", SIGN_IN))[0] == 200


async def _fifty_megabytes(emulator: Emulator, *, chunked: bool) -> bytes:
    """Send 50 MB, a piece at a time, and return what comes back until the connection closes."""
    port = int(emulator.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {800 * 65_536}"
    head = f"POST /auth/v1/signin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}\r\n\r\n"
    writer.write(head.encode())
    piece = b"x" * 65_536
    for _ in range(800):
        writer.write(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
        await writer.drain()
    writer.write(b"0\r\n\r\n" if chunked else b"")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
async def test_fifty_megabytes(emulator: Emulator, http: Any, *, chunked: bool) -> None:
    """50 MB are taken in and answered with 413, never held in memory, and others are served."""
    tracemalloc.start()
    try:
        answer = await _fifty_megabytes(emulator, chunked=chunked)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["error"] == "invalid_argument"
    assert peak < 8_000_000
    assert [(entry.route, entry.status) for entry in emulator.journal] == [("POST /signin", 413)]
    assert (await _post(http, emulator, "/signin", SIGN_IN))[0] == 200


async def test_broken_upload(
    emulator: Emulator, http: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Who hangs up in the middle of a body, or garbles it, harms nobody and logs nothing."""
    port = int(emulator.origin.rpartition(":")[2])
    head = b"POST /auth/v1/signin HTTP/1.1\r\nHost: x\r\n"
    for rest in (
        b"Content-Length: 100\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"\x00garbage\r\n\r\n",
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + rest)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()
    assert (await _post(http, emulator, "/signin", SIGN_IN))[0] == 200
    assert caplog.records == []


async def test_own_mistakes_are_logged(
    emulator: Emulator,
    http: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mistake of the emulator itself is not hidden."""
    monkeypatch.setattr(emulator._control.clock, "_start", "no time", raising=True)
    async with http.post(emulator.base_url + "/signin") as answer:
        assert answer.status == 500
    assert [record.name for record in caplog.records] == ["cloudbase_auth_async.testing"]


async def test_date_follows_the_clock(http: Any) -> None:
    """The Date header shows the emulator's time, off by the skew it was told."""
    clock = ManualClock()
    async with Emulator(clock=clock, date_skew_seconds=-3600) as emulator:
        clock.advance(100)
        async with http.get(emulator.base_url + "/certs") as answer:
            shown = email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert shown.timestamp() == clock.wall() - 3600


async def test_issuer_is_the_host(emulator: Emulator, http: Any) -> None:
    """The issuer is the origin the client spoke to."""
    token = (await _tokens(http, emulator))["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == emulator.origin


async def test_connection_refused_and_back(emulator: Emulator) -> None:
    """While it does not listen, connections are refused; then it is back on the same port."""
    base_url = emulator.base_url
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as http:
        async with http.get(base_url + "/certs") as answer:
            assert answer.status == 200
        await emulator.stop_listening()
        await emulator.stop_listening()
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(base_url + "/certs")
        await emulator.start_listening()
        await emulator.start_listening()
        async with http.get(base_url + "/certs") as answer:
            assert answer.status == 200
    assert emulator.base_url == base_url


async def test_leaving_while_not_listening(http: Any) -> None:
    """An emulator that does not listen closes like any other."""
    async with Emulator() as emulator:
        await emulator.stop_listening()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.origin


async def test_request_under_way_survives_deafness(emulator: Emulator, http: Any) -> None:
    """A request that is being handled when listening stops is answered."""
    fault = emulator.faults.add("GET /certs", "hold")
    waiting = asyncio.create_task(http.get(emulator.base_url + "/certs"))
    await fault.arrived
    await emulator.stop_listening()
    fault.release()
    async with await waiting as answer:
        assert answer.status == 200


async def test_nothing_is_left_behind(kept_port: int) -> None:
    """After `async with` there is no task, no warning, and the port is free."""
    before = asyncio.all_tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Emulator(port=kept_port) as emulator, aiohttp.ClientSession() as http:
            for _ in range(2):
                async with http.get(emulator.base_url + "/certs") as answer:
                    assert answer.status == 200
            reader, writer = await asyncio.open_connection("127.0.0.1", kept_port)
        assert asyncio.all_tasks() == before
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        gc.collect()
        async with Emulator(port=kept_port):
            pass


async def test_closing_twice() -> None:
    """What is closed, or was never open, may be closed again."""
    emulator = Emulator()
    await emulator.__aexit__(None, None, None)
    async with emulator:
        pass
    await emulator.__aexit__(None, None, None)


async def test_port_in_use(emulator: Emulator) -> None:
    """A port that is taken is an OSError, and nothing is left open."""
    other = Emulator(port=int(emulator.origin.rpartition(":")[2]))
    with pytest.raises(OSError, match=r"in use"):
        await other.__aenter__()


async def test_ipv6_and_names(http: Any) -> None:
    """Other ways to write loopback will do."""
    for host, shown in (("::1", "http://[::1]:"), ("localhost", "http://localhost:")):
        async with Emulator(host=host) as emulator:
            assert emulator.origin.startswith(shown)
            async with http.get(emulator.base_url + "/certs") as answer:
                assert answer.status == 200


async def test_codes_are_handed_on(http: Any) -> None:
    """Each code is shown once, to who asked for it."""
    shown: list[tuple[str, str]] = []
    async with Emulator(on_code=lambda *sent: shown.append(sent)) as emulator:
        body = {"email": "bob@example.com"}
        await _post(http, emulator, "/verification", body)
        await _post(http, emulator, "/signin", SIGN_IN)
        assert shown == list(emulator.codes.items())


async def test_journal(emulator: Emulator, http: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The journal has what was sent, in order, and shows no secret."""
    caplog.set_level(logging.DEBUG)
    headers = {"X-Request-ID": "r-1", "X-Device-ID": "d"}
    url = emulator.base_url + "/signin?client_id=demo-env"
    async with http.post(url, json=SIGN_IN, headers=headers):
        pass
    await _post(http, emulator, "/nowhere", [1])
    first, second = emulator.journal
    assert (first.method, first.path, first.template) == ("POST", "/auth/v1/signin", "/signin")
    assert (first.route, first.status, first.request_id) == ("POST /signin", 200, "r-1")
    assert first.query == {"client_id": "demo-env"}
    assert first.json == SIGN_IN
    assert b"Passw0rd!" in first.body
    assert ("X-Device-ID", "d") in first.headers
    assert first.header("x-device-id") == "d"
    assert (second.route, second.status, second.json) == (None, 404, [1])
    assert "Passw0rd!" not in repr(emulator.journal) + caplog.text


async def test_journal_is_bounded(emulator: Emulator, http: Any) -> None:
    """Old entries make room; answering a forgotten one is no matter."""
    emulator._control.journal._limit = 2
    fault = emulator.faults.add("GET /certs", "hold")
    waiting = asyncio.create_task(http.get(emulator.base_url + "/certs"))
    await fault.arrived
    for _ in range(3):
        await _post(http, emulator, "/signin", SIGN_IN)
    fault.release()
    (await waiting).release()
    assert [entry.route for entry in emulator.journal] == ["POST /signin"] * 2


async def test_reset_forgets(emulator: Emulator, http: Any) -> None:
    """After a reset nobody is known, and the service goes on."""
    await _tokens(http, emulator)
    emulator.reset()
    assert emulator.journal == []
    assert (await _post(http, emulator, "/signin", SIGN_IN))[0] == 404


@pytest.mark.parametrize("overrides", [{}, {"client_secret": None}, {"dialect": "documented"}])
async def test_client_is_wired(overrides: dict[str, Any]) -> None:
    """The client that the emulator hands out works at once, on the emulator's clock."""
    async with Emulator(env="app-env", client_id="app", clock=ManualClock()) as emulator:
        user = emulator.add_user(username="alice", password="Passw0rd!")
        async with emulator.client(**overrides) as auth:
            tokens = await auth.sign_in.password("alice", "Passw0rd!")
            assert tokens.sub == user.sub
            me = await auth.session(tokens).user.me()
            assert me.username == "alice"
