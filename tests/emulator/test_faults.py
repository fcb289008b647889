"""The fault script: each way to go wrong, seen by a bare client."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async.testing import Emulator, ManualClock, _server

SIGN_IN = {"username": "alice", "password": "Passw0rd!"}
SOON_SECONDS = 30


@pytest.fixture
def refresh(emulator: Emulator, http: Any) -> Callable[[], Any]:
    """Return a refresh of alice's session, with the bytes of its answer."""

    async def spend() -> tuple[int, bytes]:
        async with http.post(emulator.base_url + "/signin", json=SIGN_IN) as answer:
            tokens = await answer.json()
        body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        async with http.post(emulator.base_url + "/token", json=body) as answer:
            return answer.status, await answer.read()

    return spend


@pytest.mark.parametrize(("kind", "spends"), [("drop_before", 0), ("drop_after", 1)])
async def test_drops(
    emulator: Emulator, refresh: Callable[[], Any], kind: Any, spends: int
) -> None:
    """B4: the connection ends without an answer, before or after the commit."""
    emulator.faults.add("POST /token", kind)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await refresh()
    assert emulator.spends == spends
    assert emulator.journal[-1].status is None
    assert (await refresh())[0] == 200


@pytest.mark.parametrize("when", ["before", "after"])
async def test_hold(emulator: Emulator, refresh: Callable[[], Any], when: Any) -> None:
    """A held request waits before or after the commit until it is released."""
    fault = emulator.faults.add("POST /token", "hold", when=when)
    waiting = asyncio.create_task(refresh())
    await fault.arrived
    await asyncio.sleep(0.01)
    assert fault.arrived.is_set()
    assert emulator.spends == (when == "after")
    assert emulator.journal[-1].status is None
    fault.release()
    assert (await waiting)[0] == 200


async def test_held_request_is_handled_when_its_client_has_left(
    emulator: Emulator, http: Any
) -> None:
    """A client that gives up does not take its request back."""
    fault = emulator.faults.add("POST /verification", "hold")
    body = {"email": "bob@example.com"}
    waiting = asyncio.create_task(http.post(emulator.base_url + "/verification", json=body))
    await fault.arrived
    waiting.cancel()
    await asyncio.wait((waiting,))
    await _nobody_is_connected(emulator)
    assert "bob@example.com" not in emulator.codes
    fault.release()
    async with asyncio.timeout(SOON_SECONDS):
        while "bob@example.com" not in emulator.codes:  # noqa: ASYNC110 -- nothing tells it
            await asyncio.sleep(0.001)


async def _nobody_is_connected(emulator: Emulator) -> None:
    """Wait until the emulator knows that its clients have left."""
    async with asyncio.timeout(SOON_SECONDS):
        while emulator._server.connections_open:  # noqa: ASYNC110 -- nothing tells it
            await asyncio.sleep(0.001)


@pytest.fixture
def nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have closing wait for ever for what it waits for: a busy machine is slow, but not so slow."""
    monkeypatch.setattr(_server, "_SHUTDOWN_SECONDS", 3600.0)


@pytest.mark.usefixtures("nothing_is_waited_for")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_hang_does_not_block_closing(http: Any, when: Any) -> None:
    """A hung request is dropped when the emulator closes, at once."""
    emulator = await Emulator(clock=ManualClock()).__aenter__()
    fault = emulator.faults.add("*", "hang", when=when)
    # A POST: aiohttp sends a GET that was dropped once more.
    waiting = asyncio.create_task(http.post(emulator.base_url + "/token"))
    await fault.arrived
    async with asyncio.timeout(SOON_SECONDS):
        await emulator.__aexit__(None, None, None)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await waiting
    assert emulator.journal[-1].status is None


async def test_hung_client_that_left(http: Any) -> None:
    """Closing drops a hung request whose client is gone, too."""
    async with Emulator(clock=ManualClock()) as emulator:
        fault = emulator.faults.add("*", "hang")
        waiting = asyncio.create_task(http.post(emulator.base_url + "/token"))
        await fault.arrived
        waiting.cancel()
        await asyncio.wait((waiting,))
        await _nobody_is_connected(emulator)
    assert emulator.journal[-1].status is None


@pytest.mark.usefixtures("nothing_is_waited_for")
async def test_client_that_does_not_read() -> None:
    """A huge answer that nobody reads does not hold the emulator up, nor its socket open."""
    emulator = await Emulator(clock=ManualClock()).__aenter__()
    emulator.faults.add("*", "huge", megabytes=64)
    port = int(emulator.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /auth/v1/certs HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(SOON_SECONDS):
        await reader.readexactly(1)
        await emulator.__aexit__(None, None, None)
    assert len(await reader.read()) < 64 * 1_048_576
    writer.close()
    await writer.wait_closed()


@pytest.mark.usefixtures("nothing_is_waited_for")
async def test_closing_ends_delays_and_drips(http: Any) -> None:
    """Neither a long delay nor a slow answer holds the emulator up."""
    emulator = await Emulator(clock=ManualClock()).__aenter__()
    delayed = emulator.faults.add("GET /certs", "delay", seconds=3600)
    slow = emulator.faults.add("GET /certs", "slow_drip", seconds=3600)
    waiting = [asyncio.create_task(_read(http, emulator.base_url + "/certs")) for _ in range(2)]
    await delayed.arrived
    await slow.arrived
    async with asyncio.timeout(SOON_SECONDS):
        await emulator.__aexit__(None, None, None)
    failures = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(failure, aiohttp.ClientError) for failure in failures)


async def _read(http: Any, url: str) -> bytes:
    async with http.get(url) as answer:
        body: bytes = await answer.read()
        return body


@pytest.mark.parametrize("when", ["before", "after"])
async def test_delay(emulator: Emulator, refresh: Callable[[], Any], when: Any) -> None:
    """A delay takes real time, whatever the emulator's clock says."""
    emulator.faults.add("POST /token", "delay", seconds=0.05, when=when)
    start = time.monotonic()
    assert (await refresh())[0] == 200
    assert time.monotonic() - start >= 0.05


async def test_half_body(emulator: Emulator, refresh: Callable[[], Any]) -> None:
    """Half an answer arrives, and then the connection ends; the token is spent."""
    emulator.faults.add("POST /token", "half_body")
    with pytest.raises(aiohttp.ClientPayloadError):
        await refresh()
    assert emulator.spends == 1


async def test_wrong_length(emulator: Emulator, refresh: Callable[[], Any]) -> None:
    """An answer longer than it says is cut short, and is JSON no more."""
    emulator.faults.add("POST /token", "wrong_length")
    status, body = await refresh()
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def test_slow_drip(emulator: Emulator, refresh: Callable[[], Any]) -> None:
    """The answer comes whole, piece by piece."""
    emulator.faults.add("POST /token", "slow_drip", seconds=0.002)
    _, body = await refresh()
    assert json.loads(body)["token_type"] == "Bearer"


async def test_huge(emulator: Emulator, refresh: Callable[[], Any]) -> None:
    """The answer is as large as was asked for."""
    emulator.faults.add("POST /token", "huge", megabytes=12)
    _, body = await refresh()
    assert len(body) > 12 * 1_048_576
    assert json.loads(body).keys() == {"padding"}


async def test_huge_answer_nobody_reads(emulator: Emulator, http: Any) -> None:
    """A client that leaves ends a huge answer."""
    emulator.faults.add("GET /certs", "huge", megabytes=64)
    async with http.get(emulator.base_url + "/certs") as answer:
        await answer.content.readany()
        answer.close()
    async with http.get(emulator.base_url + "/certs") as answer:
        assert "keys" in await answer.json()


async def test_gzip_bomb(emulator: Emulator, refresh: Callable[[], Any]) -> None:
    """Few bytes on the wire become many."""
    emulator.faults.add("POST /token", "gzip_bomb", megabytes=2)
    _, body = await refresh()
    assert len(body) > 2 * 1_048_576


async def test_duplicate_keys(emulator: Emulator, refresh: Callable[[], Any]) -> None:
    """Each key comes twice, first with a lie."""
    emulator.faults.add("POST /token", "duplicate_keys")
    _, body = await refresh()
    pairs = json.loads(body, object_pairs_hook=list)
    assert pairs[0] == ("token_type", "decoy")
    assert ("token_type", "Bearer") in pairs
    assert len(pairs) == 2 * len(dict(pairs))


async def test_duplicate_keys_of_nothing(emulator: Emulator, http: Any) -> None:
    """An empty object has no key to double."""
    emulator.faults.add("POST /revoke", "duplicate_keys")
    async with http.post(emulator.base_url + "/revoke", json={"token": "x"}) as answer:
        assert await answer.read() == b"{}"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("<h1>Bad Gateway</h1>", None, "text/html"),
        (b"", "text/plain", "text/plain"),
        ({"error": "resource_exhausted"}, None, "application/json"),
    ],
)
@pytest.mark.parametrize("commit", [True, False])
async def test_status(  # noqa: PLR0917 -- fixtures
    emulator: Emulator,
    http: Any,
    body: Any,
    content_type: str | None,
    expected: str,
    commit: Any,
) -> None:
    """Any status, header and body can stand in for the answer, handled or not."""
    emulator.faults.add(
        "POST /verification",
        "status",
        status=429,
        body=body,
        headers={"Retry-After": "7"},
        content_type=content_type,
        commit=commit,
    )
    sent = {"email": "bob@example.com"}
    async with http.post(emulator.base_url + "/verification", json=sent) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert answer.content_type == expected
    assert ("bob@example.com" in emulator.codes) is commit
    assert emulator.journal[-1].status == 429


async def test_times_and_after(emulator: Emulator, http: Any) -> None:
    """A fault lets `after` requests of its route pass and meets the next `times`."""
    emulator.faults.add("GET /certs", "status", times=2, after=1)
    emulator.faults.add("POST /token", "status", status=500, times=None)
    statuses = []
    for _ in range(4):
        async with http.get(emulator.base_url + "/certs") as answer:
            statuses.append(answer.status)
        async with http.post(emulator.base_url + "/token") as answer:
            statuses.append(answer.status)
    assert statuses == [200, 500, 503, 500, 503, 500, 200, 500]


async def test_cleared_script(emulator: Emulator, http: Any) -> None:
    """A cleared script harms nobody, and lets go what it held."""
    held = emulator.faults.add("*", "hold", times=None)
    waiting = asyncio.create_task(http.get(emulator.base_url + "/certs"))
    await held.arrived
    emulator.faults.clear()
    for request in (waiting, http.get(emulator.base_url + "/certs")):
        async with await request as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("route", "kind", "said"),
    [
        ("POST /tokn", "hold", "route: there is no 'POST /tokn'; did you mean 'POST /token'?"),
        ("/user/me", "hold", "route: there is no '/user/me'; did you mean 'GET /user/me'?"),
        ("nonsense", "hold", "route: there is no 'nonsense'"),
        ("*", "drop-after", "kind: there is no 'drop-after'; did you mean 'drop_after'?"),
        ("*", ["hold"], "kind: there is no ['hold']; did you mean 'hold'?"),
    ],
)
def test_script_is_checked(route: str, kind: Any, said: str) -> None:
    """A route or a kind that does not exist is a mistake in the test, and told in one line."""
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Emulator().faults.add(route, kind)
