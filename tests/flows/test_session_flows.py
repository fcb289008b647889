"""Flows of a signed-in user: a password where sudo is demanded, an anonymous user who signs up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD, NEW = "Passw0rd!", "N3w-passw0rd"
PHONE = "+86 13900000000"
MAIL = "alice@example.com"


async def _alice(auth: AuthClient) -> TokenSession:
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


async def _anonymous(auth: AuthClient) -> TokenSession:
    return auth.session(await auth.sign_in.anonymously())


@pytest.fixture
async def strict() -> AsyncIterator[Emulator]:
    """Return an emulator that speaks the documented contract alone, and so demands sudo."""
    async with Emulator(clock=ManualClock(), algorithm="HS256", dialect="documented") as running:
        running.add_user(username="alice", password=PASSWORD, email=MAIL)
        running.add_user(username="carol", email="carol@example.com")
        yield running


async def test_upgrade_keeps_the_user(auth: AuthClient, person: Any) -> None:
    """The anonymous user has a phone number and the same sub, and the session goes on."""
    session = await _anonymous(auth)
    before = session.tokens
    tokens = await session.flows.upgrade(phone_number=PHONE, name="Bob").run(person(PHONE))
    assert session.tokens.refresh_token == tokens.refresh_token != before.refresh_token
    assert tokens.sub == before.sub
    profile = await session.user.me()
    assert (profile.phone_number, profile.name) == (PHONE, "Bob")
    assert session.tokens.scope != "anonymous"


async def test_upgrade_of_a_kept_session(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """The store has the new tokens before the flow answers."""
    session = await auth.sessions.put("guest", await auth.sign_in.anonymously())
    tokens = await session.flows.upgrade(email="bob@example.com").run(person("bob@example.com"))
    assert await auth.sessions.get("guest") is session
    emulator.clock.advance(seconds=7201)
    assert (await session.user.me()).sub == tokens.sub


async def test_upgrade_after_the_token_died(
    auth: AuthClient, emulator: Emulator, person: Any
) -> None:
    """An anonymous session whose access token died while the person typed refreshes first."""
    session = await _anonymous(auth)
    sub = session.tokens.sub
    flow = session.flows.upgrade(phone_number=PHONE)
    await flow.send()
    code = emulator.codes[PHONE]
    emulator.clock.advance(seconds=599)
    session.invalidate(session.tokens.access_token)
    assert (await flow.complete(code)).sub == sub
    emulator.assert_spends(1)


async def test_upgrade_cancelled_at_each_await(
    auth: AuthClient, emulator: Emulator, person: Any
) -> None:
    """Wherever it is cancelled, running it again brings the user's tokens, and one user (B5)."""
    for turns in range(45):
        place = f"+86 139{turns:08d}"
        auth.session(await auth.sign_in.anonymously())
        async with emulator.client(device_id=f"device-{turns}") as guest:
            session = await _anonymous(guest)
            sub, asked = session.tokens.sub, person(place)
            flow = session.flows.upgrade(phone_number=place)
            caller = asyncio.create_task(flow.run(asked))
            for _ in range(turns):
                await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait({caller})
            tokens = await flow.run(asked)
            assert tokens.sub == sub == (await session.user.me()).sub
            assert session.tokens.refresh_token == tokens.refresh_token


async def test_upgrade_whose_answer_was_lost(
    auth: AuthClient, emulator: Emulator, person: Any
) -> None:
    """Tried again, the flow finds that the user has the phone number already (B4)."""
    session = await _anonymous(auth)
    flow = session.flows.upgrade(phone_number=PHONE)
    emulator.faults.add("POST /signup", "drop_after")
    with pytest.raises(errors.TransportError):
        await flow.run(person(PHONE))
    tokens = await flow.run(person(PHONE))
    assert tokens is session.tokens
    assert (await session.user.me()).phone_number == PHONE


async def test_upgrade_to_a_taken_place(auth: AuthClient, person: Any) -> None:
    """An e-mail that is somebody's is the error, and the session is what it was."""
    session = await _anonymous(auth)
    before = session.tokens
    with pytest.raises(errors.PreconditionFailed):
        await session.flows.upgrade(email=MAIL).run(person(MAIL))
    assert session.tokens is before
    assert (await session.user.me()).email is None


async def test_upgrade_that_makes_another_user(
    auth: AuthClient, emulator: Emulator, person: Any
) -> None:
    """Tokens of another user are revoked, and the session keeps its own (B8)."""
    session = await _anonymous(auth)
    before, other = session.tokens, await auth.sign_in.password("alice", PASSWORD)
    body = b'{"access_token":"%s","refresh_token":"m.x","sub":"somebody"}'
    emulator.faults.add(
        "POST /signup", "status", status=200, body=body % other.access_token.encode()
    )
    with pytest.raises(errors.SubjectChanged):
        await session.flows.upgrade(phone_number=PHONE).run(person(PHONE))
    assert session.tokens is before
    assert not (await auth.token.introspect(other.access_token)).active


async def test_upgrade_with_a_third_party(auth: AuthClient, emulator: Emulator) -> None:
    """The anonymous user becomes one with a third-party account, and keeps their sub."""
    session = await _anonymous(auth)
    sub = session.tokens.sub
    tokens = await session.flows.upgrade_with_provider(
        emulator.provider_token("github"), name="Octo"
    )
    assert tokens.sub == sub
    assert session.tokens.refresh_token == tokens.refresh_token
    profile = await session.user.me()
    assert ([each.id for each in profile.providers], profile.name) == (["github"], "Octo")
    with pytest.raises(errors.ConfigurationError, match="anonymous"):
        await session.flows.upgrade_with_provider("a token")


async def test_upgrade_of_somebody(auth: AuthClient, sent: Any) -> None:
    """Who is not anonymous is told so before a code is sent for nothing."""
    session = await _alice(auth)
    with pytest.raises(errors.ConfigurationError, match="anonymous"):
        session.flows.upgrade(phone_number=PHONE)
    assert sent(1) == []
    opaque = auth.session(access_token="opaque")
    assert repr(opaque.flows.upgrade(phone_number=PHONE)) == "<CodeFlow upgrade>"
    with pytest.raises(errors.ConfigurationError, match="provider_token"):
        await opaque.flows.upgrade_with_provider("")


async def test_password_without_sudo(auth: AuthClient, sent: Any) -> None:
    """A service that takes the old password gets one call."""
    session = await _alice(auth)
    await session.flows.change_password(old_password=PASSWORD, new_password=NEW)
    assert sent(1) == ["PATCH /user/password"]
    assert await auth.sign_in.password("alice", NEW)


async def test_password_where_sudo_is_demanded(strict: Emulator) -> None:
    """A service that demands sudo gets it by the old password."""
    async with strict.client() as auth:
        session = await _alice(auth)
        await session.flows.change_password(old_password=PASSWORD, new_password=NEW)
        assert [entry.route for entry in strict.journal[1:]] == [
            "PATCH /user/password",
            "POST /user/sudo",
            "PATCH /user/password",
        ]
        assert await auth.sign_in.password("alice", NEW)


async def test_password_by_code(strict: Emulator, person: Any) -> None:
    """Who does not know the old password proves who they are by a code to their own e-mail."""
    async with strict.client() as auth:
        session = await _alice(auth)
        asked = person(MAIL)
        asked.emulator = strict
        await session.flows.change_password(new_password=NEW, ask=asked)
        assert await auth.sign_in.password("alice", NEW)
        assert strict.journal[3].json["target"] == "CUR_USER"


async def test_password_by_code_to_a_phone(strict: Emulator, person: Any) -> None:
    """Who has a phone number gets the code there, rather than by e-mail."""
    strict.add_user(username="dave", password=PASSWORD, phone_number=PHONE, email="d@example.com")
    async with strict.client() as auth:
        session = auth.session(await auth.sign_in.password("dave", PASSWORD))
        asked = person(PHONE)
        asked.emulator = strict
        await session.flows.change_password(new_password=NEW, ask=asked)
        assert await auth.sign_in.password("dave", NEW)


async def test_password_where_a_code_is_demanded(strict: Emulator, person: Any) -> None:
    """A service that does not take the password for sudo gets a code, if somebody can be asked."""
    async with strict.client() as auth:
        session = await _alice(auth)
        asked = person(MAIL)
        asked.emulator = strict
        refusal = b'{"error":"failed_precondition","error_code":9}'
        strict.faults.add("POST /user/sudo", "status", status=400, body=refusal)
        await session.flows.change_password(old_password=PASSWORD, new_password=NEW, ask=asked)
        strict.faults.add("POST /user/sudo", "status", status=400, body=refusal)
        with pytest.raises(errors.PreconditionFailed):
            await session.flows.change_password(old_password=NEW, new_password=PASSWORD)


async def test_password_with_too_little_proof(strict: Emulator, person: Any) -> None:
    """A wrong old password, or nothing to prove with, is said as it is; the password stays."""
    async with strict.client() as auth:
        session = await _alice(auth)
        asked = person(MAIL)
        with pytest.raises(errors.InvalidCredentials):
            await session.flows.change_password(
                old_password="wrong-1A!", new_password=NEW, ask=asked
            )
        assert not asked.asked
        with pytest.raises(errors.SudoRequired):
            await session.flows.change_password(new_password=NEW)
        strict.faults.add(
            "GET /user/me", "status", status=200, body=b'{"sub":"a user with no address"}'
        )
        with pytest.raises(errors.SudoRequired):
            await session.flows.change_password(new_password=NEW, ask=person(MAIL))
        assert await auth.sign_in.password("alice", PASSWORD)


async def test_password_that_is_too_weak(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """A refusal of the new password costs no code: asking who they are would not help."""
    session = await _alice(auth)
    asked = person(MAIL)
    emulator.faults.add(
        "PATCH /user/password", "status", status=400, body=b'{"error":"invalid_argument"}'
    )
    with pytest.raises(errors.InvalidArgument):
        await session.flows.change_password(old_password=PASSWORD, new_password="x", ask=asked)
    assert not asked.asked


async def test_sudo_by_code(auth: AuthClient, emulator: Emulator) -> None:
    """A code to the user's own e-mail brings a sudo token, in two steps."""
    session = await _alice(auth)
    flow = session.flows.sudo_by_code(email=MAIL)
    await flow.send()
    again = session.flows.sudo_by_code(email=MAIL, resume=flow.to_dict())
    sudo = await again.complete(emulator.codes[MAIL])
    await session.user.delete(sudo_token=sudo.sudo_token)
    with pytest.raises(errors.UserNotFound):
        await auth.sign_in.password("alice", PASSWORD)
