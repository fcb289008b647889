"""Tokens themselves: exchange one, ask about one, revoke one."""

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Caller, Dialect, Form, Turn
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.models import Introspection


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


class Token:
    """`auth.token`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @sealed
    async def refresh(self, refresh_token: str) -> TokenPair:
        """
        Exchange a refresh token for a new pair. The old one is dead from then on.

        A `TokenSession` does this when it must, once, whoever asks. By hand there is no such
        guard: two of these with one token sign the user out. It is not sent again if it may
        have arrived.

        Args:
            refresh_token: single use.

        Raises:
            ConfigurationError: the argument is empty.
            InvalidGrant: the token is wrong, used, revoked or expired.
            TransportError: no answer; `may_have_reached_server` tells whether it may be spent.

        Source: https://docs.cloudbase.net/http-api/auth/auth-grant-token (2026-11-22)
        """
        return await self._caller.call(refresh_call(refresh_token))

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
