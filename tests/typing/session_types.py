"""Never run: the type checkers read it in strict mode and find the inferred types right."""

from typing import assert_type

from cloudbase_auth_async import AuthClient, Introspection, TokenPair, TokenSession, UserProfile
from cloudbase_auth_async.models import LinkedProvider, SudoToken, Verification, VerifiedCode


async def client_coroutines(auth: AuthClient) -> None:
    """What needs no user."""
    assert_type(await auth.sign_in.password("name", "password"), TokenPair)
    assert_type(await auth.sign_in.anonymously(), TokenPair)
    sent = await auth.verification.send(phone_number="+86 13800000000")
    assert_type(sent, Verification)
    checked = await auth.verification.verify(sent.verification_id, "123456")
    assert_type(checked, VerifiedCode)
    registered = await auth.sign_up.register(
        email="a@example.com", verification_token=checked.verification_token
    )
    assert_type(registered, TokenPair)
    assert_type(await auth.token.refresh("refresh token"), TokenPair)
    answer = await auth.token.introspect("access token")
    assert_type(answer, Introspection)
    assert_type(answer.active, bool)
    assert_type(await auth.token.revoke("access token"), None)
    assert_type(await auth.aclose(), None)


async def session_coroutines(auth: AuthClient, tokens: TokenPair) -> None:
    """What needs a user stands on the session."""
    session = auth.session(tokens)
    assert_type(session, TokenSession)
    assert_type(await session.user.me(), UserProfile)
    assert_type(await session.user.sudo(password="password"), SudoToken)
    assert_type(await session.user.update_password(old_password="old", new_password="new"), None)
    assert_type(await session.user.delete(), None)
    assert_type(await session.providers.list(), tuple[LinkedProvider, ...])
    assert_type(await session.providers.bind("provider token"), None)
    assert_type(await session.providers.unbind("github"), None)
    assert_type(await session.access_token(), str)
    assert_type(await session.refresh(), TokenPair)
    assert_type(session.tokens.refresh_token, str | None)
    assert_type(await session.sign_out(), str | None)
    assert_type(await session.aclose(), None)


async def no_user_no_user_call(auth: AuthClient) -> None:
    """A user call without a user is a type error: without the ignore the checker fails."""
    await auth.user.me()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
