"""Promise 7: sign-out wins."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors

DIALECTS = ["primary", "documented", "both"]


def _only(dialect: str) -> dict[str, Any]:
    """Return a client's settings for a service of that contract; the documented has no secret."""
    return {"client_secret": None} if dialect == "documented" else {}


async def _gone(world: Any, session: Any) -> None:
    """Check that nothing of a session is left, here or there."""
    for call in (session.access_token, session.refresh, session.user.me):
        with pytest.raises(errors.NotSignedIn):
            await call()
    with pytest.raises(errors.NotSignedIn):
        _ = session.tokens
    assert not session.can_refresh
    assert repr(session) == "<TokenSession signed out>"
    await world.drained()
    assert world.signed_in == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("age", [0, 7000, 7201])
async def test_sign_out(open_world: Any, dialect: str, age: int) -> None:
    """Tokens are gone here and the session is over there, its access token dead or alive (B9)."""
    async with open_world(_only(dialect), dialect=dialect) as world:
        session = await world.session()
        world.clock.advance(age)
        await session.sign_out()
        await _gone(world, session)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("age", [7000, 7201])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_sign_out_during_a_refresh(
    open_world: Any, dialect: str, age: int, when: Any
) -> None:
    """A refresh under way brings nothing back, and the pair it brings is revoked (B9)."""
    async with open_world(_only(dialect), dialect=dialect) as world:
        session = await world.session()
        held = world.emulator.faults.add("POST /token", "hold", when=when)
        world.clock.advance(age)
        caller = asyncio.create_task(session.refresh())
        await held.arrived
        leaving = asyncio.create_task(session.sign_out())
        await asyncio.sleep(0)
        with pytest.raises(errors.NotSignedIn):
            await session.access_token()
        held.release()
        await leaving
        with pytest.raises(errors.NotSignedIn):
            await caller
        await _gone(world, session)
        assert world.asked == 1


async def test_sign_out_at_each_await_of_a_refresh(world: Any) -> None:
    """Wherever in a refresh the sign-out falls, nobody is signed in afterwards (B9)."""
    for turns in range(50):
        session = await world.session()
        world.clock.advance(7201)
        caller = asyncio.create_task(session.access_token())
        for _ in range(turns):
            await asyncio.sleep(0)
        await session.sign_out()
        await asyncio.gather(caller, return_exceptions=True)
        await _gone(world, session)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_orphan_that_cannot_be_revoked(open_world: Any, dialect: str) -> None:
    """A sign-out whose new pair lives on at the service does not claim to have ended it (B9)."""
    async with open_world(_only(dialect), dialect=dialect) as world:
        session = await world.session()
        held = world.emulator.faults.add("POST /token", "hold")
        world.emulator.faults.add("POST /revoke", "status", status=500)
        world.clock.advance(7201)
        caller = asyncio.create_task(session.access_token())
        await held.arrived
        leaving = asyncio.create_task(session.sign_out())
        await asyncio.sleep(0)
        held.release()
        outcome, _ = await asyncio.gather(leaving, caller, return_exceptions=True)
        assert isinstance(outcome, errors.ApiError) or world.signed_in == 0


async def test_sign_out_and_a_refresh_that_fails(world: Any) -> None:
    """If the refresh under way fails, the old session is ended all the same (B9)."""
    session = await world.session()
    world.emulator.faults.add("POST /token", "status", status=503, body={"error": "unavailable"})
    world.clock.advance(7000)
    await session.access_token()
    await session.sign_out()
    await _gone(world, session)


async def test_sign_out_without_a_refresh_token(world: Any) -> None:
    """An access-only session signs out, alive or dead (B28)."""
    for age in (0, 7201):
        access = (await world.session()).tokens.access_token
        session = world.auth.session(access_token=access)
        world.clock.advance(age)
        await session.sign_out()
        await _gone(world, session)
        assert world.asked == 0


async def test_sign_out_with_a_refresh_token_alone(world: Any) -> None:
    """A session made of a bare refresh token can end itself at the service."""
    session = world.auth.session(refresh_token=(await world.session()).tokens.refresh_token)
    await session.sign_out()
    await _gone(world, session)


async def test_sign_out_twice(world: Any) -> None:
    """The second sign-out does nothing and is no error."""
    session = await world.session()
    await asyncio.gather(session.sign_out(), session.sign_out())
    await session.sign_out()
    assert len(world.sent("POST /revoke")) == 1
    await _gone(world, session)


async def test_sign_out_of_an_ended_session(world: Any) -> None:
    """A session the service has forgotten is signed out without complaint."""
    session = await world.session()
    world.emulator.revoke(session.tokens.access_token, session=True)
    world.clock.advance(7201)
    await session.sign_out()
    await _gone(world, session)


@pytest.mark.parametrize("held_up", [False, True])
async def test_cancelled_sign_out_still_revokes(world: Any, *, held_up: bool) -> None:
    """Cancelling a sign-out does not stop what it began (B9)."""
    session = await world.session()
    faults = world.emulator.faults
    refresh = faults.add("POST /token", "hold") if held_up else None
    revoke = faults.add("POST /revoke", "hold")
    if refresh is not None:
        world.clock.advance(7000)
        await session.access_token()
        await refresh.arrived
    leaving = asyncio.create_task(session.sign_out())
    await asyncio.sleep(0)
    if refresh is None:
        await revoke.arrived
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    faults.release()
    await _gone(world, session)


async def test_cancelled_before_it_began(world: Any) -> None:
    """A sign-out cancelled before its first step has done nothing: the session lives."""
    session = await world.session()
    leaving = asyncio.create_task(session.sign_out())
    leaving.cancel()
    await asyncio.wait([leaving])
    await session.user.me()


@pytest.mark.parametrize("age", [0, 7201])
async def test_service_is_down(world: Any, age: int) -> None:
    """A sign-out that cannot reach the service says so, and the tokens here are gone (B9)."""
    session = await world.session()
    world.clock.advance(age)
    await world.emulator.stop_listening()
    with pytest.raises(errors.ConnectFailed):
        await session.sign_out()
    with pytest.raises(errors.NotSignedIn):
        await session.access_token()
    await session.sign_out()
    await world.emulator.start_listening()
    assert world.signed_in == 1


async def test_service_refuses(world: Any) -> None:
    """A sign-out that the service refuses raises its answer, and the tokens here are gone."""
    session = await world.session()
    world.emulator.faults.add("POST /revoke", "status", status=500)
    with pytest.raises(errors.ServerUnavailable):
        await session.sign_out()
    with pytest.raises(errors.NotSignedIn):
        await session.access_token()


@pytest.mark.parametrize("age", [0, 7000])
async def test_one_of_two_twins_signs_out(world: Any, age: int) -> None:
    """Signing out ends the session at the service, for its twin too, which then says so (B9)."""
    session = await world.session()
    twin = world.auth.session(session.tokens)
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(age)
    callers = []
    if age:
        callers = [asyncio.create_task(each.refresh()) for each in (session, twin)]
        await held.arrived
    leaving = asyncio.create_task(session.sign_out())
    await asyncio.sleep(0)
    held.release()
    await leaving
    await asyncio.gather(*callers, return_exceptions=True)
    assert world.signed_in == 0
    world.clock.advance(7201)
    with pytest.raises(errors.SessionEnded):
        await twin.user.me()
    with pytest.raises(errors.NotSignedIn):
        await session.user.me()


async def test_signing_in_as_somebody_else_during_a_refresh(world: Any) -> None:
    """After a sign-out in the middle of a refresh, the next user's session is theirs alone (B9)."""
    alice = await world.session("alice")
    sub = alice.tokens.sub
    held = world.emulator.faults.add("POST /token", "hold")
    world.clock.advance(7000)
    await alice.access_token()
    await held.arrived
    leaving = asyncio.create_task(alice.sign_out())
    await asyncio.sleep(0)
    bob = await world.session("bob")
    held.release()
    await leaving
    assert (await bob.user.me()).sub == bob.tokens.sub != sub
    assert world.signed_in == 1


async def test_sign_out_stops_a_replay(world: Any) -> None:
    """A call answered 401 after the sign-out is not repeated and refreshes nothing (B9, B30)."""
    session = await world.session()
    held = world.emulator.faults.add("GET /user/me", "hold")
    caller = asyncio.create_task(session.user.me())
    await held.arrived
    await session.sign_out()
    held.release()
    with pytest.raises(errors.Unauthenticated):
        await caller
    assert (world.asked, len(world.sent("GET /user/me"))) == (0, 1)


@pytest.mark.parametrize("age", [0, 7201])
async def test_sign_out_leads_on(open_world: Any, age: int) -> None:
    """With a redirect_uri the service says where the browser goes on, the state added."""
    async with open_world({"client_secret": None}, dialect="documented") as world:
        session = await world.session()
        world.clock.advance(age)
        where = await session.sign_out(redirect_uri="https://app.example/bye", state="s1")
        assert where == "https://app.example/bye?state=s1"
        await _gone(world, session)
        assert world.sent("POST /user/signout")[-1].json == {
            "redirect_uri": "https://app.example/bye",
            "state": "s1",
        }
        assert await session.sign_out(redirect_uri="https://app.example/bye") is None


async def test_sign_out_leads_nowhere(world: Any) -> None:
    """A service without that path has the session revoked all the same."""
    session = await world.session()
    world.emulator.faults.add("POST /user/signout", "status", status=404)
    assert await session.sign_out(redirect_uri="https://app.example/bye") is None
    await _gone(world, session)


async def test_sign_out_with_nonsense(world: Any) -> None:
    """A wrong argument is refused before anything is forgotten."""
    session = await world.session()
    for wrong in ({"state": "s1"}, {"redirect_uri": ""}, {"redirect_uri": "https://a", "state": 1}):
        with pytest.raises(errors.ConfigurationError):
            await session.sign_out(**wrong)
    assert await session.access_token()
    assert await session.sign_out() is None
