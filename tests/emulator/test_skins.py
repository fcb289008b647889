"""One fault script, two skins: what the real client makes of each fault, and that both agree."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, get_args

import aiohttp
import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, errors
from cloudbase_auth_async.testing import Emulator, ManualClock, Response
from cloudbase_auth_async.testing._faults import Kind
from cloudbase_auth_async.testing._stand_ins import stood_in

PASSWORD = "Passw0rd!"

# What a refresh ends in, whether it may have reached the service, how many tokens were spent.
OUTCOMES: dict[str, tuple[type[CloudBaseAuthError] | None, bool | None, int]] = {
    "drop_before": (errors.ConnectionLost, True, 0),
    "drop_after": (errors.ConnectionLost, True, 1),
    "hang": (errors.RequestTimedOut, True, 0),
    "hold": (errors.RequestTimedOut, True, 0),
    "delay": (None, None, 1),
    "slow_drip": (None, None, 1),
    "half_body": (errors.ConnectionLost, True, 1),
    "wrong_length": (errors.DecodeError, None, 1),
    "huge": (errors.AnswerTooLarge, True, 1),
    "gzip_bomb": (errors.AnswerTooLarge, True, 1),
    "duplicate_keys": (None, None, 1),
    "wrong_types": (errors.DecodeError, None, 1),
    "empty": (errors.DecodeError, None, 1),
    "null": (errors.DecodeError, None, 1),
    "bad_gateway": (errors.ServerUnavailable, None, 0),
    "rate_limited": (errors.RateLimited, None, 0),
    "rate_limited_until": (errors.RateLimited, None, 0),
    "status": (errors.ServerUnavailable, None, 0),
    "raw": (errors.ConnectionLost, True, 0),
}


@contextlib.asynccontextmanager
async def opened(skin: str, **options: Any) -> AsyncIterator[tuple[Emulator, AuthClient]]:
    """Open an emulator with the user alice, and a client of it on sockets or in memory."""
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    emulator.add_user(username="alice", password=PASSWORD)
    if skin == "memory":
        async with emulator.memory_client(**options) as auth:
            yield emulator, auth
        return
    async with emulator, emulator.client(**options) as auth:
        yield emulator, auth


def test_every_kind_has_an_outcome() -> None:
    """A new kind of fault is written into this table; "refuse" has tests of its own."""
    assert {*OUTCOMES, "refuse"} == set(get_args(Kind))


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("kind", OUTCOMES)
async def test_outcome(skin: str, kind: Any, leap: Callable[[float], None]) -> None:
    """Each fault gives the same typed error over sockets and in memory, and the same damage."""
    failure, reached, spends = OUTCOMES[kind]
    async with opened(skin) as (emulator, auth):
        tokens = emulator.tokens(emulator.add_user(username="bob"))
        fault = emulator.faults.add("POST /token", kind, times=None, seconds=0.001, megabytes=2)
        refreshed = asyncio.create_task(auth.token.refresh(tokens["refresh_token"]))
        if failure is errors.RequestTimedOut:
            await fault.arrived
            leap(32)
        if failure is None:
            assert (await refreshed).sub == tokens["sub"]
        else:
            with pytest.raises(failure) as caught:
                await refreshed
            assert type(caught.value) is failure
            assert getattr(caught.value, "may_have_reached_server", None) is reached
        assert emulator.spends == spends


@pytest.mark.parametrize("kind", ["rate_limited", "rate_limited_until"])
@pytest.mark.parametrize("skin", ["sockets", "memory"])
async def test_retry_after(skin: str, kind: Any) -> None:
    """Either form of Retry-After reaches the caller as seconds."""
    async with opened(skin) as (emulator, auth):
        emulator.faults.add("POST /signin", kind, seconds=90)
        with pytest.raises(errors.RateLimited) as caught:
            await auth.sign_in.password("alice", PASSWORD)
        assert caught.value.retry_after == pytest.approx(90, abs=1)
        assert (caught.value.status, caught.value.error) == (429, "resource_exhausted")


@pytest.mark.parametrize("skin", ["sockets", "memory"])
async def test_committed_rate_limit(skin: str) -> None:
    """A limit that answers after the service has acted sends a code all the same."""
    async with opened(skin) as (emulator, auth):
        emulator.faults.add("POST /verification", "rate_limited", commit=True)
        with pytest.raises(errors.RateLimited):
            await auth.verification.send(email="bob@example.com")
        assert "bob@example.com" in emulator.codes


@pytest.mark.parametrize("skin", ["sockets", "memory"])
async def test_wrong_types_everywhere(skin: str) -> None:
    """Members that are no strings are wrong too, and so is an answer that is no object."""
    async with opened(skin) as (emulator, auth):
        tokens = await auth.sign_in.password("alice", PASSWORD)
        session = auth.session(tokens)
        emulator.faults.add("GET /user/me", "wrong_types", times=1)
        with pytest.raises(errors.DecodeError):
            await session.user.me()
        for kind in ("empty", "null"):
            emulator.faults.add("GET /user/me", kind)  # type: ignore[arg-type]
            with pytest.raises(errors.DecodeError):
                await session.user.me()
        assert (await session.user.me()).username == "alice"


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ({"kind": "bad_gateway"}, errors.ServerUnavailable),
        ({"kind": "empty"}, errors.DecodeError),
        ({"kind": "null"}, errors.DecodeError),
        ({"kind": "wrong_types"}, errors.DecodeError),
        ({"kind": "rate_limited", "seconds": 7}, errors.RateLimited),
        ({"kind": "rate_limited_until", "seconds": 7}, errors.RateLimited),
        ({"kind": "refuse", "seconds": 0.2}, errors.ConnectionLost),
    ],
)
async def test_script_over_http(
    http: aiohttp.ClientSession, fault: dict[str, Any], failure: type[CloudBaseAuthError]
) -> None:
    """Programs in other languages write the same script over HTTP, by route and count."""
    async with opened("sockets") as (emulator, auth):
        url = emulator.origin + "/__emulator__/faults"
        line = {"route": "POST /signin", "times": 1, **fault}
        async with http.post(url, json=line) as answer:
            assert answer.status == 200
        assert (await auth.verification.send(email="bob@example.com")).verification_id
        with pytest.raises(failure) as caught:
            await auth.sign_in.password("alice", PASSWORD)
        if failure is errors.RateLimited:
            assert getattr(caught.value, "retry_after", None) == pytest.approx(7, abs=1)
        if fault["kind"] != "refuse":
            assert await auth.sign_in.password("alice", PASSWORD)


async def test_refused_in_memory() -> None:
    """In memory a connection is refused by route and count; what was refused is sent again."""
    async with opened("memory") as (emulator, auth):
        emulator.faults.add("POST /signin", "refuse", times=2)
        assert await auth.sign_in.password("alice", PASSWORD)
        emulator.faults.add("POST /signin", "refuse", times=None)
        with pytest.raises(errors.ConnectFailed) as caught:
            await auth.sign_in.password("alice", PASSWORD)
        assert not caught.value.may_have_reached_server
        assert emulator.journal[0].status is None


async def test_refused_on_sockets() -> None:
    """Between sockets the request is dropped, and nobody can connect for a while."""
    async with opened("sockets", dialect="primary") as (emulator, auth):
        fault = emulator.faults.add("POST /signin", "refuse", seconds=3600)
        with pytest.raises(errors.ConnectionLost):
            await auth.sign_in.password("alice", PASSWORD)
        with pytest.raises(errors.ConnectFailed):
            await auth.sign_in.password("alice", PASSWORD)
        assert fault.hits == 1


async def test_closing_ends_a_refusal() -> None:
    """An emulator that refuses connections for long can be closed at once."""
    async with opened("sockets") as (emulator, auth):
        emulator.faults.add("POST /signin", "refuse", seconds=60)
        with pytest.raises(errors.ConnectionLost):
            await auth.sign_in.password("alice", PASSWORD)


def test_wrong_types_of_a_list() -> None:
    """An answer that is no object to begin with is wrong in a list of its own."""
    fault = Emulator().faults.add("*", "wrong_types")
    assert stood_in(fault, Response(status=200, body=b"[1]"), 0).body == b"[[1]]"


async def test_refusal_ends(leap: Callable[[float], None]) -> None:
    """After its seconds, and no sooner, a refusing emulator is back on the same port."""
    async with opened("sockets") as (emulator, auth):
        emulator.faults.add("POST /signin", "refuse", seconds=60)
        with pytest.raises(errors.ConnectionLost):
            await auth.sign_in.password("alice", PASSWORD)
        with pytest.raises(errors.ConnectFailed):
            await auth.sign_in.password("alice", PASSWORD)
        leap(61)
        async with asyncio.timeout(30):
            while not await _listens(emulator):  # noqa: ASYNC110 -- nothing tells it
                await asyncio.sleep(0.001)
        assert await auth.sign_in.password("alice", PASSWORD)


async def _listens(emulator: Emulator) -> bool:
    """Tell whether a connection is taken."""
    port = int(emulator.origin.rpartition(":")[2])
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.parametrize("skin", ["sockets", "memory"])
async def test_same_requests(skin: str) -> None:
    """The journal, the headers and the clock are the same, whatever carries the request."""
    async with opened(skin) as (emulator, auth):
        session = auth.session(await auth.sign_in.password("alice", PASSWORD))
        emulator.expire_access_token()
        assert (await session.user.me()).username == "alice"
        emulator.assert_spends(1)
        signed, spent, asked = emulator.journal
        assert [entry.route for entry in emulator.journal] == [
            "POST /signin",
            "POST /token",
            "GET /user/me",
        ]
        assert [entry.status for entry in emulator.journal] == [200, 200, 200]
        assert (signed.header("authorization") or "").startswith("Basic ")
        assert spent.json["grant_type"] == "refresh_token"
        assert asked.header("host") == auth.base_url.split("/")[2]
