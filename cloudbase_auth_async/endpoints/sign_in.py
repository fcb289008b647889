"""Ways to sign in: each answers a `TokenPair`."""

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._call import Auth, Call, Caller, Dialect, Form, Turn
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair

# To a sign-in "not found" can only mean the user, and "unimplemented" that it is switched off.
_RENAMED = {"not_found": errors.UserNotFound, "unimplemented": errors.LoginMethodDisabled}


class SignIn:
    """`auth.sign_in`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def password(self, username: str, password: str) -> TokenPair:
        """
        Sign in with a password.

        Args:
            username: the user name, the e-mail, or the phone number as `"+86 13800000000"`.
            password: the password.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCredentials: the user name or the password is wrong.
            UserNotFound: no such user.
            UserBlocked, UserPending: the account may not sign in.
            CaptchaRequired: after some wrong passwords the service wants a captcha.
            TooManyAttempts: the sign-in is locked for a while.
            InvalidClient: the client's own id or secret is wrong.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in (2026-11-22)
        """
        body = {
            "username": config.text("username", username),
            "password": config.text("password", password),
        }
        form = Form(method="POST", route="/signin", auth=Auth.CLIENT, device=True, body=body)
        return await self._caller.call(
            Call(operation="sign_in.password", answer=TokenPair, forms=(form,), renamed=_RENAMED)
        )

    @sealed
    async def anonymously(self) -> TokenPair:
        """
        Sign in as the anonymous user of this client's `device_id`.

        The same device id gives the same user. Whether the answer has a refresh token is up to
        the service; without one, sign in again when the access token is dead.

        Raises:
            LoginMethodDisabled: the environment has anonymous sign-in switched off.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in-anonymously (2026-11-22)
        """
        primary = Form(
            method="POST", route="/signin-anonymously", auth=Auth.CLIENT, device=True, body={}
        )
        documented = attrs.evolve(primary, dialect=Dialect.DOCUMENTED, route="/signin/anonymously")
        return await self._caller.call(
            Call(
                operation="sign_in.anonymously",
                answer=TokenPair,
                forms=(primary, documented),
                turn=Turn.NO_ROUTE,
                feature="anonymous",
                renamed=_RENAMED,
                # One anonymous user per device id: asking twice makes nobody twice.
                repeatable=True,
            )
        )
