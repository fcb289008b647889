"""Promise 8: a rejected token is named, refreshed once, and the call replayed once."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors

ME = "GET /user/me"


async def _revoked(world: Any) -> Any:
    """Return a session whose fresh access token the service has killed."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token)
    return session


async def test_one_rejection(world: Any) -> None:
    """A 401 for the current token costs one refresh and one replay (B30)."""
    session = await _revoked(world)
    assert (await session.user.me()).sub == session.tokens.sub
    assert (world.asked, len(world.sent(ME))) == (1, 2)


async def test_many_rejections_at_once(world: Any) -> None:
    """Twenty calls rejected with one token share one refresh, and all twenty succeed (B30, B1)."""
    session = await _revoked(world)
    profiles = await asyncio.gather(*(session.user.me() for _ in range(20)))
    assert len(profiles) == 20
    assert world.asked == 1


async def test_rejected_during_its_refresh(world: Any) -> None:
    """A call rejected while the refresh it calls for is under way waits for that one (B30)."""
    session = await _revoked(world)
    held = world.emulator.faults.add("POST /token", "hold")
    late = world.emulator.faults.add(ME, "hold", times=5)
    callers = [asyncio.create_task(session.user.me()) for _ in range(6)]
    await held.arrived
    late.release()
    await world.until(lambda: all(entry.status for entry in world.sent(ME)))
    held.release()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["UserProfile"] * 6
    assert world.asked == 1


async def test_late_rejections_of_an_old_token(world: Any) -> None:
    """Twenty late 401s of a token that was replaced meanwhile cost no refresh (B30)."""
    session = await world.session()
    old = session.tokens.access_token
    held = world.emulator.faults.add(ME, "hold", times=20)
    callers = [asyncio.create_task(session.user.me()) for _ in range(20)]
    await world.until(lambda: held.hits == 20)
    fresh = await session.refresh()
    world.emulator.revoke(old)
    held.release()
    await asyncio.gather(*callers)
    assert session.tokens is fresh
    assert world.asked == 1
    bearers = [entry.header("Authorization") for entry in world.sent(ME)]
    assert bearers.count(f"Bearer {old}") == 20
    assert bearers.count(f"Bearer {fresh.access_token}") == 20


async def test_service_that_rejects_everything(world: Any) -> None:
    """A service that rejects each fresh token for an hour costs few refresh tokens (B30, B19)."""
    session = await world.session()
    world.emulator.faults.add(ME, "status", times=None, status=401)
    for _ in range(600):
        with pytest.raises(errors.Unauthenticated):
            await session.user.me()
        world.clock.advance(6)
    assert 1 <= world.emulator.spends <= 10
    world.emulator.faults.clear()
    await session.user.me()


async def test_route_that_rejects_everything(world: Any) -> None:
    """One broken route, called in turn with a good one, does not cost a refresh a call (B30)."""
    session = await world.session()
    world.emulator.faults.add("GET /user/providers", "status", times=None, status=401)
    for _ in range(300):
        await session.user.me()
        with pytest.raises(errors.Unauthenticated):
            await session.providers.list()
        world.clock.advance(12)
    assert world.emulator.spends <= 61


async def test_rejections_far_apart(world: Any) -> None:
    """Each rejection after a time of peace is news again: the session heals each time (B30)."""
    session = await world.session()
    for count in range(1, 6):
        world.emulator.revoke(session.tokens.access_token)
        await session.user.me()
        assert world.emulator.spends == count
        world.clock.advance(120)


async def test_wrong_old_password(world: Any) -> None:
    """A wrong password is no rejected token, whatever its status: no refresh, no replay."""
    session = await world.session()
    for status in (None, 401):
        if status:
            body = {"error": "invalid_password"}
            world.emulator.faults.add("PATCH /user/password", "status", status=status, body=body)
        with pytest.raises(errors.InvalidCredentials):
            await session.user.update_password(old_password="wrong", new_password="N3w-Passw0rd")
    assert (world.asked, len(world.sent("PATCH /user/password"))) == (0, 2)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
async def test_other_refusals(world: Any, status: int) -> None:
    """Only a 401 is about the token (B30)."""
    session = await world.session()
    world.emulator.faults.add("POST /user/sudo", "status", status=status)
    with pytest.raises(errors.ApiError):
        await session.user.sudo(password="x")
    assert (world.asked, len(world.sent("POST /user/sudo"))) == (0, 1)


async def test_invalidate_by_name(world: Any) -> None:
    """`invalidate` gives up the token it names if that is the current one, and no other (B30)."""
    session = await world.session()
    first = session.tokens.access_token
    session.invalidate("some other token")
    assert await session.access_token() == first
    session.invalidate(first)
    second = await session.access_token()
    assert second != first
    for _ in range(20):
        session.invalidate(first)
        assert await session.access_token() == second
    assert world.asked == 1


async def test_invalidated_while_refreshing(world: Any) -> None:
    """A token named while its refresh is under way costs no second one (B30)."""
    session = await world.session()
    old = session.tokens.access_token
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(7000)
    await session.access_token()
    await held.arrived
    session.invalidate(old)
    waiting = asyncio.create_task(session.access_token())
    await asyncio.sleep(0)
    held.release()
    assert await waiting != old
    assert world.asked == 1


async def test_invalidate_after_sign_out(world: Any) -> None:
    """Naming a token of a session that is signed out does nothing."""
    session = await world.session()
    token = session.tokens.access_token
    await session.sign_out()
    session.invalidate(token)
    with pytest.raises(errors.NotSignedIn):
        await session.access_token()


async def test_delete_is_replayed_once(world: Any) -> None:
    """A DELETE answered 401 was not carried out: it goes out once more, with the new token."""
    session = await _revoked(world)
    await session.user.delete()
    assert [entry.status for entry in world.sent("DELETE /user/me")] == [401, 200]
    assert world.asked == 1


async def test_only_once(world: Any) -> None:
    """A call whose replay is answered 401 too is not sent a third time (B30)."""
    session = await world.session()
    world.emulator.faults.add("DELETE /user/me", "status", times=None, status=401)
    with pytest.raises(errors.Unauthenticated):
        await session.user.delete()
    assert len(world.sent("DELETE /user/me")) == 2
    assert world.asked == 1


async def test_only_once_though_the_replay_was_late(world: Any) -> None:
    """Nor is it sent a third time when its second token was replaced meanwhile, too (B30)."""
    session = await world.session()
    first = world.emulator.faults.add("DELETE /user/me", "hold")
    second = world.emulator.faults.add("DELETE /user/me", "hold")
    caller = asyncio.create_task(session.user.delete())
    for held in (first, second):
        await held.arrived
        world.emulator.revoke(session.tokens.access_token)
        await session.refresh()
        held.release()
    with pytest.raises(errors.Unauthenticated):
        await caller
    assert len(world.sent("DELETE /user/me")) == 2


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_lost_delete_is_not_replayed(world: Any, kind: Any) -> None:
    """Nothing but a 401 is replayed: a DELETE whose answer was lost stays lost (B37)."""
    session = await world.session()
    await session.user.me()
    world.emulator.faults.add("DELETE /user/me", kind)
    with pytest.raises(errors.ConnectionLost) as caught:
        await session.user.delete()
    assert caught.value.may_have_reached_server
    assert len(world.sent("DELETE /user/me")) == 1


async def test_rejected_and_no_refresh(world: Any) -> None:
    """If the refresh after a 401 fails, the caller is told why, and the call is not replayed."""
    session = await _revoked(world)
    world.emulator.faults.add("POST /token", "status", status=503, body={"error": "unavailable"})
    with pytest.raises(errors.ServerUnavailable):
        await session.user.me()
    assert len(world.sent(ME)) == 1
    world.clock.advance(2)
    await session.user.me()
    assert world.asked == 2


async def test_rejected_access_only(world: Any) -> None:
    """A session that cannot refresh passes the 401 on (B28)."""
    session = world.auth.session(access_token=(await _revoked(world)).tokens.access_token)
    with pytest.raises(errors.Unauthenticated):
        await session.user.me()
    assert (world.asked, len(world.sent(ME))) == (0, 1)


async def test_answers_in_every_order(world: Any) -> None:
    """However answers to old and new tokens interleave, the newest pair stays (B30)."""
    session = await world.session()
    seen = []
    for turn in range(4):
        held = world.emulator.faults.add(ME, "hold", when="after" if turn % 2 else "before")
        caller = asyncio.create_task(session.user.me())
        await held.arrived
        old = session.tokens.access_token
        newest = await session.refresh()
        world.emulator.revoke(old)
        held.release()
        await caller
        assert session.tokens is newest
        seen.append(newest.refresh_token)
    assert len(set(seen)) == world.emulator.spends == 4
