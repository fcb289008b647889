"""Never run: the type checkers read it in strict mode and find the inferred types right."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_type

from cloudbase_auth_async import TokenPair, TokenSession, UserProfile
from cloudbase_auth_async._call import Call
from cloudbase_auth_async.endpoints.devices import Devices
from cloudbase_auth_async.endpoints.own_verification import OwnVerification
from cloudbase_auth_async.endpoints.providers import transfer_call
from cloudbase_auth_async.endpoints.user_authorization import UserAuthorization
from cloudbase_auth_async.models import (
    Authorization,
    AuthorizationInfo,
    FoundUser,
    FoundUsers,
    SecurityEvent,
    SecurityHistory,
    Verification,
)


async def account(session: TokenSession) -> None:
    """What changes the account, or looks users up."""
    assert_type(await session.user.edit(nickname="Alice", phone="+86 13800000000"), None)
    profile = await session.user.edit_profile(name="Alice", birthdate="2000-02-29")
    assert_type(profile, UserProfile)
    assert_type(profile.email_verified, bool | None)
    assert_type(profile.last_sign_in_at, datetime | None)
    assert_type(profile.login_type, str | None)
    assert_type(
        await session.user.update_password(
            new_password="new", confirm_password="new", captcha_token="captcha"
        ),
        None,
    )
    assert_type(
        await session.user.edit_contact(
            email="a@example.com", sudo_token="sudo", verification_token="proof"
        ),
        None,
    )
    found = await session.user.find(ids={"1", "2"})
    assert_type(found, FoundUsers)
    assert_type(found.data, tuple[FoundUser, ...])
    history = await session.user.security_history(sign_ins=False, limit=5, page_token=None)
    assert_type(history, SecurityHistory)
    assert_type(history.data, tuple[SecurityEvent, ...])
    assert_type(history.data[0].created_at, datetime | None)
    assert_type(history.page_token, str | None)
    assert_type(await session.user.weda_info(), Mapping[str, Any])


async def own_code(session: TokenSession) -> None:
    """A code to the user's own phone number or e-mail."""
    assert_type(session.verification, OwnVerification)
    assert_type(await session.verification.send(email="a@example.com"), Verification)


async def providers(session: TokenSession) -> None:
    """Third-party accounts."""
    assert_type(await session.providers.bind("token", with_user_center=True), None)
    assert_type(await session.providers.unbind("github", with_user_center=False), None)
    assert_type(await session.providers.change("github", "token"), str)
    assert_type(transfer_call("token"), Call[TokenPair])


async def devices(session: TokenSession) -> None:
    """Ending sessions."""
    assert_type(session.devices, Devices)
    assert_type(await session.devices.revoke("device"), None)
    assert_type(await session.devices.revoke_all(), None)


async def authorization(session: TokenSession) -> None:
    """What a user allows others."""
    assert_type(session.authorization, UserAuthorization)
    answer = await session.authorization.authorize(state="state")
    assert_type(answer, Authorization)
    assert_type(answer.code, str | None)
    assert_type(answer.expires_in, int | None)
    assert_type(await session.authorization.device("BCDF-GHJK"), None)
    assert_type(await session.authorization.info(), AuthorizationInfo)


async def wrong(session: TokenSession) -> None:
    """What is keyword-only, or has one type, is held to it: without the ignores a checker fails."""
    await session.user.edit("Alice")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await session.user.find("alice")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await session.user.security_history(limit="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await session.providers.bind("token", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # noqa: FBT003
