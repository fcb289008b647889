"""
`TokenSession`: one user's token pair, kept valid while it is used.

A session is itself a caller: the groups `session.user` and `session.providers` hand it their
calls, and it answers them with a token that is valid now. How it holds its pair is in
`_holding.py`.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

import attrs

from cloudbase_auth_async import errors
from cloudbase_auth_async._claims import unverified_claims
from cloudbase_auth_async._exchange import Farewell
from cloudbase_auth_async._hooks import Hook
from cloudbase_auth_async._lifetime import DEAD
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._sharing import Sharing
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._transport import ClientMiddleware, bearer_middleware
from cloudbase_auth_async.endpoints.providers import Providers
from cloudbase_auth_async.endpoints.user import User


class TokenSession(Sharing):
    """
    A signed-in user; made by `AuthClient.session`, or kept in a store by `AuthClient.sessions`.

    All coroutines may be called from many tasks at once.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<TokenSession {self._pair!r}>"

    # What it holds

    @property
    def tokens(self) -> TokenPair:
        """
        The current pair, whatever its state.

        Raises:
            NotSignedIn: the session was signed out.
        """
        if self._pair is None:
            raise errors.NotSignedIn("the session was signed out")
        return self._pair

    @property
    def unverified_claims(self) -> Mapping[str, Any]:
        """What the access token says, decoded but not verified; empty for an opaque one."""
        return unverified_claims(self.tokens.access_token)

    @property
    def user(self) -> User:
        """Calls about the user."""
        return User(self)

    @property
    def providers(self) -> Providers:
        """Calls about the user's third-party accounts."""
        return Providers(self)

    @property
    def middleware(self) -> ClientMiddleware:
        """
        A middleware for an `aiohttp.ClientSession` of yours that signs calls to CloudBase.

        It adds the bearer to requests for this environment's own hosts and to no others, and
        repeats a request that was answered 401 once, with a new token, if its body is bytes.
        """
        return bearer_middleware(self, self._caller.settings.hosts)

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
        pair = self._fresh() or await self._valid()
        return pair.access_token

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
        """
        self._check_open()
        if not self.can_refresh:
            raise self._refusal()
        # Who never heard of a doubt gives no word to send a token again.
        await self._renewed(insist=self.doubts)
        if self._setback is not None or self._pair is None:
            raise self._refusal()
        return self._pair

    def invalidate(self, access_token: str) -> None:
        """Say that a token was rejected elsewhere; it is ignored unless it is the current one."""
        if self._pair is not None and access_token == self._pair.access_token:
            self._life = DEAD

    @sealed
    async def sign_out(self) -> None:
        """
        Forget the tokens here at once, and end the session at the service.

        It wins over a refresh under way: the pair that one brings is revoked. A second call does
        nothing. Cancelling it does not stop what it began.

        Raises:
            ClientClosed: the session or its client is closed, and nothing was done; or the client
                was closed meanwhile, and the service may not have been told.
            ApiError, TransportError: the tokens are gone here, but the service has not confirmed.
            StoreError: they are gone here, but may still be in the store.
        """
        pair, alive = self._pair, self._alive()
        if pair is None:
            return
        self._check_open()
        flight = self._exchange.under_way(pair.refresh_token)
        if not self.can_refresh:
            pair = attrs.evolve(pair, refresh_token=None)  # refused before: not worth a request
        self._lost("signed_out")
        farewell = Farewell(pair=pair, flight=flight, alive=alive, keeper=self._keeper)
        failure = await self._exchange.end(farewell)
        if failure is not None:
            raise failure

    def on_change(self, hook: Hook) -> Callable[[], None]:
        """
        Have a function or coroutine function called with each new pair, and None at sign-out.

        Hooks run in order, after the change, in a task of their own; they may call the session.
        What they raise goes to the event loop's exception handler. They are not told of the pair
        the session was made of, nor that the service ended it: after `SessionEnded`, or after
        `user.delete()`, call `sign_out()`.

        Returns:
            a function that removes the hook.

        Raises:
            ConfigurationError: it cannot be called.
        """
        if not callable(cast("object", hook)):
            raise errors.ConfigurationError("hook", "must be a function or a coroutine function")
        return self._announcer.add(hook)

    async def aclose(self) -> None:
        """
        Take no more calls; a refresh under way is waited for. The tokens stay readable.

        Hooks may still be running afterwards: closing the client waits for them, too.
        """
        self._closed = True
        self._background.here()
        if self._pair is not None:
            flight = self._exchange.under_way(self._pair.refresh_token)
            if flight is not None:
                await flight.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
