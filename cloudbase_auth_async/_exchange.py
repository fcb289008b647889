"""
The one place where a session's refresh token is spent, and each only once.

Flights are keyed by the refresh token: two sessions made of the same pair share one, two users
never do. A flight belongs to the client's background, not to a caller, so nobody's cancellation
stops it. Where the session is kept in a store, its keeper decides under the store's lock whether
anything is to be spent at all.
"""

import functools
from collections.abc import Callable
from typing import Any

import attrs

from cloudbase_auth_async import _policy, events
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._flight import Flight, Holders, Member, not_begun
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._observe import Stream
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._policy import Verdict
from cloudbase_auth_async._remembered import Remembered
from cloudbase_auth_async._saving import Saving
from cloudbase_auth_async._standing import Errand
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.token import refresh_call, revoke_call
from cloudbase_auth_async.errors import (
    ClientClosed,
    CloudBaseAuthError,
    InvalidGrant,
    NotSignedIn,
    RefreshOutcomeUnknown,
    StoreError,
    SubjectChanged,
    Unauthenticated,
)


@attrs.define(kw_only=True)
class Farewell:
    """
    What a signed-out session leaves behind, and the service's last word to it.

    Attributes:
        pair: what it held.
        flight: the refresh under way when it was signed out.
        alive: whether the access token may still be good.
        keeper: its place in a store.
        goodbye: builds the call that ends an access token.
        answer: what that call was answered.
    """

    pair: TokenPair
    flight: Flight | None
    alive: bool
    keeper: Keeper | None
    goodbye: Callable[[str], Call[Any]] = revoke_call
    answer: Any = None


class Exchange:
    """Starts flights, and joins those who come later to the one that is under way."""

    __slots__ = (
        "_background",
        "_caller",
        "_events",
        "_flights",
        "holders",
        "remembered",
        "saving",
    )

    def __init__(self, caller: BaseCaller, background: Background, stream: Stream) -> None:
        self._caller = caller
        self._background = background
        self._events = stream
        self._flights: dict[str, Flight] = {}
        self.holders: Holders = Holders()
        self.remembered: Remembered = Remembered(caller.clock)
        self.saving: Saving = Saving(caller, background, self.orphaned)
        background.on_move(self._abandon)

    def join(self, refresh_token: str, member: Member, *, insist: bool = False) -> Flight:
        """
        Return the flight that spends this token, started if there is none.

        Args:
            refresh_token: to be spent.
            member: who asks.
            insist: send it though somebody sent it before and its standing is unknown.

        Raises:
            ClientClosed: the client is closed, or lives in another loop.
        """
        self._background.here()
        flight = self._flights.get(refresh_token)
        if flight is None:
            return self._start(refresh_token, insist=insist, members={id(member): member})
        flight.members[id(member)] = member
        self._tell(events.RefreshJoined, flight)
        return flight

    def _start(
        self,
        refresh_token: str,
        *,
        insist: bool = False,
        alone: bool = False,
        members: dict[int, Member] | None = None,
    ) -> Flight:
        began = self._caller.clock.monotonic()
        flight = Flight(refresh_token, began, insist, alone=alone, members=members or {})
        self._tell(events.RefreshStarted, flight)
        # Registered before it starts: an eager task factory runs it at once, perhaps to its end.
        self._flights[flight.refresh_token] = flight
        flight.kept = not flight.alone and self._keeper(flight) is not None
        try:
            flight.task = self._background.spawn(self._fly(flight), name="cloudbase-auth refresh")
        except (ClientClosed, RuntimeError):
            del self._flights[flight.refresh_token]
            raise
        # A task that is cancelled before its first step runs none of its code.
        flight.task.add_done_callback(lambda _: self._land(flight))
        return flight

    def under_way(self, refresh_token: str | None) -> Flight | None:
        """Return the flight that spends this token, if there is one."""
        return None if refresh_token is None else self._flights.get(refresh_token)

    async def latest(self, pair: TokenPair) -> TokenPair:
        """Follow a pair that a refresh of this client is replacing, or has replaced just now."""
        flight = self.under_way(pair.refresh_token)
        if flight is not None:
            await flight.wait()
        return self.remembered.newest(pair)

    async def end(self, farewell: Farewell) -> CloudBaseAuthError | None:
        """
        End a session in its store and at the service; return what went wrong, not raise it.

        A cancelled caller does not stop it.

        Raises:
            ClientClosed: the client was closed meanwhile.
        """
        if farewell.keeper is not None:
            farewell.keeper.over = True
        return await self._background.finished(
            lambda: self._end(farewell), name="cloudbase-auth sign-out"
        )

    async def _end(self, farewell: Farewell) -> CloudBaseAuthError | None:
        pair, alive, flight = farewell.pair, farewell.alive, farewell.flight
        trouble: CloudBaseAuthError | None = None
        if farewell.keeper is not None:
            # First: from here on no flight, of this process or another, can write it back.
            try:
                newest = await farewell.keeper.forget()
                if newest is not None and newest.refresh_token != pair.refresh_token:
                    pair, alive = newest, True
            except StoreError as failure:
                trouble = failure.with_traceback(None)
        brought = await self._brought(flight)
        if brought is not None:
            pair, alive = brought, True  # nobody may go on with it
            self.remembered.forget(pair.refresh_token)
        try:
            if await self._said(farewell, pair, alive=alive) or pair.refresh_token is None:
                return trouble
            # It takes an access token that lives: the refresh token buys a last one.
            last = self.under_way(pair.refresh_token)
            last = last or self._start(pair.refresh_token, alone=True)
            await last.wait()
            if last.pair is None:
                raise (last.failure or not_begun()).again()
            if last.spent:  # what it found may be a new sign-in's
                await self._say(farewell, last.pair.access_token)
        except (InvalidGrant, NotSignedIn):
            return trouble  # the service has ended it already
        except CloudBaseAuthError as failure:
            return failure.with_traceback(None)
        return trouble

    @staticmethod
    async def _brought(flight: Flight | None) -> TokenPair | None:
        """Return what a flight bought; what it found may be a new sign-in's."""
        if flight is None:
            return None
        await flight.wait()
        return flight.pair if flight.spent else None

    async def _said(self, farewell: Farewell, pair: TokenPair, *, alive: bool) -> bool:
        """Say goodbye unless the access token is dead; False if the service would not have it."""
        if not pair.access_token or (not alive and pair.refresh_token is not None):
            return False
        try:
            await self._say(farewell, pair.access_token)
        except Unauthenticated:
            return False
        return True

    async def _say(self, farewell: Farewell, access_token: str) -> None:
        farewell.answer = await self._caller.call(farewell.goodbye(access_token))

    async def orphaned(self, pair: TokenPair) -> None:
        """End what nobody will ever use, as well as may be."""
        try:
            await self._caller.call(revoke_call(pair.access_token))
        except CloudBaseAuthError:
            return  # it dies of age

    # The flight itself

    async def _fly(self, flight: Flight) -> None:
        # What stays if this is cancelled by a closing client.
        flight.failure = cut_short = RefreshOutcomeUnknown("a refresh was cut short")
        keeper = flight.keeper = None if flight.alone else self._keeper(flight)
        flight.kept = keeper is not None
        known = None if keeper is None else keeper.known.pair
        try:
            if keeper is None and not flight.alone and self._is_over(flight):
                raise NotSignedIn("the session was signed out in another process")
            if keeper is None:
                doubted = any(member.doubts for member in self.holders.concerned(flight))
                pair = await self._spend(flight, flight.refresh_token)
                self._check_subject(flight, pair)
                if doubted:
                    # A service that forgives gives its first answer again, hours old.
                    pair = attrs.evolve(pair, started=None)
            else:
                missed = keeper.missed(flight.refresh_token)
                pair = missed or await keeper.renew(self._errand(flight))
            flight.pair, flight.failure = pair, None
        except CloudBaseAuthError as failure:
            flight.failure = failure.with_traceback(None)
        finally:
            if keeper is not None and keeper.unsaved and keeper.known.pair is not known:
                # The service has answered; what failed or was cut short came after that.
                flight.pair, flight.failure = keeper.known.pair, None
                self.saving.later(keeper)
            elif keeper is not None and flight.failure is cut_short:
                # While it gave the lock back, the pair may be in the store already.
                flight.pair = keeper.missed(flight.refresh_token)
            self._land(flight)

    def _check_subject(self, flight: Flight, pair: TokenPair) -> None:
        subs = {member.sub for member in self.holders.concerned(flight)} - {None}
        if pair.sub is not None and subs and pair.sub not in subs:
            raise SubjectChanged("a refresh answered with another user's tokens")

    def _keeper(self, flight: Flight) -> Keeper | None:
        kept = (member.keeper for member in self.holders.concerned(flight))
        return next((keeper for keeper in kept if keeper is not None and not keeper.over), None)

    def _is_over(self, flight: Flight) -> bool:
        """Tell whether all that is left are sessions whose keepers found them gone."""
        members = self.holders.concerned(flight)
        return bool(members) and all(each.keeper and each.keeper.over for each in members)

    def _errand(self, flight: Flight) -> Errand:
        return Errand(
            spend=functools.partial(self._spend, flight),
            revoke=self.orphaned,
            alive=any(member.alive for member in self.holders.concerned(flight)),
            insist=flight.insist,
        )

    async def _spend(self, flight: Flight, refresh_token: str) -> TokenPair:
        if refresh_token != flight.refresh_token:
            other = self._flights.get(refresh_token)
            # One that waits for the lock which this one holds will find what this one brings.
            if other is not None and (other.spent or not other.kept):
                await other.wait()
                if other.pair is None:
                    raise (other.failure or not_begun()).again()
                flight.spent = other.spent
                return other.pair
            flight.also = refresh_token
            self._flights.setdefault(refresh_token, flight)
        flight.spent = True
        # A person takes minutes: the session's lock would lapse meanwhile, and another process
        # would spend the token. So a captcha here is a refusal for now.
        return await self._caller.call(attrs.evolve(refresh_call(refresh_token), captcha=False))

    def _land(self, flight: Flight) -> None:
        """Commit an outcome to every session that holds the token; once."""
        if flight.landed:
            return
        members = self.holders.concerned(flight)
        self._report(flight)
        try:
            flight.land(members)
        finally:
            for token in (flight.refresh_token, flight.also):
                if self._flights.get(token or "") is flight:
                    del self._flights[token or ""]
        if members and flight.pair is not None:
            for token in (flight.refresh_token, flight.also):
                self.remembered.succeeded(token, flight.pair)

    def _abandon(self) -> None:
        """Land every flight whose loop has ended, or that goes on in the parent of a fork."""
        for flight in tuple(self._flights.values()):
            flight.strand()
            self._land(flight)

    # What is told of it

    def _report(self, flight: Flight) -> None:
        pair, failure = flight.pair, flight.failure
        seconds = self._caller.clock.monotonic() - flight.began
        if pair is not None:
            kind = events.RefreshCommitted if flight.spent else events.RefreshAdopted
            self._tell(kind, flight, seconds=seconds, expires_at=pair.expires_at)
        elif failure is not None:
            unknown = _policy.verdict(failure) is Verdict.UNKNOWN
            self._tell(
                events.RefreshUnknown if unknown else events.RefreshRefused,
                flight,
                seconds=seconds,
                reason=getattr(failure, "error", None) or type(failure).__name__,
                request_id=getattr(failure, "request_id", None),
            )

    def _tell(self, kind: type[events.Event], flight: Flight, **details: object) -> None:
        if not self._events.wants(kind):  # ten thousand callers may join one flight
            return
        members = self.holders.concerned(flight)
        sub = next((member.sub for member in members if member.sub), None)
        keeper = self._keeper(flight)
        key = None if keeper is None else keeper.key
        self._events.tell(kind(at=self._events.now(), sub=sub, key=key, **details))
