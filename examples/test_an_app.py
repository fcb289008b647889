"""
The tests of a small app, with the pytest plugin that comes with `cloudbase-auth-async`.

    pip install ".[testing]" pytest pytest-asyncio     # in a checkout of the library
    pytest examples/test_an_app.py

The plugin's fixtures need no network and no event loop of their own. Under anyio's plugin the
same tests run with `pytestmark = pytest.mark.anyio`.
"""
# ruff: noqa: S101 -- pytest asserts

import asyncio

import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, TokenSession, errors
from cloudbase_auth_async.testing import Emulator, User

pytestmark = pytest.mark.asyncio


# The app ---------------------------------------------------------------------------------------


async def greeting(session: TokenSession) -> str:
    """Greet the signed-in user, whatever the state of the access token."""
    try:
        me = await session.user.me()
    except (errors.SessionEnded, errors.NotSignedIn, errors.ReauthenticationRequired):
        return "Please sign in again."
    except CloudBaseAuthError:
        return "Please try again later."
    return f"Hello, {me.username}!"


async def sign_in(auth: AuthClient, username: str, password: str) -> TokenSession | None:
    """Sign a user in, or return None if name and password do not go together."""
    try:
        return auth.session(await auth.sign_in.password(username, password))
    except (errors.InvalidCredentials, errors.UserNotFound):
        return None


# Its tests -------------------------------------------------------------------------------------


async def test_sign_in(cloudbase_auth: AuthClient, cloudbase_user: User) -> None:
    """Who knows the password is greeted; who does not is nobody."""
    session = await sign_in(cloudbase_auth, "alice", cloudbase_user.password or "")
    assert session is not None
    assert await greeting(session) == "Hello, alice!"
    assert await sign_in(cloudbase_auth, "alice", "guessed") is None
    assert await sign_in(cloudbase_auth, "mallory", "guessed") is None


async def test_greeting_survives_expiry(
    cloudbase_session: TokenSession, cloudbase_emulator: Emulator
) -> None:
    """After the access token has died fifty greetings at once cost one refresh."""
    cloudbase_emulator.expire_access_token()
    greetings = await asyncio.gather(*(greeting(cloudbase_session) for _ in range(50)))
    assert set(greetings) == {"Hello, alice!"}
    cloudbase_emulator.assert_spends(1)
    await cloudbase_emulator.assert_no_tasks()


async def test_greeting_after_three_months(
    cloudbase_session: TokenSession, cloudbase_emulator: Emulator
) -> None:
    """Somebody who stayed away for longer than a refresh token lives is asked to sign in."""
    cloudbase_emulator.time_travel(90 * 86_400)
    assert await greeting(cloudbase_session) == "Please sign in again."


async def test_lost_answer(cloudbase_session: TokenSession, cloudbase_emulator: Emulator) -> None:
    """An answer that is lost on its way is asked for once more."""
    cloudbase_emulator.lose_next_response("GET /user/me")
    assert await greeting(cloudbase_session) == "Hello, alice!"


async def test_bad_day(cloudbase_session: TokenSession, cloudbase_emulator: Emulator) -> None:
    """While a proxy answers for the service, the user is told to come back."""
    cloudbase_emulator.faults.add("GET /user/me", "bad_gateway", times=None)
    assert await greeting(cloudbase_session) == "Please try again later."


async def test_bad_day_for_a_refresh(
    cloudbase_session: TokenSession, cloudbase_emulator: Emulator
) -> None:
    """A refresh that meets trouble signs nobody out: a little later all is well."""
    cloudbase_emulator.expire_access_token()
    cloudbase_emulator.faults.add("POST /token", "bad_gateway")
    assert await greeting(cloudbase_session) == "Please try again later."
    cloudbase_emulator.time_travel(60)
    assert await greeting(cloudbase_session) == "Hello, alice!"


async def test_log_shows_no_secret(
    cloudbase_session: TokenSession,
    cloudbase_emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing in the log, down to its lowest level, would sign anybody in."""
    caplog.set_level("DEBUG")
    await cloudbase_session.refresh()
    assert await greeting(cloudbase_session) == "Hello, alice!"
    assert "user.me" in caplog.text
    cloudbase_emulator.assert_no_secrets(caplog)
