"""Tokens themselves: exchange one, ask about one, revoke one."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Dialect, Form, Turn
from cloudbase_auth_async._cloud_key import CloudKey, KeyMethod
from cloudbase_auth_async._codec import SignedOut
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.server_token import TimedCaller, exchanged
from cloudbase_auth_async.errors import InvalidCredentials, LoginMethodDisabled, UserNotFound
from cloudbase_auth_async.models import Introspection

# The grant in question is the password itself: a refresh token has no part in that call.
_OF_A_PASSWORD = {
    "invalid_grant": InvalidCredentials,
    "not_found": UserNotFound,
    "unimplemented": LoginMethodDisabled,
}


def refresh_call(refresh_token: str) -> Call[TokenPair]:
    """Build the exchange of a refresh token; the session builds its own through this, too."""
    body = {
        "grant_type": "refresh_token",
        "refresh_token": config.text("refresh_token", refresh_token),
    }
    form = Form(method="POST", route="/token", auth=Auth.CLIENT, device=True, body=body)
    return Call(
        operation="token.refresh",
        answer=TokenPair,
        forms=(form,),
        fresh_connection=True,
        salvage=True,
    )


def revoke_call(token: str) -> Call[None]:
    """Build the end of a token."""
    checked = config.token("token", token)
    primary = Form(method="POST", route="/revoke", auth=Auth.CLIENT_SECRET, body={"token": checked})
    documented = Form(
        dialect=Dialect.DOCUMENTED,
        method="POST",
        route="/revoke",
        auth=Auth.SUBJECT,
        subject=checked,
        body={},
    )
    return Call(
        operation="token.revoke",
        answer=None,
        forms=(primary, documented),
        turn=Turn.CLIENT_REFUSED,
        feature="revoke",
        repeatable=True,
    )


def sign_out_call(token: str, *, redirect_uri: str, state: str | None) -> Call[SignedOut]:
    """
    Build the end of a session that leads a browser on.

    Source: https://docs.cloudbase.net/http-api/auth/auth-sign-out (2026-11-22)
    """
    documented = Form(
        dialect=Dialect.DOCUMENTED,
        method="POST",
        route="/user/signout",
        auth=Auth.SUBJECT,
        subject=token,
        body={"redirect_uri": redirect_uri, "state": state},
    )
    # The primary contract has no such path; there a revocation ends the session.
    primary = Form(method="POST", route="/revoke", auth=Auth.CLIENT_SECRET, body={"token": token})
    return Call(
        operation="user.sign_out",
        answer=SignedOut,
        forms=(documented, primary),
        turn=Turn.NO_ROUTE,
        feature="sign_out",
        repeatable=True,
    )


class Token:
    """`auth.token`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: TimedCaller) -> None:
        self._caller = caller

    @sealed
    async def refresh(self, refresh_token: str) -> TokenPair:
        """
        Exchange a refresh token for a new pair. The old one is dead from then on.

        A `TokenSession` does this when it must, once, whoever asks. By hand there is no such
        guard: two of these with one token sign the user out. It is not sent again if it may
        have arrived.

        Args:
            refresh_token: single use. The vendor's pages give it 30 days, or 31.

        Returns:
            a pair whose access token usually lives 7200 seconds; each client may have another time.

        Raises:
            ConfigurationError: the argument is empty.
            InvalidGrant: the token is wrong, used, revoked or expired.
            InvalidClient: the client's own id or secret is wrong.
            RateLimited: too many requests; see `retry_after`.
            TransportError: no answer; `may_have_reached_server` tells whether it may be spent.

        Source: https://docs.cloudbase.net/http-api/auth/auth-grant-token (2026-11-22)
        """
        return await self._caller.call(refresh_call(refresh_token))

    @sealed
    async def client_credentials(
        self,
        secret_id: str,
        secret_key: str,
        *,
        session_token: str | None = None,
        method: KeyMethod = "tc3",
    ) -> TokenPair:
        """
        Exchange a Tencent Cloud key for a server's token: an administrator who is no user.

        It may do anything in the environment, lives 432000 seconds (five days) and has no refresh
        token. Ask for it once, frequent calls may be limited: `auth.server(...)` keeps one and
        renews it in time.

        Args:
            secret_id: of a key of the account that owns the environment.
            secret_key: what goes with it.
            session_token: what goes with a temporary key.
            method: `"tc3"` signs the request; `"basic"` sends the key itself.

        Raises:
            ConfigurationError: an argument is wrong.
            InvalidClient, Unauthenticated, PermissionDenied: the service refuses the key.
            RateLimited: too many requests; see `retry_after`.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-client-credential (2026-11-22)
        """
        key = CloudKey.checked(secret_id, secret_key, session_token, method)
        return await exchanged(self._caller, key)

    @sealed
    async def password_grant(
        self, username: str, password: str, *, captcha_token: str | None = None
    ) -> TokenPair:
        """
        Get tokens for a password in the OAuth 2.0 way; `sign_in.password` is the usual one.

        Args:
            username: the user name, the e-mail, or the phone number as `"+86 13800000000"`.
            password: the password.
            captcha_token: of `captcha.verify`, where the service wants one; 600 seconds.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidCredentials: the user name or the password is wrong.
            UserNotFound: no such user.
            UserBlocked, UserPending: the account may not sign in.
            CaptchaRequired, CaptchaInvalid: the service wants a captcha, or another one.
            TooManyAttempts: the sign-in is locked for a while.
            RateLimited: too many requests; see `retry_after`.
            InvalidClient: the client's id or secret is wrong, or it may not do this.
            TransportError: no answer; it is not sent again if it may have arrived.

        Source: https://docs.cloudbase.net/http-api/auth/auth-grant-token (2026-11-22)
        """
        body = {
            "grant_type": "password",
            "username": config.text("username", username),
            "password": config.text("password", password),
        }
        form = Form(method="POST", route="/token", auth=Auth.CLIENT, device=True, body=body)
        return await self._caller.call(
            Call(
                operation="token.password_grant",
                answer=TokenPair,
                forms=(form,),
                renamed=_OF_A_PASSWORD,
                captcha_token=config.optional_token("captcha_token", captcha_token),
            )
        )

    @sealed
    async def authorization_code(
        self,
        code: str,
        *,
        redirect_uri: str | None = None,
        code_verifier: str | None = None,
        nonce: str | None = None,
        scope: str | None = None,
    ) -> TokenPair:
        """
        Exchange the code that `session.authorization.authorize` handed out for tokens.

        A code works once, and a service may end the session of one that is shown twice: it is
        not sent again if it may have arrived.

        Args:
            code: single use.
            redirect_uri: the one the code was asked for with, if it was.
            code_verifier: 43 to 128 characters, what the `code_challenge` was made from, if one
                was sent (RFC 7636).
            nonce: in the documentation's list of fields, without a word on what it does here.
            scope: scopes, separated by spaces; likewise.

        Raises:
            ConfigurationError: an argument is empty.
            InvalidGrant: the code is wrong, used, expired, another client's, or does not fit the
                address or the verifier.
            InvalidClient: the client's id or secret is wrong, or it may not do this.
            TransportError: no answer; `may_have_reached_server` tells whether it may be spent.

        Source: https://docs.cloudbase.net/http-api/auth/auth-grant-token (2026-11-22)
        """
        body = {
            "grant_type": "authorization_code",
            "code": config.text("code", code),
            "redirect_uri": config.optional_text("redirect_uri", redirect_uri),
            "code_verifier": config.optional_text("code_verifier", code_verifier),
            "nonce": config.optional_text("nonce", nonce),
            "scope": config.optional_text("scope", scope),
        }
        form = Form(method="POST", route="/token", auth=Auth.CLIENT, device=True, body=body)
        return await self._caller.call(
            Call(operation="token.authorization_code", answer=TokenPair, forms=(form,))
        )

    @sealed
    async def introspect(self, access_token: str) -> Introspection:
        """
        Ask the service whether an access token is valid now.

        Args:
            access_token: any; a malformed one is simply not active.

        Returns:
            an answer whose `active` is always a bool, whichever contract the service speaks.

        Raises:
            ConfigurationError: the argument is empty or cannot stand in a header.
            InvalidClient, Unauthenticated: the service refuses this client's id or secret.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-token-introspect (2026-11-22)
        """
        checked = config.token("access_token", access_token)
        primary = Form(
            method="GET",
            route="/token/introspect",
            auth=Auth.CLIENT_SECRET,
            query={"token": checked},
        )
        documented = Form(
            dialect=Dialect.DOCUMENTED,
            method="GET",
            route="/token/introspect",
            auth=Auth.SUBJECT,
            subject=checked,
        )
        return await self._caller.call(
            Call(
                operation="token.introspect",
                answer=Introspection,
                forms=(primary, documented),
                turn=Turn.CLIENT_REFUSED,
                feature="introspect",
                repeatable=True,
                conclusive=_is_active,
            )
        )

    @sealed
    async def revoke(self, token: str) -> None:
        """
        Make a token worthless: the user is signed out there.

        Servers that check tokens locally notice only when the token expires.

        Args:
            token: an access token.

        Raises:
            ConfigurationError: the argument is empty or cannot stand in a header.
            InvalidClient, Unauthenticated: the service refuses the client, or the token.
            TransportError: no answer.

        Source: https://docs.cloudbase.net/http-api/auth/auth-revoke (2026-11-22)
        """
        await self._caller.call(revoke_call(token))


def _is_active(answer: Introspection) -> bool:
    return answer.active
