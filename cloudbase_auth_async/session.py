"""
`TokenSession`: one user's token pair, kept valid while it is used.

A session is itself a caller: the groups `session.user` and `session.providers` hand it their
calls, and it answers them with a token that is valid now. What comes next is decided in
`_policy.py`; the refresh token is spent in `_exchange.py`, and nowhere else.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import attrs

from cloudbase_auth_async import _policy, errors
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._claims import unverified_claims
from cloudbase_auth_async._exchange import Exchange, Flight
from cloudbase_auth_async._hooks import Announcer, Hook
from cloudbase_auth_async._lifetime import DEAD, Lifetime, lifetime_of
from cloudbase_auth_async._pipeline import BaseCaller, log
from cloudbase_auth_async._policy import Setback, Step, Verdict
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._transport import ClientMiddleware, bearer_middleware
from cloudbase_auth_async.endpoints.providers import Providers
from cloudbase_auth_async.endpoints.user import User
from cloudbase_auth_async.errors import CloudBaseAuthError

T = TypeVar("T")


class TokenSession:
    """
    A signed-in user; made by `AuthClient.session`.

    Every change of state happens between two awaits, so a cancelled caller leaves nothing half
    done. All coroutines may be called from many tasks at once.
    """

    __slots__ = (
        "__weakref__",
        "_announcer",
        "_background",
        "_caller",
        "_clock",
        "_closed",
        "_counted",
        "_exchange",
        "_jumps",
        "_life",
        "_pair",
        "_rejections",
        "_setback",
        "_trust_after",
    )

    def __init__(
        self, caller: BaseCaller, exchange: Exchange, background: Background, tokens: TokenPair
    ) -> None:
        self._caller = caller
        self._clock = caller.clock
        self._exchange = exchange
        self._background = background
        self._announcer = Announcer(background)
        self._closed = False
        self._rejections = 0
        self._counted = ""
        self._trust_after = 0.0
        self._pair: TokenPair | None = None
        self._life: Lifetime
        self._setback: Setback | None
        self._jumps: int
        self._adopt(tokens)

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
    def can_refresh(self) -> bool:
        """Whether there is a refresh token that the service has not refused."""
        ended = self._setback is not None and self._setback.verdict is Verdict.ENDED
        return self._pair is not None and self._pair.refresh_token is not None and not ended

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

    async def call(self, call: Call[T]) -> T:
        """Answer a call of the endpoint groups with a valid token."""
        pair = self._fresh() or await self._valid()
        try:
            return await self._caller.ask(call, bearer=pair.access_token)
        except errors.Unauthenticated as error:
            rejection = error
        if not self.rejected(pair.access_token):
            raise rejection
        pair = await self._valid()
        try:
            answer = await self._caller.ask(call, bearer=pair.access_token)
        except errors.Unauthenticated:
            self.repeated(pair.access_token, accepted=False)
            raise
        self.repeated(pair.access_token, accepted=True)
        return answer

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
        """
        pair = self._fresh() or await self._valid()
        return pair.access_token

    @sealed
    async def refresh(self) -> TokenPair:
        """
        Get a new pair now, whatever the age of the old one; a refresh under way is joined.

        After a `RefreshOutcomeUnknown` this is your word to send the same refresh token again.

        Raises:
            NotSignedIn, SessionEnded, ReauthenticationRequired: there is nothing to refresh with.
            RefreshOutcomeUnknown: it was sent and no answer came.
            ApiError, TransportError: it failed for now.
        """
        self._check_open()
        if not self.can_refresh:
            raise self._refusal()
        await self._renewed()
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
        """
        pair, alive = self._pair, self._alive()
        if pair is None:
            return
        self._check_open()
        flight = self._exchange.under_way(pair.refresh_token)
        self._exchange.release(pair.refresh_token, self)
        self._exchange.forget(pair.refresh_token)
        if not self.can_refresh:
            pair = attrs.evolve(pair, refresh_token=None)  # refused before: not worth a request
        self._pair, self._life, self._setback = None, DEAD, None
        self._announcer.tell(None)
        failure = await self._exchange.end(pair, flight, alive=alive)
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

    # What others tell it

    def rejected(self, access_token: str) -> bool:
        """
        Note that the service rejected a token; True if a call is worth repeating.

        Only the current token is given up, so twenty late rejections of an old one cost nothing.
        """
        if self._pair is None or self._closed:
            return False
        if access_token != self._pair.access_token or self._life is DEAD:
            return True  # its successor is here or on its way
        braked = self._rejections and self._clock.monotonic() < self._trust_after
        if self._pair.refresh_token is None or braked:
            return False
        self._life = DEAD
        return True

    def repeated(self, access_token: str, *, accepted: bool) -> None:
        """
        Note how the repetition of a rejected call went.

        If the service rejects the new token, too, the token was not the trouble: for a while no
        rejection costs a refresh, or each call would. A token counts once, however many calls
        it was rejected for.
        """
        if accepted:
            self._rejections = 0
        elif access_token != self._counted:
            self._counted = access_token
            self._rejections += 1
            pause = _policy.rejection_pause(self._rejections)
            self._trust_after = self._clock.monotonic() + pause

    def settle(self, flight: Flight) -> None:
        """Commit the outcome of a refresh."""
        held = self._pair
        # A sign-out meanwhile wins: whoever holds nothing, or something else, takes nothing.
        if held is None or held.refresh_token != flight.refresh_token:
            return
        if flight.pair is None:
            self._failed(flight.failure or errors.RefreshOutcomeUnknown("a refresh was cut short"))
        elif held.sub and flight.pair.sub and held.sub != flight.pair.sub:
            self._failed(errors.SubjectChanged("a refresh answered with another user's tokens"))
        else:
            kept = flight.pair.refresh_token or held.refresh_token
            self._adopt(
                attrs.evolve(flight.pair, refresh_token=kept, sub=flight.pair.sub or held.sub)
            )
            self._announcer.tell(self._pair)
            if not flight.pair.access_token:
                problem = "a refresh brought no usable access token"
                self._failed(errors.RefreshOutcomeUnknown(problem))

    # How it does it

    def _fresh(self) -> TokenPair | None:
        """Return the pair if there is nothing to think about: the path of nearly every call."""
        if (
            self._clock.monotonic() < self._life.advisory_at
            and self._jumps == self._caller.server_time.jumps
            and not self._closed
            and not self._background.closed
        ):
            return self._pair
        return None

    async def _valid(self) -> TokenPair:
        """Return a pair whose access token is good, or raise why there is none."""
        self._check_open()
        self._count_anew()
        step = _policy.decide(
            self._clock.monotonic(),
            self._life,
            has_refresh_token=self.can_refresh,
            setback=self._setback,
        )
        if step is Step.RENEW:
            self._join()
        elif step is Step.WAIT:
            await self._renewed()
            if self._setback is None and not self._alive():
                await self._renewed()  # rejected meanwhile, or the answer was very late
            if self._setback is None and not self._alive() and self._pair is not None:
                problem = "the service's tokens die before they can be used"
                self._failed(errors.SessionError(problem))
            # Renewed, it is served even if its life is too short for the margins. Failed, the
            # old one is still good until it dies.
            step = Step.SERVE if self._alive() else Step.REFUSE
        if step is Step.REFUSE or self._pair is None:
            raise self._refusal()
        return self._pair

    def _alive(self) -> bool:
        return self._clock.monotonic() < self._life.dies_at

    def _join(self) -> Flight:
        token = self.tokens.refresh_token
        if token is None:
            raise self._refusal()
        return self._exchange.join(token, self)

    async def _renewed(self) -> None:
        """Wait for one refresh, begun now or before; its outcome is in the session's state."""
        await self._join().wait()

    def _count_anew(self) -> None:
        """Correct the life of a restored pair when the service's clock became known."""
        if self._jumps != self._caller.server_time.jumps:
            self._jumps = self._caller.server_time.jumps
            if self._pair is not None and self._life is not DEAD:
                self._life = lifetime_of(self._pair, self._caller.server_time)

    def _adopt(self, pair: TokenPair) -> None:
        if self._pair is not None:
            self._exchange.release(self._pair.refresh_token, self)
        self._exchange.hold(pair.refresh_token, self)
        self._pair = pair
        self._setback = None
        self._life = lifetime_of(pair, self._caller.server_time)
        self._jumps = self._caller.server_time.jumps

    def _failed(self, failure: CloudBaseAuthError) -> None:
        self._setback = _policy.setback(
            failure,
            before=self._setback,
            now=self._clock.monotonic(),
            jitter=self._caller.jitter,
        )
        log.warning("a refresh failed: %s", type(self._setback.error).__name__)

    def _refusal(self) -> CloudBaseAuthError:
        """Say why there is no valid token. The error is new each time, its traceback too."""
        if self._pair is None:
            return errors.NotSignedIn("the session was signed out")
        if self._setback is not None:
            return self._setback.error.again()
        return errors.ReauthenticationRequired(
            "there is no refresh token to replace the access token; sign in again"
        )

    def _check_open(self) -> None:
        if self._background.closed:
            raise errors.ClientClosed("the client is closed")
        if self._closed:
            raise errors.ClientClosed("the session is closed")
