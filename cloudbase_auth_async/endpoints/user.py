"""The current user: profile, password, the end of the account."""

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async.endpoints.account import Account
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models import SudoToken, UserProfile

# These calls refuse in one way only for want of permission: the sudo token is missing or dead.
_RENAMED = {"permission_denied": errors.SudoRequired}


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
    ) -> None:
        """
        Change the password. The old one is dead at once, and other devices are signed out.

        Args:
            new_password: the documentation asks for 8 to 64 characters of all four classes.
            old_password: needed where the user has one, unless `sudo_token` proves enough.
            sudo_token: of `sudo`; a service that speaks the documented contract demands it.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCredentials: the old password is wrong.
            SudoRequired: the service wants a `sudo_token`, or a fresh one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-update-password (2026-11-22)
        """
        sudo = config.optional_text("sudo_token", sudo_token)
        body = {
            "old_password": config.optional_text("old_password", old_password),
            "new_password": config.text("new_password", new_password),
            "sudo_token": sudo,
        }
        form = Form(
            method="PATCH",
            route="/user/password",
            auth=Auth.USER,
            query={"sudo_token": sudo},
            body=body,
        )
        await self._caller.call(
            Call[None](
                operation="user.update_password", answer=None, forms=(form,), renamed=_RENAMED
            )
        )

    @sealed
    async def delete(self, *, sudo_token: str | None = None) -> None:
        """
        Delete the current user, for good.

        Args:
            sudo_token: of `sudo`; a service that speaks the documented contract demands it.

        Raises:
            SudoRequired: the service wants a `sudo_token`, or a fresh one.
            SessionError: there is no valid token and none can be had.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/user-delete-me (2026-11-22)
        """
        sudo = config.optional_text("sudo_token", sudo_token)
        form = Form(method="DELETE", route="/user/me", auth=Auth.USER, query={"sudo_token": sudo})
        await self._caller.call(
            Call[None](operation="user.delete", answer=None, forms=(form,), renamed=_RENAMED)
        )

    @sealed
    async def sudo(
        self, *, password: str | None = None, verification_token: str | None = None
    ) -> SudoToken:
        """
        Prove afresh who the user is, for a call that demands it.

        Args:
            password: the user's; one of the two, not both.
            verification_token: of `verification.verify`, for the phone number or e-mail that is
                bound. Where a phone number is bound, the vendor's client uses this one.

        Returns:
            a token for `update_password`, `edit_contact` or `delete`; 900 seconds by the
            documentation.

        Raises:
            ConfigurationError: neither or both are given.
            InvalidCredentials: the password is wrong.
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
        return await self._caller.call(Call(operation="user.sudo", answer=SudoToken, forms=(form,)))
