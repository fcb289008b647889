"""
Ways to sign in: each answers a `TokenPair`.

A code, a provider's token or a ticket is spent by the sign-in, and a wrong password is counted:
of these only the anonymous sign-in without a token is sent again if it may have arrived.
"""

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._call import Auth, Call, Caller, Dialect, Form, Turn
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair

# To a sign-in "not found" can only mean the user, and "unimplemented" that it is switched off.
_RENAMED = {"not_found": errors.UserNotFound, "unimplemented": errors.LoginMethodDisabled}


class SignIn:
    """
    `auth.sign_in`.

    By the documentation an access token lives 7200 seconds, and a refresh token 30 days, or 31.
    """

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def password(
        self, username: str, password: str, *, captcha_token: str | None = None
    ) -> TokenPair:
        """
        Sign in with a password.

        Args:
            username: the user name, the e-mail, or the phone number as `"+86 13800000000"`. A
                user name has 2 to 48 ASCII letters, digits and `-_.:+@`, a letter or digit first.
            password: the password.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCredentials: the user name or the password is wrong.
            UserNotFound: no such user.
            UserBlocked, UserPending: the account may not sign in.
            CaptchaRequired: after five wrong passwords, by its guide, the service wants a
                captcha.
            CaptchaInvalid: the captcha token is wrong, used or expired.
            TooManyAttempts: the sign-in is locked for a while.
            RateLimited: too many requests; see `retry_after`.
            SecondFactorRequired: the service wants a second factor, or a phone number for one.
            LoginMethodDisabled: the environment has signing in by password switched off.
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
            Call(
                operation="sign_in.password",
                answer=TokenPair,
                forms=(form,),
                renamed=_RENAMED,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def code(
        self,
        verification_token: str,
        *,
        username: str | None = None,
        captcha_token: str | None = None,
    ) -> TokenPair:
        """
        Sign in with a code that was sent to the user's phone number or e-mail, and was right.

        Args:
            verification_token: of `verification.verify`; 600 seconds, single use.
            username: who signs in: the phone number or e-mail the code was sent to. The newest
                documentation does without; older services want it.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            UserNotFound: nobody has that phone number or e-mail; `sign_up.register` takes the
                same token.
            InvalidArgument, InvalidCode: the token is wrong, used, expired or somebody else's.
            UserBlocked, UserPending: the account may not sign in.
            LoginMethodDisabled: the environment has signing in by code switched off.
            RateLimited: too many requests; see `retry_after`.
            SecondFactorRequired: the service wants a second factor, or a phone number for one.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in (2026-11-22)
        """
        body = {
            "verification_token": config.text("verification_token", verification_token),
            "username": config.optional_text("username", username),
        }
        form = Form(method="POST", route="/signin", auth=Auth.CLIENT, device=True, body=body)
        return await self._caller.call(
            Call(
                operation="sign_in.code",
                answer=TokenPair,
                forms=(form,),
                renamed=_RENAMED,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def anonymously(
        self, *, provider_token: str | None = None, captcha_token: str | None = None
    ) -> TokenPair:
        """
        Sign in as the anonymous user of this client's `device_id`.

        The same device id gives the same user: a client is one anonymous user. A web app with
        many anonymous visitors gives each a client with a `device_id` of theirs, or they are all
        the same one. Whether the answer has a refresh token is up to the service; without one,
        sign in again when the access token is dead, and have the session `adopt` the answer.
        An environment holds 10 million anonymous users, and new ones have this switched off.

        Args:
            provider_token: of `providers.grant`. The vendor's client may send one along, and
                does not say what for; 3600 seconds, and it is not sent twice.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            LoginMethodDisabled: the environment has anonymous sign-in switched off.
            InvalidGrant: the provider token is wrong, used or expired.
            PermissionDenied: a browser's `Origin` came along, and is none of the safe domains.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in-anonymously (2026-11-22)
        """
        token = config.optional_text("provider_token", provider_token)
        primary = Form(
            method="POST", route="/signin-anonymously", auth=Auth.CLIENT, device=True, body={}
        )
        documented = attrs.evolve(
            primary,
            dialect=Dialect.DOCUMENTED,
            route="/signin/anonymously",
            body={"provider_token": token},
        )
        return await self._caller.call(
            Call(
                operation="sign_in.anonymously",
                answer=TokenPair,
                # The primary contract has no such field: that form would leave the token out.
                forms=(primary, documented) if token is None else (documented,),
                turn=Turn.NO_ROUTE,
                feature="anonymous",
                renamed=_RENAMED,
                # One anonymous user per device id: asking twice makes nobody twice.
                repeatable=token is None,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def provider(
        self,
        provider_token: str,
        *,
        provider_id: str | None = None,
        force_disable_sign_up: bool | None = None,
        sync_profile: bool | None = None,
        captcha_token: str | None = None,
    ) -> TokenPair:
        """
        Sign in with a third-party account; somebody new is signed up unless told otherwise.

        Args:
            provider_token: of `providers.grant`; 3600 seconds, single use.
            provider_id: the third party that the token is of; services of an older generation
                demand it.
            force_disable_sign_up: refuse an account that is bound to nobody; false if left out.
            sync_profile: let the user have the name and picture of that account; false if left out.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty, or no bool where one is wanted.
            UserNotFound: the account is bound to nobody, and nobody is to be signed up.
            InvalidGrant: the token is wrong, used or expired.
            InvalidArgument: the token is of another third party.
            UserBlocked, UserPending: the account may not sign in.
            LoginMethodDisabled: the environment has this provider switched off.
            ProviderFailed: the third party failed.
            RateLimited: too many requests; see `retry_after`.
            SecondFactorRequired: the service wants a second factor, or a phone number for one.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in-with-provider (2026-11-22)
        """
        body = {
            "provider_token": config.text("provider_token", provider_token),
            "provider_id": config.optional_text("provider_id", provider_id),
            "force_disable_sign_up": config.optional_flag(
                "force_disable_sign_up", force_disable_sign_up
            ),
            "sync_profile": config.optional_flag("sync_profile", sync_profile),
        }
        form = Form(
            method="POST", route="/signin/with/provider", auth=Auth.CLIENT, device=True, body=body
        )
        return await self._caller.call(
            Call(
                operation="sign_in.provider",
                answer=TokenPair,
                forms=(form,),
                renamed=_RENAMED,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def custom(self, ticket: str, *, captcha_token: str | None = None) -> TokenPair:
        """
        Sign in a user of your own, whom your server vouches for.

        Args:
            ticket: signed by your server, see `TicketSigner`; it lives 10 minutes.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidArgument, InvalidGrant: the ticket is malformed, expired, or signed with a key
                that this environment does not know.
            UserBlocked: the account may not sign in.
            LoginMethodDisabled: the environment has custom sign-in switched off.
            RateLimited: too many requests; see `retry_after`.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-in-custom (2026-11-22)
        """
        body = {"provider_id": "custom", "ticket": config.text("ticket", ticket)}
        form = Form(method="POST", route="/signin/custom", auth=Auth.CLIENT, device=True, body=body)
        return await self._caller.call(
            Call(
                operation="sign_in.custom",
                answer=TokenPair,
                forms=(form,),
                renamed=_RENAMED,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )
