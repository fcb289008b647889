"""
`TokenSession`: one user's token pair, kept valid while it is used.

This is its face, and all that a program needs. How the pair is held is in `_holding.py`, what its
owner may say of it in `_owned.py`; the endpoint groups hand their calls to what is held, and get
them answered with a token that is valid now.
"""

import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._claims import unverified_claims
from cloudbase_auth_async._hooks import Hook
from cloudbase_auth_async._owned import Owned
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._succession import Succession
from cloudbase_auth_async._tokens import TokenPair, pair_of
from cloudbase_auth_async._transport import ClientMiddleware, bearer_middleware
from cloudbase_auth_async.endpoints.devices import Devices
from cloudbase_auth_async.endpoints.own_verification import OwnVerification
from cloudbase_auth_async.endpoints.providers import Providers
from cloudbase_auth_async.endpoints.user import User
from cloudbase_auth_async.endpoints.user_authorization import UserAuthorization
from cloudbase_auth_async.flows._session import SessionFlows
from cloudbase_auth_async.models._fields import unpicklable


class TokenSession:
    """
    A signed-in user; made by `AuthClient.session`, or kept in a store by `AuthClient.sessions`.

    All coroutines may be called from many tasks at once.
    """

    __slots__ = ("__weakref__", "_owned")

    def __init__(self, owned: Owned) -> None:
        self._owned = owned

    def __repr__(self) -> str:
        return f"<TokenSession {self._owned!r}>"

    __reduce__ = unpicklable

    # What it holds

    @property
    def tokens(self) -> TokenPair:
        """
        The current pair, whatever its state.

        Raises:
            NotSignedIn: the session was signed out.
        """
        return self._owned.held()

    @property
    def can_refresh(self) -> bool:
        """Whether there is a refresh token that the service has not refused."""
        return self._owned.can_refresh

    @property
    def unverified_claims(self) -> Mapping[str, Any]:
        """What the access token says, decoded but not verified; empty for an opaque one."""
        return unverified_claims(self.tokens.access_token)

    @property
    def user(self) -> User:
        """Calls about the user."""
        return User(self._owned)

    @property
    def providers(self) -> Providers:
        """Calls about the user's third-party accounts."""
        return Providers(self._owned, Succession(self._owned, may_leave=True))

    @property
    def verification(self) -> OwnVerification:
        """Codes to the user's own phone number or e-mail."""
        return OwnVerification(self._owned)

    @property
    def devices(self) -> Devices:
        """Ending the user's sessions, of one device or all."""
        return Devices(self._owned)

    @property
    def authorization(self) -> UserAuthorization:
        """What the user allows an application or a device."""
        return UserAuthorization(self._owned)

    @property
    def flows(self) -> SessionFlows:
        """Several calls as one: a new password, an anonymous user who signs up."""
        return SessionFlows(self._owned)

    @property
    def middleware(self) -> ClientMiddleware:
        """
        A middleware for an `aiohttp.ClientSession` of yours that signs calls to CloudBase:

            aiohttp.ClientSession(middlewares=(session.middleware,))

        It adds the bearer to requests for this environment's own hosts, over https, and to no
        others: `{env}.{region}.tcb-api.tencentcloudapi.com`, `{env}.api.tcloudbasegateway.com`,
        `{env}.api.intl.tcloudbasegateway.com` and the client's `base_url`. A request that was
        answered 401 is repeated once, with a new token, if its body is bytes. What
        `access_token` raises comes out of the request.
        """
        return bearer_middleware(self._owned, self._owned.base.settings.hosts)

    # What it does

    @sealed
    async def access_token(self) -> str:
        """
        Return an access token that is valid now, refreshed first if it must be.

        Raises:
            NotSignedIn, SessionEnded, ReauthenticationRequired: there is none to be had.
            SubjectChanged: a refresh answered with somebody else's tokens.
            ClientClosed: the session or its client is closed.
            RefreshOutcomeUnknown: whether there is one is not known.
            ApiError, TransportError: the refresh failed for now, and the old token is dead.
            StoreError: as these; the store or the session's lock was not to be had.
        """
        return await self._owned.bearer()

    @sealed
    async def refresh(self) -> TokenPair:
        """
        Get a new pair now, whatever the age of the old one; a refresh under way is joined.

        After a `RefreshOutcomeUnknown` this is your word to send the same refresh token again; if
        the first one had arrived, a service that watches for spent tokens ends the session.

        Raises:
            NotSignedIn, SessionEnded, ReauthenticationRequired: there is nothing to refresh with.
            RefreshOutcomeUnknown: it was sent and no answer came.
            ApiError, TransportError, StoreError: it failed for now.

        Source: https://docs.cloudbase.net/http-api/auth/auth-grant-token (2026-11-22)
        """
        return await self._owned.refreshed()

    def invalidate(self, access_token: str) -> None:
        """Say that a token was rejected elsewhere; it is ignored unless it is the current one."""
        self._owned.invalidate(access_token)

    @sealed
    async def sign_out(
        self, *, redirect_uri: str | None = None, state: str | None = None
    ) -> str | None:
        """
        Forget the tokens here at once, and end the session at the service.

        It wins over a refresh under way: the pair that one brings is revoked. A second call does
        nothing. Cancelling it does not stop what it began.

        Args:
            redirect_uri: where a browser is to go on afterwards.
            state: comes back with it.

        Returns:
            the address to send the browser to, `state` added; None without a `redirect_uri`, from
            a second call, and from a service that has no such call and had the token revoked.

        Raises:
            ConfigurationError: an argument is empty, or `state` comes without `redirect_uri`;
                nothing was done.
            ClientClosed: the session or its client is closed, and nothing was done; or the client
                was closed meanwhile, and the service may not have been told.
            ApiError, TransportError: the tokens are gone here, but the service has not confirmed.
            StoreError: they are gone here, but may still be in the store.

        Source: https://docs.cloudbase.net/http-api/auth/auth-sign-out (2026-11-22)
        """
        return await self._owned.sign_out(redirect_uri, state)

    @sealed
    async def adopt(self, tokens: TokenPair | Mapping[str, Any]) -> None:
        """
        Go on with tokens that this same user got otherwise, such as by signing in again.

        A kept session has them in its store before anybody sees them, in place of what is there;
        if the store fails, they are served from memory and offered to it again. The old tokens
        are not revoked. Neither is what a refresh of them under way brings, unless the session is
        kept: of a session of no store, another request may hold the old tokens, and come for it.

        Args:
            tokens: what a sign-in answered, or what `TokenPair.to_dict` wrote.

        Raises:
            ConfigurationError: they are no tokens.
            SubjectChanged: they are another user's; nothing changed.
            NotSignedIn: the session was signed out, here or in another process, or its key is
                another user's by now; tokens that were written by then are revoked, unless a
                later sign-in under the key goes on with them.
            StoreError: likewise, and they may still be in the store.
            ClientClosed: the session or its client is closed, or was closed meanwhile; the tokens
                were offered to the store once more.
        """
        pair = pair_of(tokens)
        if pair.access_token:
            config.token("access_token", pair.access_token)
        await self._owned.adopt(pair)

    def on_change(self, hook: Hook) -> Callable[[], None]:
        """
        Have a function or coroutine function called with each new pair, and None at sign-out.

        Hooks run in order, after the change, in a task of their own; they may call the session.
        What they raise goes to the event loop's exception handler. They are not told of the pair
        the session was made of, nor that the service ended it: after `SessionEnded`, or after
        `user.delete()` or `devices.revoke_all()`, call `sign_out()`.

        Returns:
            a function that removes the hook.

        Raises:
            ConfigurationError: it cannot be called.
        """
        if not callable(cast("object", hook)):
            raise errors.ConfigurationError("hook", "must be a function or a coroutine function")
        return self._owned.announce_to(hook)

    async def aclose(self) -> None:
        """
        Take no more calls; a refresh under way is waited for. The tokens stay readable.

        Hooks may still be running afterwards: closing the client waits for them, too.
        """
        await self._owned.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def session_of(owned: Owned) -> TokenSession:
    """Return the face of a held pair: the one that the program has in hand, or a new one."""
    session: TokenSession | None = None if owned.face is None else owned.face()
    if session is None:
        session = TokenSession(owned)
        owned.face = weakref.ref(session)
    return session
