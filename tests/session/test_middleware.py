"""`session.middleware`: somebody's own aiohttp session, signed for CloudBase and nobody else."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async.testing import Emulator


@contextlib.asynccontextmanager
async def _http(session: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(middlewares=(session.middleware,)) as http:
        yield http


async def _status(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> int:
    async with http.request(method, url, **options) as answer:
        await answer.read()
        return answer.status


async def test_signs_calls_to_its_own_host(world: Any) -> None:
    """A call to the environment's host carries the bearer, refreshed first if it must be."""
    session = await world.session()
    async with _http(session) as http:
        url = world.emulator.base_url + "/user/me"
        assert await _status(http, "GET", url) == 200
        world.clock.advance(7201)
        assert [await _status(http, "GET", url) for _ in range(3)] == [200] * 3
    assert world.asked == 1
    assert {entry.status for entry in world.sent("GET /user/me")} == {200}


async def test_many_at_once(world: Any) -> None:
    """Calls of the aiohttp session and of the token session share one refresh (B1)."""
    session = await world.session()
    world.clock.advance(7201)
    async with _http(session) as http:
        url = world.emulator.base_url + "/user/me"
        foreign = (_status(http, "GET", url) for _ in range(50))
        await asyncio.gather(*foreign, *(session.user.me() for _ in range(50)))
    assert world.asked == 1


async def test_never_to_another_host(world: Any) -> None:
    """No other host sees the token, not another port either (B23)."""
    session = await world.session()
    async with Emulator(clock=world.clock) as other, _http(session) as http:
        assert await _status(http, "GET", other.base_url + "/user/me") == 401
        aliased = world.emulator.base_url.replace("127.0.0.1", "localhost")
        assert await _status(http, "GET", aliased + "/user/me") == 401
        assert [entry.header("Authorization") for entry in other.journal] == [None]
    assert world.asked == 0


@pytest.mark.parametrize("status", [302, 307, 308])
async def test_never_after_a_redirect(world: Any, status: int) -> None:
    """A redirect to another host does not take the token along, and costs no refresh (B23)."""
    session = await world.session()
    async with Emulator(clock=world.clock) as other, _http(session) as http:
        world.emulator.faults.add(
            "GET /user/me",
            "status",
            status=status,
            headers={"Location": other.base_url + "/user/me"},
        )
        assert await _status(http, "GET", world.emulator.base_url + "/user/me") == 401
        assert [entry.header("Authorization") for entry in other.journal] == [None]
    assert world.sent("GET /user/me")[0].header("Authorization") is not None
    assert world.asked == 0


async def test_redirect_to_its_own_host(world: Any) -> None:
    """A redirect that stays at the environment's host is signed again."""
    session = await world.session()
    async with _http(session) as http:
        world.emulator.faults.add(
            "GET /user/providers", "status", status=307, headers={"Location": "/auth/v1/user/me"}
        )
        assert await _status(http, "GET", world.emulator.base_url + "/user/providers") == 200


async def test_an_authorization_of_their_own(world: Any) -> None:
    """Who brings an `Authorization` keeps it, and its rejection is none of the session's."""
    session = await world.session()
    async with _http(session) as http:
        own = {"Authorization": "Bearer own"}
        url = world.emulator.base_url + "/user/me"
        assert await _status(http, "GET", url, headers=own) == 401
    assert world.sent("GET /user/me")[0].header("Authorization") == "Bearer own"
    assert world.asked == 0


async def _pieces() -> AsyncIterator[bytes]:
    yield b'{"password": '
    yield b'"Passw0rd!"}'


@pytest.mark.parametrize(
    ("make", "replayed"),
    [
        (lambda: {"data": b'{"password": "Passw0rd!"}'}, True),
        (lambda: {"json": {"password": "Passw0rd!"}}, True),
        (lambda: {"data": '{"password": "Passw0rd!"}'}, True),
        (lambda: {"data": _pieces()}, False),
    ],
)
async def test_replay(world: Any, make: Callable[[], Any], *, replayed: bool) -> None:
    """A 401 is refreshed and repeated once if the body is bytes; a stream is not (B30)."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token)
    async with _http(session) as http:
        status = await _status(http, "POST", world.emulator.base_url + "/user/sudo", **make())
    sent = world.sent("POST /user/sudo")
    assert [entry.status for entry in sent] == ([401, 200] if replayed else [401])
    assert status == (200 if replayed else 401)
    assert {entry.json["password"] for entry in sent} == {"Passw0rd!"}
    assert world.asked == int(replayed)


async def test_twenty_rejections_at_once(world: Any) -> None:
    """Twenty requests rejected with one token share one refresh, and all are repeated (B30)."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token)
    async with _http(session) as http:
        url = world.emulator.base_url + "/user/me"
        statuses = await asyncio.gather(*(_status(http, "GET", url) for _ in range(20)))
    assert statuses == [200] * 20
    assert world.asked == 1


async def test_only_once(world: Any) -> None:
    """A service that goes on rejecting gets its 401 through, and few refreshes (B30, B19)."""
    session = await world.session()
    world.emulator.faults.add("GET /user/me", "status", times=None, status=401)
    async with _http(session) as http:
        url = world.emulator.base_url + "/user/me"
        for _ in range(60):
            assert await _status(http, "GET", url) == 401
            world.clock.advance(60)
    assert world.emulator.spends <= 10


async def test_rejections_far_apart(world: Any) -> None:
    """A request that was taken in between makes the next rejection news again (B30)."""
    session = await world.session()
    async with _http(session) as http:
        url = world.emulator.base_url + "/user/me"
        for count in range(1, 6):
            world.emulator.revoke(session.tokens.access_token)
            assert await _status(http, "GET", url) == 200
            assert await _status(http, "GET", url) == 200
            assert world.emulator.spends == count
            world.clock.advance(120)


async def test_no_token_to_sign_with(world: Any) -> None:
    """A session without a valid token raises its typed error in the caller's own request."""
    session = await world.session()
    await session.sign_out()
    async with _http(session) as http:
        with pytest.raises(errors.NotSignedIn):
            await _status(http, "GET", world.emulator.base_url + "/user/me")
    assert world.sent("GET /user/me") == []


@pytest.mark.parametrize("attempt", [1, 2])
async def test_frames_of_a_request_that_fails(world: Any, attempt: int) -> None:
    """No local variable of ours shows a token when the request under it fails (B23)."""
    session = await world.session()
    first = session.tokens.access_token
    if attempt == 2:
        world.emulator.revoke(first)
    world.emulator.faults.add("POST /user/sudo", "drop_before", after=attempt - 1)
    async with _http(session) as http:
        with pytest.raises(aiohttp.ClientError) as caught:  # aiohttp itself repeats no POST
            await _status(http, "POST", world.emulator.base_url + "/user/sudo", data=b"{}")
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [each for each in told.stack if "cloudbase_auth_async" in each.filename]
    assert [each.name for each in ours] == ["sign"]
    assert (len(world.sent("POST /user/sudo")), world.asked) == (attempt, attempt - 1)
    tokens = (first, session.tokens.access_token, session.tokens.refresh_token)
    assert not [token for token in tokens if token[-20:] in f"{ours[0].locals}"]


@pytest.mark.parametrize("client_secret", ["demo-secret", None])
async def test_client_that_borrows_the_signed_session(
    world: Any, client_secret: str | None
) -> None:
    """A client whose own HTTP carries its session's middleware does not wait for itself (B12)."""
    holder: list[Any] = []

    async def signed(request: Any, handler: Any) -> Any:
        return await holder[0].middleware(request, handler) if holder else await handler(request)

    async with aiohttp.ClientSession(middlewares=(signed,)) as http:
        auth = world.emulator.client(http=http, client_secret=client_secret)
        holder.append(auth.session(await auth.sign_in.password("alice", "Passw0rd!")))
        world.clock.advance(7201)
        async with asyncio.timeout(20):
            await asyncio.gather(*(holder[0].user.me() for _ in range(5)))
            assert await _status(http, "GET", world.emulator.base_url + "/user/me") == 200
            await holder[0].sign_out()
        await auth.aclose()
        assert not http.closed
    assert world.asked == 1
    authorization = world.sent("POST /token")[0].header("Authorization")
    assert authorization is None if client_secret is None else authorization.startswith("Basic ")


async def test_frames_of_a_token_that_is_not_to_be_had(world: Any) -> None:
    """Who sends the request gets our error with our frames cut off, as from any call (B23)."""
    session = await world.session()
    async with _http(session) as http:
        await session.sign_out()
        with pytest.raises(errors.NotSignedIn) as caught:
            await _status(http, "GET", world.emulator.base_url + "/user/me")
    frames = traceback.extract_tb(caught.value.__traceback__)
    ours = [each.name for each in frames if "/cloudbase_auth_async/" in each.filename]
    assert ours == ["sign", "edge"]
