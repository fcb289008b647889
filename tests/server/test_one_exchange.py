"""One exchange, however many ask, and none of them can stop it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import TokenPair
from cloudbase_auth_async.server_tokens import ServerTokens

FIVE_DAYS = 432_000


@pytest.mark.parametrize("method", ["tc3", "basic"])
async def test_exchange(open_world: Any, method: str) -> None:
    """Either method gets a token that the service takes, and it is kept."""
    async with open_world(method=method) as world:
        assert world.server.tokens is None
        token = await world.server.access_token()
        assert await world.server.access_token() == token
        assert world.lives(token)
        assert isinstance(world.server.tokens, TokenPair)
        assert world.server.tokens.refresh_token is None
        assert world.server.tokens.expires_in == FIVE_DAYS
        (sent,) = world.sent
        scheme = {"tc3": "TC3-HMAC-SHA256", "basic": "Basic"}[method]
        assert sent.header("Authorization").split(" ")[0] == scheme
        assert sent.json == {"grant_type": "client_credentials"}
        assert not sent.query


@pytest.mark.parametrize("method", ["tc3", "basic"])
async def test_by_hand(world: Any, method: Any) -> None:
    """`token.client_credentials` exchanges each time it is called."""
    pairs = [
        await world.auth.token.client_credentials("AKIDcanary", _key(world), method=method)
        for _ in range(2)
    ]
    assert all(world.lives(pair.access_token) for pair in pairs)
    assert {pair.refresh_token for pair in pairs} == {None}
    assert world.asked == 2


def _key(world: Any) -> str:
    return str(world.emulator._settings.secret_key)


@pytest.mark.parametrize("callers", [100, 1000])
async def test_callers_share_one_exchange(world: Any, callers: int) -> None:
    """However many ask at first, and again at the token's end, each time one asks for all (B1)."""
    for expected in (1, 2, 3):
        tokens = await asyncio.gather(*(world.server.access_token() for _ in range(callers)))
        assert len(set(tokens)) == 1
        assert world.lives(tokens[0])
        assert world.asked == expected
        world.clock.advance(FIVE_DAYS)


async def test_late_callers_join(world: Any) -> None:
    """Who comes while an exchange is under way joins it (B1)."""
    held = world.fails("hold")
    callers = [asyncio.create_task(world.server.access_token()) for _ in range(5)]
    await held.arrived
    callers += [asyncio.create_task(world.server.access_token()) for _ in range(5)]
    await asyncio.sleep(0)
    held.release()
    assert len(set(await asyncio.gather(*callers))) == 1
    assert world.asked == 1


async def test_server_per_request(world: Any) -> None:
    """An app that calls `auth.server` for each request exchanges its key once (B38)."""
    for _ in range(20):
        server = world.auth.server("AKIDcanary", _key(world))
        assert server is world.server
        await server.access_token()
    assert world.asked == 1


@pytest.mark.parametrize(
    "other",
    [
        {"secret_id": "AKIDother"},
        {"secret_key": "other"},
        {"method": "basic"},
        {"session_token": "temporary"},
    ],
)
async def test_other_key_other_token(world: Any, other: dict[str, Any]) -> None:
    """Another key, or another method, is another server: no token passes between them (B8)."""
    usual = {"secret_id": "AKIDcanary", "secret_key": _key(world)}
    assert world.auth.server(**usual) is world.server
    found = world.auth.server(**(usual | other))
    assert isinstance(found, ServerTokens)
    assert found is not world.server


@pytest.mark.parametrize("which", ["all", "first", "some"])
async def test_cancelled_callers(world: Any, which: str) -> None:
    """Callers cancelled while the exchange is under way neither stop it nor each other (B5)."""
    held = world.fails("hold", when="after")
    callers = [asyncio.create_task(world.server.access_token()) for _ in range(10)]
    await held.arrived
    doomed = {"all": callers, "first": callers[:1], "some": callers[::2]}[which]
    for caller in doomed:
        caller.cancel()
    await asyncio.wait(doomed)
    assert all(caller.cancelled() for caller in doomed)
    held.release()
    rest = await asyncio.gather(*(caller for caller in callers if caller not in doomed))
    await world.landed()
    assert set(rest) <= {await world.server.access_token()}
    assert world.asked == 1


async def test_cancelled_at_each_await(world: Any) -> None:
    """Wherever a caller is cancelled, the next one has a token, for one exchange (B5, B32)."""
    for turns in range(40):
        asked = world.asked
        caller = asyncio.create_task(world.server.access_token())
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        assert world.lives(await world.server.access_token()), turns
        assert world.asked == asked + 1, turns
        world.clock.advance(FIVE_DAYS)


async def test_callers_with_a_timeout(world: Any, leap: Callable[[float], None]) -> None:
    """Fifty callers run out of time, the exchange goes on, the next call costs none (B5)."""
    held = world.fails("hold")

    async def impatient() -> str:
        async with asyncio.timeout(10):
            return str(await world.server.access_token())

    callers = [asyncio.create_task(impatient()) for _ in range(50)]
    await held.arrived
    leap(11)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TimeoutError}
    held.release()
    await world.landed()
    assert world.lives(await world.server.access_token())
    assert world.asked == 1


async def test_a_session_of_an_administrator(world: Any) -> None:
    """A session made of the token may edit another user, and does not claim it can renew."""
    user = world.emulator.add_user(username="alice", password="Passw0rd!")
    admin = world.auth.session(access_token=await world.server.access_token())
    assert not admin.can_refresh
    await admin.user.edit(user_id=user.sub, new_password="N3w-Passw0rd!")
    tokens = await world.auth.sign_in.password("alice", "N3w-Passw0rd!")
    assert tokens.sub == user.sub
    assert world.asked == 1
