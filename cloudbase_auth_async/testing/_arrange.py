"""What a test arranges behind the service's back: third parties, keys for tickets, captchas."""

from collections.abc import Mapping

from cloudbase_auth_async.testing import _outside, _qr_codes, _tickets
from cloudbase_auth_async.testing._control import Control
from cloudbase_auth_async.testing._values import CaptchaPlace


class Arrangements:
    """The part of `Emulator` that plays the rest of the world."""

    __slots__ = ("_control",)

    _control: Control

    @property
    def captchas(self) -> Mapping[str, str]:
        """Return what each picture shows that waits for an answer, by its token."""
        return _outside.captchas(self._control.state, self._control.clock.wall())

    def require_captcha(
        self, route: str, *, after: int = 0, where: CaptchaPlace = "either"
    ) -> None:
        """
        Let a route answer nobody any more who brings no captcha_token.

        Args:
            route: method and path template, as `POST /verification`.
            after: how many calls pass without one first.
            where: the one place where the service looks for it: the header `x-captcha-token` or
                the query. What is elsewhere is neither checked nor used up.
        """
        _outside.require_captcha(self._control.state, route, after=after, where=where)

    def provider_token(
        self,
        provider_id: str = "github",
        *,
        provider_user_id: str = "provider-user",
        provider_user_name: str = "octocat",
        profile: Mapping[str, str] | None = None,
    ) -> str:
        """Return a provider_token that is accepted once, for 3600 seconds."""
        return _outside.provider_token(
            self._control.state,
            self._control.clock.wall(),
            provider_id=provider_id,
            provider_user_id=provider_user_id,
            provider_user_name=provider_user_name,
            profile=profile,
        )

    def provider_code(
        self,
        provider_id: str = "github",
        *,
        provider_user_id: str = "provider-user",
        provider_user_name: str = "octocat",
        profile: Mapping[str, str] | None = None,
        redirect_uri: str | None = None,
    ) -> str:
        """
        Return a provider_code, as the third party's redirect brings it; it works once.

        Args:
            provider_id: the third party.
            provider_user_id: who signed in there.
            provider_user_name: what they are called there.
            profile: what else the third party tells: picture, email, locale and the like.
            redirect_uri: where the code was sent; who exchanges it must then name the same.
        """
        return _outside.provider_code(
            self._control.state,
            self._control.clock.wall(),
            provider_id=provider_id,
            provider_user_id=provider_user_id,
            provider_user_name=provider_user_name,
            profile=profile,
            redirect_uri=redirect_uri,
        )

    def approve_qr_code(
        self,
        qr_code_id: str,
        *,
        provider_user_id: str = "provider-user",
        provider_user_name: str = "octocat",
        profile: Mapping[str, str] | None = None,
    ) -> None:
        """
        Let a person scan a QR code with the mini program, and agree.

        Args:
            qr_code_id: of `providers.qr_code`.
            provider_user_id: who they are at the third party, whose `provider_id` is the mini
                program's id.
            provider_user_name: what they are called there.
            profile: what else the third party tells: picture, email, locale and the like.
        """
        _outside.approve_qr_code(
            self._control.state,
            self._control.clock.wall(),
            qr_code_id,
            provider_user_id=provider_user_id,
            provider_user_name=provider_user_name,
            profile=profile,
        )

    def deny_qr_code(self, qr_code_id: str) -> None:
        """Let a person scan a QR code with the mini program, and say no."""
        _qr_codes.deny(self._control.state, self._control.clock.wall(), qr_code_id)

    def add_ticket_key(self) -> dict[str, str]:
        """Register a key for custom sign-in; return the content of a tcb_custom_login.json."""
        return _tickets.add_key(self._control.state)
