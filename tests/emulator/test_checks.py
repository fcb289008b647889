"""What a test of an app asks at its end, and what it is told."""

import asyncio
import logging

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD = "Passw0rd!"


@pytest.fixture
def emulator() -> Emulator:
    """Return an emulator."""
    return Emulator(clock=ManualClock(), algorithm="HS256")


@pytest.fixture
def auth(emulator: Emulator) -> AuthClient:
    """Return a client of it."""
    return emulator.memory_client()


@pytest.fixture
def session(emulator: Emulator, auth: AuthClient) -> TokenSession:
    """Return the session of a user."""
    user = emulator.add_user(username="alice", password=PASSWORD, email="alice@example.com")
    return auth.session(emulator.tokens(user))


async def test_spends(emulator: Emulator, session: TokenSession) -> None:
    """The number of exchanged tokens is checked, and both numbers are told."""
    emulator.assert_spends(0)
    await session.refresh()
    emulator.assert_spends(1)
    with pytest.raises(AssertionError, match=r"expected 2 .* 1 were presented, and 1 of them"):
        emulator.assert_spends(2)


async def test_spent_twice(emulator: Emulator, auth: AuthClient, session: TokenSession) -> None:
    """A token that was presented twice is no single spend."""
    token = session.tokens.refresh_token or ""
    await auth.token.refresh(token)
    with pytest.raises(errors.InvalidGrant):
        await auth.token.refresh(token)
    with pytest.raises(AssertionError, match="2 were presented, and 1 of them exchanged"):
        emulator.assert_spends(1)


async def test_lost_response(emulator: Emulator, session: TokenSession) -> None:
    """B4: a lost answer to a refresh is told as what it is, and nothing is sent twice."""
    fault = emulator.lose_next_response("POST /token")
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await session.refresh()
    assert fault.hits == 1
    emulator.assert_spends(1)


async def test_lost_response_of_any_route(emulator: Emulator, session: TokenSession) -> None:
    """Without a route the next answer is lost, whatever it is; a question is asked again."""
    emulator.lose_next_response()
    assert (await session.user.me()).username == "alice"
    assert [entry.status for entry in emulator.journal] == [None, 200]


async def test_own_log_shows_no_secret(
    emulator: Emulator,
    auth: AuthClient,
    session: TokenSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """B23: whatever the library logs, at any level, holds none of them."""
    caplog.set_level(logging.DEBUG)
    await auth.sign_in.password("alice", PASSWORD)
    sent = await auth.verification.send(email="alice@example.com")
    await auth.verification.verify(sent.verification_id, emulator.codes["alice@example.com"])
    await session.refresh()
    assert caplog.text
    emulator.assert_no_secrets(caplog)


async def test_secrets_are_found(emulator: Emulator, session: TokenSession) -> None:
    """Each kind of secret is found in a text, and named without being repeated."""
    first = session.tokens
    await session.refresh()
    sudo = (await session.user.sudo(password=PASSWORD)).sudo_token
    sent = await emulator.memory_client().verification.send(email="alice@example.com")
    code = emulator.codes["alice@example.com"]
    checked = await emulator.memory_client().verification.verify(sent.verification_id, code)
    await session.user.update_password(new_password="N3w-passw0rd!", sudo_token=sudo)
    basic = emulator.journal[0].header("authorization") or ""
    secrets = {
        "client_secret": emulator.client_secret,
        "access_token": first.access_token,
        "refresh_token": first.refresh_token,
        "verification_code": code,
        "password": PASSWORD,
        "verification_token": checked.verification_token,
        "sudo_token": sudo,
        "authorization": basic.removeprefix("Basic "),
    }
    for name, secret in secrets.items():
        with pytest.raises(AssertionError, match="the text shows secrets") as caught:
            emulator.assert_no_secrets(f"<{secret}>")
        assert name in str(caught.value).lower()
        assert str(secret) not in str(caught.value)


async def test_numbers_are_no_codes(emulator: Emulator, auth: AuthClient) -> None:
    """A code is not found in a longer number, nor is a very short password anywhere."""
    emulator.add_user(username="bob", password="x")
    await auth.verification.send(email="alice@example.com")
    code = emulator.codes["alice@example.com"]
    emulator.assert_no_secrets(f"exit 1{code}")
    with pytest.raises(AssertionError, match="verification_code"):
        emulator.assert_no_secrets(f"code={code}.")


async def test_secrets_deep_in_a_body(emulator: Emulator) -> None:
    """Secrets of any form in a request's body are looked for as well."""
    await emulator.__aenter__()
    try:
        reader, writer = await asyncio.open_connection(*_address(emulator))
        body = b'{"list": [{"api_secret": "hush-hush"}, 5], "token": 7}'
        head = f"POST /auth/v1/signin HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await reader.read()
        writer.close()
        await writer.wait_closed()
    finally:
        await emulator.__aexit__(None, None, None)
    emulator.assert_no_secrets("7")
    with pytest.raises(AssertionError, match="api_secret"):
        emulator.assert_no_secrets("hush-hush")


async def test_tasks_that_stay(emulator: Emulator, session: TokenSession) -> None:
    """A task of the library that does not end is named; one that ends is waited for."""
    fault = emulator.faults.add("POST /token", "hold")
    waiting = asyncio.create_task(session.refresh())
    await fault.arrived
    with pytest.raises(AssertionError, match="still running: cloudbase-auth refresh"):
        await emulator.assert_no_tasks(within_seconds=0.01)
    fault.release()
    await emulator.assert_no_tasks()
    await waiting


def _address(emulator: Emulator) -> tuple[str, int]:
    return "127.0.0.1", int(emulator.origin.rpartition(":")[2])
