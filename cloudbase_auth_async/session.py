"""
`TokenSession`: one user's token pair, kept valid while it is used.

A session is itself a caller: the groups `session.user` and `session.providers` hand it their
calls, and it answers them with a token that is valid now. How it holds its pair is in
`_holding.py`.
"""

import functools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

import attrs

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._adopting import Adopting
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._claims import unverified_claims
from cloudbase_auth_async._codec import SignedOut
from cloudbase_auth_async._exchange import Farewell
from cloudbase_auth_async._hooks import Hook
from cloudbase_auth_async._lifetime import DEAD
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._succession import Succession
from cloudbase_auth_async._tokens import TokenPair, pair_of
from cloudbase_auth_async._transport import ClientMiddleware, bearer_middleware
from cloudbase_auth_async.endpoints.devices import Devices
from cloudbase_auth_async.endpoints.own_verification import OwnVerification
from cloudbase_auth_async.endpoints.providers import Providers
from cloudbase_auth_async.endpoints.token import revoke_call, sign_out_call
from cloudbase_auth_async.endpoints.user import User
from cloudbase_auth_async.endpoints.user_authorization import UserAuthorization
from cloudbase_auth_async.flows._session import SessionFlows


class TokenSession(Adopting):
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
        return self.held()

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
        return Providers(self, Succession(self, may_leave=True))

    @property
    def verification(self) -> OwnVerification:
        """Codes to the user's own phone number or e-mail."""
        return OwnVerification(self)

    @property
    def devices(self) -> Devices:
        """Ending the user's sessions, of one device or all."""
        return Devices(self)

    @property
    def authorization(self) -> UserAuthorization:
        """What the user allows an application or a device."""
        return UserAuthorization(self)

    @property
    def flows(self) -> SessionFlows:
        """Several calls as one: a new password, an anonymous user who signs up."""
        return SessionFlows(self)

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
        """
        goodbye = _goodbye(redirect_uri, state)
        pair, alive = self._pair, self._alive()
        if pair is None:
            return None
        self._check_open()
        flight = self._exchange.under_way(pair.refresh_token)
        if not self.can_refresh:
            pair = attrs.evolve(pair, refresh_token=None)  # refused before: not worth a request
        self._lost("signed_out")
        farewell = Farewell(
            pair=pair, flight=flight, alive=alive, keeper=self._keeper, goodbye=goodbye
        )
        failure = await self._exchange.end(farewell)
        if failure is not None:
            raise failure
        answer: object = farewell.answer
        return answer.redirect_uri if isinstance(answer, SignedOut) else None

    @sealed
    async def adopt(self, tokens: TokenPair | Mapping[str, Any]) -> None:
        """
        Go on with tokens that this same user got otherwise, such as by signing in again.

        A kept session has them in its store before anybody sees them, in place of what is there;
        if the store fails, they are served from memory and offered to it again. The old tokens
        are not revoked.

        Args:
            tokens: what a sign-in answered, or what `TokenPair.to_dict` wrote.

        Raises:
            ConfigurationError: they are no tokens.
            SubjectChanged: they are another user's; nothing changed.
            NotSignedIn: the session was signed out, here or in another process, or its key is
                another user's by now; tokens that were written by then are revoked.
            StoreError: likewise, and they may still be in the store.
            ClientClosed: the session or its client is closed, or was closed meanwhile; the tokens
                were offered to the store once more.
        """
        pair = pair_of(tokens)
        if pair.access_token:
            config.token("access_token", pair.access_token)
        await self.finished(lambda: self.succeed(pair), name="cloudbase-auth adoption")

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


def _goodbye(redirect_uri: str | None, state: str | None) -> Callable[[str], Call[Any]]:
    if redirect_uri is None:
        if state is not None:
            raise errors.ConfigurationError("state", "needs a redirect_uri to come back with")
        return revoke_call
    address = config.text("redirect_uri", redirect_uri)
    return functools.partial(
        sign_out_call, redirect_uri=address, state=config.optional_text("state", state)
    )
