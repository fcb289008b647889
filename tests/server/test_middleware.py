"""`server.middleware`: somebody's own aiohttp session, signed as the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async.testing import Emulator

# The emulator lets a server in here, too.
PATH = "/token/introspect"


@contextlib.asynccontextmanager
async def _http(world: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(middlewares=(world.server.middleware,)) as http:
        yield http


async def _status(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url) as answer:
        await answer.read()
        return answer.status


async def test_signs(world: Any) -> None:
    """Calls to the environment's host carry the token; fifty at once cost one exchange (B1)."""
    async with _http(world) as http:
        url = world.emulator.base_url + PATH
        statuses = await asyncio.gather(*(_status(http, url) for _ in range(50)))
    assert set(statuses) == {200}
    assert world.asked == 1
    token = f"Bearer {await world.server.access_token()}"
    asked = [entry for entry in world.emulator.journal if entry.route == f"GET {PATH}"]
    assert {entry.header("Authorization") for entry in asked} == {token}


async def test_never_to_another_host(world: Any) -> None:
    """No other host sees the token (B23)."""
    async with Emulator(clock=world.clock) as other, _http(world) as http:
        await _status(http, other.base_url + PATH)
        assert [entry.header("Authorization") for entry in other.journal] == [None]
    assert world.asked == 0


def _rejects(world: Any, times: int | None) -> None:
    world.emulator.faults.add(f"GET {PATH}", "status", status=401, times=times)


@pytest.mark.parametrize("callers", [1, 20])
async def test_rejected_token(world: Any, callers: int) -> None:
    """A 401 costs one exchange, however many meet it, and one repetition each (B30)."""
    first = await world.server.access_token()
    _rejects(world, callers)
    async with _http(world) as http:
        url = world.emulator.base_url + PATH
        statuses = await asyncio.gather(*(_status(http, url) for _ in range(callers)))
    assert set(statuses) == {200}
    assert world.asked == 2
    assert await world.server.access_token() != first


async def test_every_token_is_rejected(world: Any) -> None:
    """A service that rejects each fresh token does not cost an exchange a call (B19)."""
    _rejects(world, None)
    async with _http(world) as http:
        for _ in range(600):
            assert await _status(http, world.emulator.base_url + PATH) == 401
            world.clock.advance(1)
    assert world.asked <= 6


async def test_rejections_mean_something_again(world: Any) -> None:
    """After a token was taken in a repetition, the next rejection counts as a first one (B40)."""
    await world.server.access_token()
    async with _http(world) as http:
        for expected in range(2, 7):
            _rejects(world, 1)
            assert await _status(http, world.emulator.base_url + PATH) == 200
            assert world.asked == expected


async def test_late_rejections(world: Any) -> None:
    """Rejections of an old token, or of one that is given up, are worth a repetition (B30)."""
    first = await world.server.access_token()
    assert world.server._held.rejected(first)
    world.server._held.repeated("another", accepted=False)
    assert world.server._held.rejected(first)
    second = await world.server.access_token()
    assert all(world.server._held.rejected(first) for _ in range(20))
    assert await world.server.access_token() == second
    assert world.asked == 2


async def test_patience_with_rejections(world: Any) -> None:
    """How long a rejection costs nothing grows, until a token was taken (B19)."""
    token = await world.server.access_token()
    for accepted, minutes in ((False, 1), (False, 2), (True, 0), (False, 1)):
        assert world.server._held.rejected(token)
        token = await world.server.access_token()
        world.server._held.repeated(token, accepted=accepted)
        if minutes:
            world.clock.advance(minutes * 60 - 1)
            assert not world.server._held.rejected(token)
            world.clock.advance(1)
    assert world.server._held.rejected(token)


async def test_closed(world: Any) -> None:
    """After the client is closed a rejection is passed on, and nothing is repeated (B13)."""
    token = await world.server.access_token()
    await world.auth.aclose()
    assert not world.server._held.rejected(token)
