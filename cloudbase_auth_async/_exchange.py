"""
The one place where a session's refresh token is spent, and each only once.

Flights are keyed by the refresh token: two sessions made of the same pair share one, two users
never do. A flight belongs to the client's background, not to a caller, so nobody's cancellation
stops it. Its outcome is committed to every session that holds the token, whether it asked or
not, before anybody who waits is told.
"""

import asyncio
import hashlib
import weakref
from collections.abc import Iterable
from typing import Protocol, cast

import attrs

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.token import refresh_call, revoke_call
from cloudbase_auth_async.errors import (
    ClientClosed,
    CloudBaseAuthError,
    InvalidGrant,
    RefreshOutcomeUnknown,
    Unauthenticated,
)

_SUCCESSOR_SECONDS = 60.0
_MOST_SUCCESSORS = 1024


class Member(Protocol):
    """A session, as far as a flight knows it."""

    def settle(self, flight: "Flight") -> None:
        """Take the outcome of a refresh, if it is still of interest."""
        ...


class _Holder(weakref.ref[Member]):
    """A session that holds a refresh token, found by it without being kept alive."""

    __slots__ = ("key", "token")

    key: int
    token: str


def _not_begun() -> CloudBaseAuthError:
    return ClientClosed("the client was closed before a refresh began")


@attrs.define(eq=False)
class Flight:
    """
    One refresh under way, and then its outcome.

    Attributes:
        refresh_token: what is spent.
        members: the sessions that asked for it, kept alive until it lands: somebody's hook may
            be waiting to store the pair.
        pair: the new pair, if it came.
        failure: what it ended in otherwise; until it is sent, that it was not.
        landed: whether the outcome is committed.
    """

    refresh_token: str = attrs.field(repr=False)
    members: dict[int, Member] = attrs.field(factory=dict[int, Member], repr=False)
    pair: TokenPair | None = None
    failure: CloudBaseAuthError | None = attrs.field(factory=_not_begun)
    task: "asyncio.Task[None] | None" = attrs.field(default=None, repr=False)
    _waiters: set["asyncio.Future[None]"] = attrs.field(
        factory=set["asyncio.Future[None]"], repr=False
    )
    landed: bool = False

    async def wait(self) -> None:
        """Wait until the outcome is committed. A cancelled waiter leaves the rest alone."""
        if self.landed:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def land(self, holders: Iterable[Member]) -> None:
        """Commit to every session, then wake whoever waits."""
        try:
            for member in tuple(holders):
                member.settle(self)
        finally:
            self.landed = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)


class Exchange:
    """Starts flights, and joins those who come later to the one that is under way."""

    __slots__ = ("_background", "_caller", "_flights", "_holders", "_successors")

    def __init__(self, caller: BaseCaller, background: Background) -> None:
        self._caller = caller
        self._background = background
        self._flights: dict[str, Flight] = {}
        self._holders: dict[str, dict[int, _Holder]] = {}
        self._successors: dict[bytes, tuple[float, TokenPair]] = {}

    def hold(self, refresh_token: str | None, member: Member) -> None:
        """Note that a session holds this token: it is told when somebody else spends it."""
        if refresh_token is None:
            return
        holder = _Holder(member, self._gone)
        holder.token, holder.key = refresh_token, id(member)
        held = self._holders.get(refresh_token, {})
        held[holder.key] = holder
        # A garbage collection between the lines above may have emptied and dropped the entry.
        self._holders[refresh_token] = held

    def release(self, refresh_token: str | None, member: Member) -> None:
        """Note that a session holds this token no longer."""
        holder = self._holders.get(refresh_token or "", {}).get(id(member))
        if holder is not None:
            self._gone(holder)

    def _gone(self, holder: weakref.ref[Member]) -> None:
        gone = cast("_Holder", holder)
        held = self._holders.get(gone.token)
        if held is None or held.get(gone.key) is not gone:
            return
        del held[gone.key]
        if not held:
            del self._holders[gone.token]

    def newest(self, pair: TokenPair) -> TokenPair:
        """
        Return the pair that replaced this one here within the last minute, if one did.

        A web app that makes a session for each request may hold the old pair a moment longer.
        After that minute a spent token is what it is everywhere: a reason for suspicion.
        """
        now = self._caller.clock.monotonic()
        for _ in range(len(self._successors)):
            until, successor = self._successors.get(_digest(pair.refresh_token), (now, pair))
            if now >= until or (pair.sub and successor.sub and pair.sub != successor.sub):
                break
            pair = successor
        return pair

    def forget(self, refresh_token: str | None) -> None:
        """Make sure that nobody is led to this token any more."""
        for key, (_, successor) in tuple(self._successors.items()):
            if successor.refresh_token == refresh_token:
                del self._successors[key]

    def join(self, refresh_token: str, member: Member) -> Flight:
        """
        Return the flight that spends this token, started if there is none.

        Raises:
            ClientClosed: the client is closed.
        """
        flight = self._flights.get(refresh_token)
        if flight is None:
            return self._start(Flight(refresh_token, {id(member): member}))
        flight.members[id(member)] = member
        return flight

    def _start(self, flight: Flight) -> Flight:
        # Registered before it starts: an eager task factory runs it at once, perhaps to its end.
        self._flights[flight.refresh_token] = flight
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

    async def end(
        self, pair: TokenPair, flight: Flight | None, *, alive: bool
    ) -> CloudBaseAuthError | None:
        """
        End a session at the service; return what went wrong rather than raise it.

        A cancelled caller does not stop it.

        Args:
            pair: what the session held.
            flight: the refresh under way when it was signed out.
            alive: whether the access token may still be good.
        """
        work = self._end(pair, flight, alive=alive)
        task = self._background.spawn(work, name="cloudbase-auth sign-out")
        await asyncio.wait({task})
        if task.cancelled():
            return ClientClosed("the client was closed during a sign-out")
        outcome: CloudBaseAuthError | None = task.result()
        return outcome

    async def _end(
        self, pair: TokenPair, flight: Flight | None, *, alive: bool
    ) -> CloudBaseAuthError | None:
        if flight is not None:
            await flight.wait()
            if flight.pair is not None:
                pair, alive = flight.pair, True  # nobody may go on with what it brought
                self.forget(pair.refresh_token)
        try:
            if await self._revoked(pair, alive=alive) or pair.refresh_token is None:
                return None
            # It takes an access token that lives: the refresh token buys a last one.
            last = self.under_way(pair.refresh_token) or self._start(Flight(pair.refresh_token))
            await last.wait()
            if last.pair is None:
                raise (last.failure or _not_begun()).again()
            await self._caller.call(revoke_call(last.pair.access_token))
        except InvalidGrant:
            return None  # the service has ended it already
        except CloudBaseAuthError as failure:
            return failure.with_traceback(None)
        return None

    async def _revoked(self, pair: TokenPair, *, alive: bool) -> bool:
        """Revoke the access token unless it is dead; False if the service would not have it."""
        if not pair.access_token or (not alive and pair.refresh_token is not None):
            return False
        try:
            await self._caller.call(revoke_call(pair.access_token))
        except Unauthenticated:
            return False
        return True

    async def _fly(self, flight: Flight) -> None:
        # What stays if this is cancelled by a closing client.
        flight.failure = RefreshOutcomeUnknown("a refresh was cut short")
        try:
            flight.pair = await self._caller.call(refresh_call(flight.refresh_token))
            flight.failure = None
        except CloudBaseAuthError as failure:
            flight.failure = failure.with_traceback(None)
        finally:
            self._land(flight)

    def _land(self, flight: Flight) -> None:
        """Commit an outcome to every session that holds the token; once."""
        if flight.landed:
            return
        # A copy: a garbage collection in the middle may take dead holders out of the original.
        held = self._holders.get(flight.refresh_token, {}).copy()
        present = {key: holder() for key, holder in held.items()}
        members = flight.members | {key: m for key, m in present.items() if m is not None}
        try:
            flight.land(members.values())
        finally:
            self._flights.pop(flight.refresh_token, None)
        if members and flight.pair is not None:
            self._remember(flight.refresh_token, flight.pair)

    def _remember(self, spent: str, successor: TokenPair) -> None:
        if successor.refresh_token in (None, spent):
            return  # a service that does not rotate
        until = self._caller.clock.monotonic() + _SUCCESSOR_SECONDS
        self._successors[_digest(spent)] = (until, successor)
        while len(self._successors) > _MOST_SUCCESSORS:
            del self._successors[next(iter(self._successors))]


def _digest(refresh_token: str | None) -> bytes:
    return hashlib.sha256((refresh_token or "").encode("utf-8", "replace")).digest()
