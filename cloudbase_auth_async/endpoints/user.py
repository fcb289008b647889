"""The current user: profile, password, the end of the account."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.endpoints.account import Account
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models import SudoToken, UserProfile
from cloudbase_auth_async.models._fields import extra_fields, unpicklable

# These calls refuse in one way only for want of permission: the sudo token is missing or dead.
_RENAMED = {"permission_denied": errors.SudoRequired}


@attrs.frozen(kw_only=True, eq=False)
class _WedaInfo(Mapping[str, Any]):
    """An answer of which nothing is known: any of it may be a secret, so no repr shows it."""

    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable

    def __getitem__(self, name: str) -> Any:
        return self.extra[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.extra)

    def __len__(self) -> int:
        return len(self.extra)


class User(Account):
    """`session.user`."""

    __slots__ = ()

    @sealed
    async def me(self) -> UserProfile:
        """
        Read the current user's profile.

        Raises:
            Unauthenticated: the service takes neither the token nor its successor.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/user-me (2026-11-22)
        """
        form = Form(method="GET", route="/user/me", auth=Auth.USER)
        return await self._caller.call(
            Call(operation="user.me", answer=UserProfile, forms=(form,), repeatable=True)
        )

    @sealed
    async def update_password(
        self,
        *,
        new_password: str,
        old_password: str | None = None,
        sudo_token: str | None = None,
        confirm_password: str | None = None,
        captcha_token: str | None = None,
    ) -> None:
        """
        Change the password. The old one is dead at once, and other devices are signed out.

        Args:
            new_password: the documentation asks for 8 to 64 characters, among them upper and
                lower case letters, digits and special characters.
            old_password: needed where the user has one, unless `sudo_token` proves enough.
            sudo_token: of `sudo`, 900 seconds; a service that speaks the documented contract
                demands it.
            confirm_password: the new one as it was typed a second time. It has to be the same,
                and is sent along; a service of the primary contract does not look at it.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty, or the two new passwords differ.
            InvalidCredentials: the old password is wrong, or missing.
            InvalidArgument: the service finds the new password too weak.
            SudoRequired: the service wants a `sudo_token`, or a fresh one.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-update-password (2026-11-22)
        """
        sudo = config.optional_text("sudo_token", sudo_token)
        body = {
            "old_password": config.optional_text("old_password", old_password),
            "new_password": config.text("new_password", new_password),
            "confirm_password": confirm_password,
            "sudo_token": sudo,
        }
        # Who does not know the field would set a password that somebody mistyped.
        if confirm_password not in (None, new_password):
            raise ConfigurationError("confirm_password", "must be the same as new_password")
        form = Form(
            method="PATCH",
            route="/user/password",
            auth=Auth.USER,
            query={"sudo_token": sudo},
            body=body,
        )
        await self._caller.call(
            Call[None](
                operation="user.update_password",
                answer=None,
                forms=(form,),
                renamed=_RENAMED,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def delete(
        self, *, sudo_token: str | None = None, captcha_token: str | None = None
    ) -> None:
        """
        Delete the current user, for good.

        Args:
            sudo_token: of `sudo`, 900 seconds; a service that speaks the documented contract
                demands it.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            SudoRequired: the service wants a `sudo_token`, or a fresh one.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-delete-me (2026-11-22)
        """
        sudo = config.optional_text("sudo_token", sudo_token)
        form = Form(method="DELETE", route="/user/me", auth=Auth.USER, query={"sudo_token": sudo})
        await self._caller.call(
            Call[None](
                operation="user.delete",
                answer=None,
                forms=(form,),
                renamed=_RENAMED,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def sudo(
        self,
        *,
        password: str | None = None,
        verification_token: str | None = None,
        captcha_token: str | None = None,
    ) -> SudoToken:
        """
        Prove afresh who the user is, for a call that demands it.

        Args:
            password: the user's; one of the two, not both.
            verification_token: of `verification.verify`, for the phone number or e-mail that is
                bound; 600 seconds, single use. Where a phone number is bound, the vendor's client
                uses this one.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Returns:
            a token for `update_password`, `edit_contact` or `delete`; 900 seconds by the
            documentation.

        Raises:
            ConfigurationError: neither or both proofs are given, or an argument is empty.
            InvalidCredentials: the password is wrong, or the user has none.
            InvalidArgument, InvalidCode: the verification token is wrong, used, expired or
                somebody else's.
            TooManyAttempts: it is locked for a while.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/user-sudo (2026-11-22)
        """
        if (password is None) == (verification_token is None):
            raise ConfigurationError("password", "or verification_token must be given, not both")
        body = {
            "password": config.optional_text("password", password),
            "verification_token": config.optional_text("verification_token", verification_token),
        }
        form = Form(method="POST", route="/user/sudo", auth=Auth.USER, body=body)
        return await self._caller.call(
            Call(
                operation="user.sudo",
                answer=SudoToken,
                forms=(form,),
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def weda_info(self) -> Mapping[str, Any]:
        """
        Read what WeDa, the vendor's low-code platform, knows of the current user.

        Only the vendor's JavaScript client has this call, and it does not say what it answers.

        Returns:
            the answer as it came, to be read as any mapping; its `repr` shows nothing of it.

        Raises:
            NotFound: the service has no such call.
            Unauthenticated: the service takes neither the token nor its successor.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        form = Form(method="GET", route="/plugin/weda/userinfo", auth=Auth.USER)
        return await self._caller.call(
            Call(operation="user.weda_info", answer=_WedaInfo, forms=(form,), repeatable=True)
        )
