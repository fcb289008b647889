"""What a session is made of, what it shows, and what one without a refresh token can do."""

import asyncio
import copy
import json
import pickle
from typing import Any

import pytest

from cloudbase_auth_async import errors


async def test_made_of_a_dict(world: Any) -> None:
    """A pair goes to JSON and back and works on."""
    tokens = (await world.session()).tokens
    session = world.auth.session(json.loads(json.dumps(tokens.to_dict())))
    assert session.tokens == tokens
    assert (await session.user.me()).sub == tokens.sub
    await session.refresh()


async def test_made_of_two_strings(world: Any) -> None:
    """What a gateway has at hand is enough: subject and expiry are read from the token."""
    tokens = (await world.session()).tokens
    session = world.auth.session(
        access_token=tokens.access_token, refresh_token=tokens.refresh_token
    )
    assert (session.tokens.sub, session.tokens.expires_at) == (tokens.sub, tokens.expires_at)
    world.clock.advance(7201)
    await session.user.me()
    assert world.asked == 1


async def test_made_of_a_refresh_token(world: Any) -> None:
    """A bare refresh token is exchanged at the first call, once for all callers."""
    tokens = (await world.session()).tokens
    session = world.auth.session(refresh_token=tokens.refresh_token)
    assert dict(session.unverified_claims) == {}
    await asyncio.gather(*(session.user.me() for _ in range(10)))
    assert world.asked == 1
    assert session.tokens.sub == tokens.sub


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"access_token": ""},
        {"refresh_token": ""},
        {"access_token": "with space"},
        {"access_token": "line\nbreak"},
        {"access_token": "\u00e4"},
        {"tokens": {}},
        {"tokens": {"access_token": 1}},
        {"tokens": {"access_token": "a"}, "refresh_token": "b"},
        {"tokens": 5},
    ],
)
async def test_made_of_nonsense(world: Any, arguments: Any) -> None:
    """What cannot be tokens is refused before anything is sent."""
    with pytest.raises(errors.ConfigurationError):
        world.auth.session(**arguments)
    assert world.emulator.journal == []


def test_no_loop_is_needed(open_world: Any) -> None:
    """Client and session are made, read, invalidated and given hooks without a loop (B15)."""
    from cloudbase_auth_async import AuthClient  # noqa: PLC0415 - nothing else here needs it

    session = AuthClient("some-env").session(access_token="a", refresh_token="b")
    session.on_change(print)
    session.invalidate("a")
    assert session.can_refresh
    assert session.tokens.refresh_token == "b"
    assert session.middleware is not None


async def test_no_secret_is_shown(world: Any) -> None:
    """Neither a session nor its errors show a token, and a pair is not pickled (B23)."""
    session = await world.session()
    secrets = (session.tokens.access_token, session.tokens.refresh_token)
    shown = [repr(session), str(session), repr(session.tokens), repr(vars(type(session)))]
    world.emulator.revoke(session.tokens.access_token, session=True)
    with pytest.raises(errors.SessionEnded) as caught:
        await session.refresh()
    shown += [str(caught.value), repr(vars(caught.value)), repr(caught.value)]
    assert not any(secret in text for secret in secrets for text in shown)
    assert session.tokens.sub in repr(session)
    with pytest.raises(TypeError):
        pickle.dumps(session.tokens)
    assert copy.deepcopy(session.tokens) is session.tokens
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args  # noqa: S301


async def test_access_only(world: Any) -> None:
    """Without a refresh token a session says so, works until its end, and then says why (B28)."""
    session = world.auth.session(access_token=(await world.session()).tokens.access_token)
    assert not session.can_refresh
    with pytest.raises(errors.ReauthenticationRequired):
        await session.refresh()
    for age in (6901, 270, 28):
        world.clock.advance(age)
        await session.user.me()
    world.clock.advance(1)
    for call in (session.access_token, session.user.me, session.refresh):
        with pytest.raises(errors.ReauthenticationRequired):
            await call()
    assert (world.asked, len(world.sent("GET /user/me"))) == (0, 3)


async def test_anonymous_without_a_refresh_token(open_world: Any) -> None:
    """An anonymous user of a service that gives no refresh token is access-only (B28)."""
    async with open_world(anonymous_refresh=False) as world:
        session = world.auth.session(await world.auth.sign_in.anonymously())
        assert not session.can_refresh
        await session.user.me()
        world.clock.advance(7201)
        with pytest.raises(errors.ReauthenticationRequired):
            await session.user.me()


async def test_invalidated_access_only(world: Any) -> None:
    """An access-only token that its owner gave up is not handed out again (B28)."""
    token = (await world.session()).tokens.access_token
    session = world.auth.session(access_token=token)
    session.invalidate(token)
    with pytest.raises(errors.ReauthenticationRequired):
        await session.access_token()


async def test_pair_is_a_snapshot(world: Any) -> None:
    """A pair in hand does not change under its holder's feet (B31)."""
    session = await world.session()
    before = session.tokens
    shown = before.to_dict()
    after = await session.refresh()
    assert before.to_dict() == shown
    assert after is session.tokens
    assert {before.access_token, before.refresh_token}.isdisjoint(
        {after.access_token, after.refresh_token}
    )


async def test_refresh_carries_no_user_bearer(world: Any) -> None:
    """The expired bearer is never sent to `/token` or `/revoke` (B27)."""
    session = await world.session()
    world.clock.advance(7201)
    await session.refresh()
    await session.sign_out()
    for entry in world.sent("POST /token") + world.sent("POST /revoke"):
        assert entry.header("Authorization").startswith("Basic ")


async def test_session_is_an_async_context_manager(world: Any) -> None:
    """`async with` closes the session, and leaves its client and its tokens alone."""
    async with await world.session() as session:
        await session.user.me()
    assert session.tokens.access_token
    for call in (session.access_token, session.refresh, session.user.me, session.sign_out):
        with pytest.raises(errors.ClientClosed):
            await call()
    await (await world.session()).user.me()


async def test_every_group_goes_through_the_session(world: Any) -> None:
    """Every group of user calls refreshes first when it must."""
    session = await world.session()
    world.clock.advance(7201)
    assert await session.providers.list() == ()
    world.clock.advance(7201)
    assert (await session.user.sudo(password="Passw0rd!")).sudo_token
    assert world.asked == 2


async def test_a_session_is_not_pickled(world: Any) -> None:
    """It holds secrets and belongs to its client; whoever pickles it is told so."""
    with pytest.raises(TypeError, match="TokenSession holds a secret and is not pickled"):
        pickle.dumps(await world.session())
