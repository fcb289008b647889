"""
What comes from outside the service: a third party's codes, and what a test demands.

The facade and the control endpoints both arrange it here.
"""

from collections.abc import Mapping

from cloudbase_auth_async.testing import _captcha, _provider_tokens, _qr_codes
from cloudbase_auth_async.testing._mistyped import check_name
from cloudbase_auth_async.testing._routes import ROUTE_NAMES
from cloudbase_auth_async.testing._state import BoundProvider, State
from cloudbase_auth_async.testing._values import CaptchaPlace


def provider_token(
    state: State,
    now: float,
    *,
    provider_id: str = "github",
    provider_user_id: str = "provider-user",
    provider_user_name: str = "octocat",
    profile: Mapping[str, str] | None = None,
) -> str:
    """Return a provider_token that is accepted once."""
    account = BoundProvider(
        provider_id=provider_id,
        provider_user_id=provider_user_id,
        provider_user_name=provider_user_name,
    )
    return _provider_tokens.mint(state, account, now, _texts(profile))


def provider_code(
    state: State,
    now: float,
    *,
    provider_id: str = "github",
    provider_user_id: str = "provider-user",
    provider_user_name: str = "octocat",
    profile: Mapping[str, str] | None = None,
    redirect_uri: str | None = None,
) -> str:
    """Return a provider_code that is exchanged once, where it was sent if that is said."""
    account = BoundProvider(
        provider_id=provider_id,
        provider_user_id=provider_user_id,
        provider_user_name=provider_user_name,
    )
    return _provider_tokens.mint_code(
        state, account, now, profile=_texts(profile), redirect_uri=redirect_uri
    )


def approve_qr_code(
    state: State,
    now: float,
    qr_code_id: str,
    *,
    provider_user_id: str = "provider-user",
    provider_user_name: str = "octocat",
    profile: Mapping[str, str] | None = None,
) -> None:
    """Let somebody scan a QR code that waits, and agree."""
    _qr_codes.approve(
        state,
        now,
        qr_code_id,
        provider_user_id=provider_user_id,
        provider_user_name=provider_user_name,
        profile=_texts(profile),
    )


def captchas(state: State, now: float) -> Mapping[str, str]:
    """Return what each picture shows that waits for an answer, by its token."""
    pictures = state.captcha_pictures.items()
    return {token: each.text for token, each in pictures if each.expires_at > now}


def require_captcha(
    state: State, route: str, *, after: int = 0, where: CaptchaPlace = "either"
) -> None:
    """Let a route answer nobody who brings no captcha_token, once so many more have passed."""
    check_name("route", route, ROUTE_NAMES)
    _captcha.require(state, route, after, where)


def _texts(profile: Mapping[str, str] | None) -> dict[str, str]:
    told = dict(profile or {})
    for name, value in told.items():
        # From the control endpoints anything may come.
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{name} must be a string")
    return told
