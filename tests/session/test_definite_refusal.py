"""Promise 5, the other half: only the service's `invalid_grant` ends a session."""

from collections.abc import Iterator
from typing import Any

import pytest

from cloudbase_auth_async import errors

TOKEN = "POST /token"
STATUSES = (200, 201, 302, 400, 401, 403, 404, 405, 408, 409, 410, 418, 422, 429)
BROKEN = (500, 501, 502, 503, 504, 511)
NAMES = (
    "invalid_client",
    "invalid_credentials",
    "invalid_request",
    "permission_denied",
    "resource_exhausted",
    "some_new_name",
    "unauthenticated",
    "unauthorized_client",
    "unavailable",
    "user_blocked",
    "INVALID_GRANT",
)


def _bodies() -> Iterator[Any]:
    yield from (b"", b"<html>Bad Gateway</html>", b'{"error": "invalid_gra', b"{}", b"[]", b'"x"')
    yield {"error_description": "invalid_grant"}
    yield {"error": "some_error", "error_description": "refresh token invalid_grant"}
    yield {"error": ["invalid_grant"]}
    for name in NAMES:
        yield {"error": name, "error_description": "no"}
    for number in (3, 5, 8, 9, 16, 4001, 9999):
        yield {"code": number, "message": "no", "details": []}
    yield {"code": "INVALID_ACCESS_TOKEN", "message": "no", "requestId": "r-1"}


@pytest.mark.parametrize("status", STATUSES + BROKEN)
async def test_nothing_else_ends_a_session(world: Any, status: int) -> None:
    """Whatever the status says, a body other than `invalid_grant` signs nobody out (B18)."""
    tokens = (await world.session()).tokens
    for number, body in enumerate(_bodies()):
        session = world.auth.session(tokens)
        world.emulator.faults.add(TOKEN, "status", status=status, body=body)
        with pytest.raises(errors.CloudBaseAuthError) as caught:
            await session.refresh()
        assert not isinstance(caught.value, errors.SessionEnded), body
        assert session.can_refresh, body
        assert session.tokens is tokens, body
        assert await session.access_token() == tokens.access_token, body
        assert world.asked == number + 1
    assert world.emulator.spends == 0


@pytest.mark.parametrize("status", [s for s in STATUSES + BROKEN if s != 302])
async def test_invalid_grant_ends_it(world: Any, status: int) -> None:
    """`invalid_grant` is the end whatever the status around it (B18)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "status", status=status, body={"error": "invalid_grant"})
    with pytest.raises(errors.SessionEnded):
        await session.refresh()
    assert not session.can_refresh


async def test_ended_is_ended(world: Any) -> None:
    """After the end no request is ever sent again, and each error is a new one (B19)."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token, session=True)
    world.clock.advance(7201)
    with pytest.raises(errors.SessionEnded):
        await session.user.me()
    before = len(world.emulator.journal)
    seen: list[errors.SessionEnded] = []
    for _ in range(24 * 60):
        for call in (session.access_token, session.refresh, session.user.me):
            with pytest.raises(errors.SessionEnded) as caught:
                await call()
            seen.append(caught.value)
        world.clock.advance(60)
    assert len(world.emulator.journal) == before
    assert len({id(error) for error in seen}) == len(seen)
    assert {_depth(error) for error in seen[-30:]} == {_depth(error) for error in seen[:30]}
    assert all(error.__context__ is None and error.__cause__ is None for error in seen)


def _depth(error: BaseException) -> int:
    depth, frame = 0, error.__traceback__
    while frame is not None:
        depth, frame = depth + 1, frame.tb_next
    return depth


async def test_ended_but_alive(world: Any) -> None:
    """A refused refresh token does not take the living access token with it (B18)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "status", status=400, body={"error": "invalid_grant"})
    world.clock.advance(7000)
    await session.user.me()
    await world.landed(session)
    assert not session.can_refresh
    for _ in range(199):
        assert world.lives(await session.access_token())
        world.clock.advance(1)
    await session.user.me()
    world.clock.advance(1)
    with pytest.raises(errors.SessionEnded):
        await session.access_token()
    assert world.asked == 1


async def test_ended_then_signed_out(world: Any) -> None:
    """Signing out of an ended session does not present the refused token once more (B19)."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token, session=True)
    world.clock.advance(7201)
    with pytest.raises(errors.SessionEnded):
        await session.access_token()
    await session.sign_out()
    assert world.asked == 1


async def test_a_new_sign_in_is_a_new_life(world: Any) -> None:
    """The end belongs to the pair: the same user signs in again and is served (B19)."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token, session=True)
    world.clock.advance(7201)
    with pytest.raises(errors.SessionEnded):
        await session.access_token()
    again = await world.session()
    await again.user.me()
    await again.refresh()


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_kept(world: Any, status: int) -> None:
    """A service that asks for a pause is not asked again before it is over (B18, B19)."""
    session = await world.session()
    name = {429: "resource_exhausted", 503: "unavailable"}[status]
    world.emulator.faults.add(
        TOKEN, "status", status=status, body={"error": name}, headers={"Retry-After": "600"}
    )
    world.clock.advance(7201)
    for second in range(600):
        with pytest.raises(errors.ApiError) as caught:
            await session.access_token()
        assert caught.value.error == name, second
        world.clock.advance(1)
    assert world.asked == 1
    world.clock.advance(1)
    assert world.lives(await session.access_token())
    assert (world.asked, world.emulator.spends) == (2, 1)


async def test_retry_after_is_capped(world: Any) -> None:
    """A pause of a year is taken for an hour: a broken header does not sign a user out (B19)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "status", status=429, headers={"Retry-After": "31536000"})
    world.clock.advance(7201)
    with pytest.raises(errors.RateLimited):
        await session.access_token()
    world.clock.advance(3601)
    assert world.lives(await session.access_token())


async def test_an_outage_is_not_hammered(world: Any) -> None:
    """A service that is down for an hour hears from a busy session about once a minute (B19)."""
    session = await world.session()
    world.emulator.faults.add(
        TOKEN, "status", times=None, status=503, body={"error": "unavailable"}
    )
    world.clock.advance(7201)
    for _ in range(3600):
        with pytest.raises(errors.ServerUnavailable):
            await session.access_token()
        world.clock.advance(1)
    assert 55 <= world.asked <= 130
    world.emulator.faults.clear()
    world.clock.advance(61)
    await session.user.me()
