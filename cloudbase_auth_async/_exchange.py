"""
The one place where a session's refresh token is spent, and each only once.

Flights are keyed by the refresh token: two sessions made of the same pair share one, two users
never do. A flight belongs to the client's background, not to a caller, so nobody's cancellation
stops it; and it is committed to its sessions before anybody who waits is told.
"""

import asyncio
from typing import Protocol

import attrs

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._pipeline import BaseCaller, log
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.token import refresh_call, revoke_call
from cloudbase_auth_async.errors import (
    ClientClosed,
    CloudBaseAuthError,
    InvalidGrant,
    RefreshOutcomeUnknown,
    Unauthenticated,
)


class Member(Protocol):
    """A session, as far as a flight knows it."""

    def settle(self, flight: "Flight") -> bool:
        """Take the outcome; True if a new pair found a home, or must not be touched."""
        ...


@attrs.define(eq=False)
class Flight:
    """
    One refresh under way, and then its outcome.

    Attributes:
        refresh_token: what is spent.
        members: the sessions it is for.
        pair: the new pair, if it came.
        failure: what it ended in otherwise.
    """

    refresh_token: str = attrs.field(repr=False)
    members: list[Member] = attrs.field(factory=list[Member], repr=False)
    pair: TokenPair | None = None
    failure: CloudBaseAuthError | None = None
    task: "asyncio.Task[None] | None" = attrs.field(default=None, repr=False)
    _waiters: set["asyncio.Future[None]"] = attrs.field(
        factory=set["asyncio.Future[None]"], repr=False
    )
    _landed: bool = False

    async def wait(self) -> None:
        """Wait until the outcome is committed. A cancelled waiter leaves the rest alone."""
        if self._landed:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def land(self) -> bool:
        """Commit to every session, then wake whoever waits; True if the pair found a home."""
        try:
            taken = [member.settle(self) for member in self.members]  # all, not up to the first
            return any(taken)
        finally:
            self._landed = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)


class Exchange:
    """Starts flights, and joins those who come later to the one that is under way."""

    __slots__ = ("_background", "_caller", "_flights")

    def __init__(self, caller: BaseCaller, background: Background) -> None:
        self._caller = caller
        self._background = background
        self._flights: dict[str, Flight] = {}

    def join(self, refresh_token: str, member: Member) -> Flight:
        """
        Return the flight that spends this token, started if there is none.

        Raises:
            ClientClosed: the client is closed.
        """
        flight = self._flights.get(refresh_token)
        if flight is not None:
            if member not in flight.members:
                flight.members.append(member)
            return flight
        flight = Flight(refresh_token, [member])
        # Registered before it starts: an eager task factory runs it at once, perhaps to its end.
        self._flights[refresh_token] = flight
        try:
            flight.task = self._background.spawn(self._fly(flight), name="cloudbase-auth refresh")
        except ClientClosed:
            del self._flights[refresh_token]
            raise
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
        renewed = False
        if flight is not None and flight.task is not None:
            await asyncio.wait({flight.task})  # it revokes the pair it brings
            renewed = flight.pair is not None
        try:
            gone = await self._revoked(pair, alive=alive or renewed)
            if not gone and not renewed and pair.refresh_token is not None:
                # It takes an access token that lives: the refresh token buys a last one.
                last = await self._caller.call(refresh_call(pair.refresh_token))
                await self._caller.call(revoke_call(last.access_token))
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
            self._flights.pop(flight.refresh_token, None)
            taken = flight.land()
        if flight.pair is not None and not taken:
            await self._revoke_orphan(flight.pair)

    async def _revoke_orphan(self, pair: TokenPair) -> None:
        """Everybody signed out meanwhile: the new pair must not live on at the service."""
        try:
            await self._caller.call(revoke_call(pair.access_token))
        except CloudBaseAuthError as failure:
            log.warning("a pair nobody holds could not be revoked: %s", type(failure).__name__)
