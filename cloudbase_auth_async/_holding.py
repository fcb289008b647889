"""
What a `TokenSession` does with its pair: serve it, renew it, take the outcome.

The face of a session is in `session.py`; what comes next is decided in `_policy.py`; the refresh
token is spent in `_exchange.py`, and nowhere else.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from cloudbase_auth_async import _policy, errors, events
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._exchange import Exchange
from cloudbase_auth_async._flight import Flight
from cloudbase_auth_async._hooks import Announcer
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._lifetime import DEAD, Lifetime, lifetime_of
from cloudbase_auth_async._observe import Stream
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._policy import Setback, Step, Verdict
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import CloudBaseAuthError

T = TypeVar("T")

# How often somebody else's flight may end without a word on our session.
_MOST_FLIGHTS = 4

# How soon it is asked of the store again whether another process's refresh has ended.
_LOOK_SECONDS = 15.0


@attrs.frozen(kw_only=True)
class Rooms:
    """What all sessions of a client share."""

    caller: BaseCaller
    exchange: Exchange
    background: Background
    stream: Stream


class Holding:
    """
    One user's pair and its state.

    Every change of state happens between two awaits, so a cancelled caller leaves nothing half
    done.
    """

    __slots__ = (
        "__weakref__",
        "_announcer",
        "_background",
        "_brake",
        "_caller",
        "_clock",
        "_closed",
        "_events",
        "_exchange",
        "_jumps",
        "_keeper",
        "_life",
        "_pair",
        "_setback",
        "_used",
        "_warned",
    )

    def __init__(self, rooms: Rooms, tokens: TokenPair, keeper: Keeper | None = None) -> None:
        self._caller = rooms.caller
        self._clock = rooms.caller.clock
        self._exchange = rooms.exchange
        self._background = rooms.background
        self._events = rooms.stream
        self._announcer = Announcer(rooms.background)
        self._brake = rooms.exchange.remembered.brake(tokens.sub)
        self._closed = False
        self._warned = False
        self._used = True  # it has just been asked for
        self._keeper: Keeper | None = keeper
        self._pair: TokenPair | None = None
        self._life: Lifetime
        self._setback: Setback | None
        self._jumps: int
        self._adopt(tokens)

    # What the other rooms see of it

    @property
    def keeper(self) -> Keeper | None:
        """Its place in a store, if it is kept in one."""
        return self._keeper

    @property
    def sub(self) -> str | None:
        """Whose it is, as far as the tokens say."""
        return None if self._pair is None else self._pair.sub

    @property
    def base(self) -> BaseCaller:
        """The client's caller, for calls in nobody's name."""
        return self._caller

    @property
    def background(self) -> Background:
        """The client's tasks."""
        return self._background

    def held(self) -> TokenPair:
        """
        Return the current pair, whatever its state.

        Raises:
            NotSignedIn: the session was signed out.
        """
        if self._pair is None:
            raise errors.NotSignedIn("the session was signed out")
        return self._pair

    async def bearer(self) -> str:
        """Return an access token that is valid now."""
        pair = self._fresh() or await self._valid()
        return pair.access_token

    @property
    def alive(self) -> bool:
        """Whether the access token still works, as far as its age tells."""
        return self._alive()

    @property
    def in_use(self) -> bool:
        """Whether it holds tokens and takes calls."""
        return self._pair is not None and not self._closed

    @property
    def doubts(self) -> bool:
        """Whether the refresh token was sent before, and nobody knows how that ended."""
        return self._setback is not None and self._setback.verdict is Verdict.UNKNOWN

    @property
    def can_refresh(self) -> bool:
        """Whether there is a refresh token that the service has not refused."""
        ended = self._setback is not None and self._setback.verdict is Verdict.ENDED
        return self._pair is not None and self._pair.refresh_token is not None and not ended

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

    async def finished(self, work: Callable[[], Awaitable[T]], *, name: str) -> T:
        """Have work done to its end, whoever is cancelled meanwhile."""
        self._check_open()
        return await self._background.finished(work, name=name)

    async def orphaned(self, pair: TokenPair) -> None:
        """End what nobody will ever use, as well as may be."""
        await self._exchange.orphaned(pair)

    def rejected(self, access_token: str) -> bool:
        """
        Note that the service rejected a token; True if a call is worth repeating.

        Only the current token is given up, so twenty late rejections of an old one cost nothing.
        """
        if self._pair is None or self._closed:
            return False
        if access_token != self._pair.access_token or self._life is DEAD:
            return True  # its successor is here or on its way
        if self._pair.refresh_token is None or self._brake.holds(self._clock.monotonic()):
            return False
        self._life = DEAD
        return True

    def repeated(self, access_token: str, *, accepted: bool) -> None:
        """
        Note how the repetition of a rejected call went.

        If the service rejects the new token, too, the token was not the trouble: for a while no
        rejection costs a refresh, or each call would.
        """
        if accepted:
            self._brake.accepted()
        else:
            self._brake.rejected(access_token, self._clock.monotonic())
            self._exchange.remembered.braked(self.sub, self._brake)

    def settle(self, flight: Flight) -> None:
        """Commit the outcome of a refresh."""
        held = self._pair
        # A sign-out meanwhile wins: whoever holds nothing, or something else, takes nothing.
        if held is None or not flight.covers(held.refresh_token):
            return
        if isinstance(flight.failure, errors.NotSignedIn):
            if self._keeper is not flight.keeper and not (self._keeper and self._keeper.over):
                return  # the key of another session with the same pair: nothing was sent
            self._lost("elsewhere" if self._keeper is None else self._keeper.loss)
        elif flight.pair is None:
            failure = flight.failure or errors.RefreshOutcomeUnknown("a refresh was cut short")
            self._failed(failure, asked=flight.spent)
        elif held.sub and flight.pair.sub and held.sub != flight.pair.sub:
            self._failed(errors.SubjectChanged("a refresh answered with another user's tokens"))
        else:
            kept = flight.pair.refresh_token or held.refresh_token
            pair = attrs.evolve(flight.pair, refresh_token=kept, sub=flight.pair.sub or held.sub)
            # What was found is in the store; saved once more, it would be revoked as an orphan.
            bought = flight.spent and self._keeper is not None
            if bought and self._keeper and self._keeper.surprised(pair, held):
                self._exchange.saving.later(self._keeper)
            self._used = False  # who sleeps is not renewed again
            self._exchange.remembered.failed(pair.refresh_token, None)  # it need not be a new one
            self._take(pair)

    def _take(self, pair: TokenPair) -> None:
        """Go on with a newer pair, and tell of it."""
        self._adopt(pair)
        self._announcer.tell(pair)
        if not pair.access_token:
            problem = "a refresh brought no usable access token"
            self._failed(errors.RefreshOutcomeUnknown(problem))

    def _lost(self, reason: str) -> None:
        """Hold nothing any more."""
        pair = self._pair
        if pair is None:
            return
        self._exchange.holders.release(pair.refresh_token, self)
        self._exchange.remembered.forget(pair.refresh_token)
        self._pair, self._life, self._setback = None, DEAD, None
        self._announcer.tell(None)
        self._over(reason, pair)

    # How it does it

    def _fresh(self) -> TokenPair | None:
        """Return the pair if there is nothing to think about: the path of nearly every call."""
        if (
            self._clock.monotonic() < self._life.advisory_at
            and self._jumps == self._caller.server_time.jumps
            and not self._closed
            and not self._background.closed
        ):
            self._used = True
            return self._pair
        return None

    async def _valid(self) -> TokenPair:
        """Return a pair whose access token is good, or raise why there is none."""
        self._check_open()
        self._count_anew()
        self._used = True
        now = self._clock.monotonic()
        step = _policy.decide(
            now,
            self._life,
            has_refresh_token=self.can_refresh,
            setback=self._setback,
        )
        self._warn(now)
        if step is Step.RENEW:
            self._join()
        elif step is Step.WAIT:
            await self._renewed()
            if self._setback is None and self._pair is not None and not self._alive():
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

    def _join(self, *, insist: bool = False) -> Flight:
        token = None if self._pair is None else self._pair.refresh_token
        if token is None:
            raise self._refusal()
        return self._exchange.join(token, self, insist=insist)

    async def _renewed(self, *, insist: bool = False) -> None:
        """Wait for one refresh, begun now or before; its outcome is in the session's state."""
        pair = self._pair
        for _ in range(_MOST_FLIGHTS):
            flight = self._join(insist=insist)
            await flight.wait()
            told = self._pair is not pair or self._setback is not None
            if told or not isinstance(flight.failure, errors.NotSignedIn):
                return
            # Another session's key was gone: that says nothing of this one.

    def _count_anew(self) -> None:
        """Correct the life of a restored pair when the service's clock became known."""
        if self._jumps != self._caller.server_time.jumps:
            self._jumps = self._caller.server_time.jumps
            if self._pair is not None and self._life is not DEAD:
                self._life = lifetime_of(self._pair, self._caller.server_time)

    def _adopt(self, pair: TokenPair) -> None:
        if self._pair is not None:
            self._exchange.holders.release(self._pair.refresh_token, self)
        self._exchange.holders.hold(pair.refresh_token, self)
        self._pair = pair
        # Another session of this client may have asked for the same pair, and been refused.
        self._setback = self._exchange.remembered.setback(pair.refresh_token)
        self._warned = False
        self._life = lifetime_of(pair, self._caller.server_time)
        self._jumps = self._caller.server_time.jumps

    def _failed(self, failure: CloudBaseAuthError, *, asked: bool = True) -> None:
        before = self._setback
        self._setback = _policy.setback(
            failure,
            before=before,
            now=self._clock.monotonic(),
            jitter=self._caller.jitter,
        )
        if not asked and self._setback.verdict is Verdict.UNKNOWN:
            # Nothing was sent: the store knows when it may be, and whether somebody has a pair.
            soon = self._clock.monotonic() + self._caller.jitter.uniform(0.5, 1.0) * _LOOK_SECONDS
            self._setback = attrs.evolve(self._setback, until=min(self._setback.until, soon))
        self._exchange.remembered.failed(
            None if self._pair is None else self._pair.refresh_token, self._setback
        )
        ended = self._setback.verdict is Verdict.ENDED
        if ended and not (before is not None and before.verdict is Verdict.ENDED):
            self._over("refused", self._pair)

    def _warn(self, now: float) -> None:
        """Say once that a session without a refresh token nears its end."""
        if now < self._life.advisory_at or self._warned or self._pair is None:
            return
        if self._pair.refresh_token is None:
            self._warned = True
            self._events.tell(
                events.ReauthenticationNeeded(
                    at=self._events.now(),
                    sub=self._pair.sub,
                    key=self._key(),
                    expires_at=self._pair.expires_at,
                )
            )

    def _over(self, reason: str, pair: TokenPair | None) -> None:
        sub = None if pair is None else pair.sub
        self._events.tell(
            events.SessionOver(at=self._events.now(), sub=sub, key=self._key(), reason=reason)
        )

    def _key(self) -> str | None:
        return None if self._keeper is None else self._keeper.key

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
        # Before anything is decided: what was under way in a loop that ended counts as sent.
        self._background.here()
