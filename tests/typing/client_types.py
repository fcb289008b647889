"""Never run: the type checkers read it and find the types of the client's other calls right."""

from collections.abc import Mapping
from typing import Any, assert_type

from cloudbase_auth_async import AuthClient, TokenPair
from cloudbase_auth_async.models import (
    AuthorizationInfo,
    ClientInfo,
    MiniProgramCode,
    MiniProgramCodeStatus,
    ProviderGrant,
    ProviderRedirect,
    ProviderSubType,
    ScopeInfo,
    SendLimit,
    ThirdPartyProfile,
    Verification,
)


async def signing_in(auth: AuthClient) -> None:
    """Each way in answers tokens."""
    assert_type(await auth.sign_in.password("name", "password", captcha_token="captcha"), TokenPair)
    assert_type(await auth.sign_in.code("proof"), TokenPair)
    assert_type(
        await auth.sign_in.code("proof", username="name", captcha_token="captcha"), TokenPair
    )
    assert_type(await auth.sign_in.anonymously(provider_token="token"), TokenPair)
    assert_type(await auth.sign_in.anonymously(captcha_token="captcha"), TokenPair)
    assert_type(await auth.sign_in.provider("token"), TokenPair)
    assert_type(
        await auth.sign_in.provider(
            "token", provider_id="github", force_disable_sign_up=True, captcha_token="captcha"
        ),
        TokenPair,
    )
    assert_type(await auth.sign_in.custom("ticket", captcha_token="captcha"), TokenPair)
    assert_type(await auth.token.password_grant("name", "password"), TokenPair)
    assert_type(
        await auth.token.authorization_code("code", redirect_uri="uri", code_verifier="verifier"),
        TokenPair,
    )


async def codes(auth: AuthClient) -> None:
    """A code that was sent may say how many more there may be."""
    sent = await auth.verification.send(
        email="a@example.com",
        target="ANY",
        usage="SIGN_IN",
        email_redirect_to="https://app.example/",
        locale="en-US",
        destination="somewhere",
        captcha_token="captcha",
    )
    assert_type(sent, Verification)
    assert_type(sent.limit, SendLimit | None)
    if sent.limit is not None:
        assert_type(sent.limit.remaining, int | None)


async def third_parties(auth: AuthClient, others: Mapping[str, str]) -> None:
    """Where to go, and what it is worth; any mapping of strings will do."""
    redirect = await auth.providers.redirect_uri("github", state="state", other_params=others)
    assert_type(redirect, ProviderRedirect)
    assert_type(redirect.uri, str)
    assert_type(redirect.signout_uri, str | None)
    grant = await auth.providers.grant("github", provider_code="code")
    assert_type(grant, ProviderGrant)
    assert_type(grant.provider_profile, ThirdPartyProfile | None)
    if grant.provider_profile is not None:
        assert_type(grant.provider_profile.sub, str | None)
        assert_type(grant.provider_profile.meta, Mapping[str, Any] | None)
    patched = await auth.providers.patch("token", provider_params={"code": "code"})
    assert_type(patched, ProviderGrant)
    sub_type = await auth.providers.sub_type()
    assert_type(sub_type, ProviderSubType)
    assert_type(sub_type.provider_sub_type, str | None)


async def a_mini_program(auth: AuthClient) -> None:
    """A code to show, and what comes of it."""
    shown = await auth.providers.qr_code("wx1", env="env-id")
    assert_type(shown, MiniProgramCode)
    assert_type(shown.qr_code, str)
    told = await auth.providers.qr_code_status(shown.qr_code_id, wx_app_id="wx1")
    assert_type(told, MiniProgramCodeStatus)
    assert_type(told.status, str)
    assert_type(told.provider_token, str | None)


async def from_outside(auth: AuthClient) -> None:
    """What can be done without a user."""
    assert_type(
        await auth.accounts.reset_password(
            phone_number="+86 13800000000", new_password="new", verification_token="proof"
        ),
        None,
    )
    assert_type(await auth.accounts.exists("name", captcha_token="captcha"), bool)
    info = await auth.authorization.info(scope="user sso", locale="zh-CN")
    assert_type(info, AuthorizationInfo)
    assert_type(info.client, ClientInfo)
    assert_type(info.scopes, tuple[ScopeInfo, ...])
    assert_type(info.scopes[0].children, tuple[ScopeInfo, ...])


async def a_patch_needs_its_params(auth: AuthClient) -> None:
    """What a call cannot do without is no option: without the ignore the checker fails."""
    await auth.providers.patch("token")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
