"""
A refresh under way, and who is told of its outcome.

The outcome is committed to every session that holds the token, whether it asked or not, before
anybody who waits is woken.
"""

import asyncio
import weakref
from collections.abc import Iterable
from typing import Protocol, cast

import attrs

from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import ClientClosed, CloudBaseAuthError


class Member(Protocol):
    """A session, as far as a flight knows it."""

    @property
    def keeper(self) -> Keeper | None:
        """Its place in a store, if it is kept in one."""
        ...

    @property
    def sub(self) -> str | None:
        """Whose it is."""
        ...

    @property
    def alive(self) -> bool:
        """Whether its access token still works."""
        ...

    @property
    def doubts(self) -> bool:
        """Whether its refresh token was sent before, and nobody knows how that ended."""
        ...

    def settle(self, flight: "Flight") -> None:
        """Take the outcome of a refresh, if it is still of interest."""
        ...


def not_begun() -> CloudBaseAuthError:
    """Return what a flight ends in that never began."""
    return ClientClosed("the client was closed before a refresh began")


@attrs.define(eq=False)
class Flight:
    """
    One refresh under way, and then its outcome.

    Attributes:
        refresh_token: what is spent.
        began: monotonic seconds.
        insist: whether a caller gave their word to send it though its standing is unknown.
        also: a newer token of the same session, found in the store and spent instead.
        members: the sessions that asked for it, kept alive until it lands: somebody's hook may
            be waiting to store the pair.
        pair: the new pair, if it came.
        alone: whether it is sent past the store, as its session is out of there already.
        kept: whether it waits for the session's lock before it sends anything.
        keeper: whose lock that is.
        spent: whether a refresh token was sent; if not, the pair was found.
        failure: what it ended in otherwise; until it is sent, that it was not.
        landed: whether the outcome is committed.
    """

    refresh_token: str = attrs.field(repr=False)
    began: float = 0.0
    insist: bool = False
    also: str | None = attrs.field(default=None, repr=False)
    members: dict[int, Member] = attrs.field(factory=dict[int, Member], repr=False)
    pair: TokenPair | None = None
    alone: bool = False
    kept: bool = False
    keeper: Keeper | None = None
    spent: bool = False
    failure: CloudBaseAuthError | None = attrs.field(factory=not_begun)
    task: "asyncio.Task[None] | None" = attrs.field(default=None, repr=False)
    _waiters: set["asyncio.Future[None]"] = attrs.field(
        factory=set["asyncio.Future[None]"], repr=False
    )
    landed: bool = False

    def covers(self, refresh_token: str | None) -> bool:
        """Tell whether a session that holds this token is concerned."""
        return refresh_token is not None and refresh_token in (self.refresh_token, self.also)

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
                # Who waited in a loop that was closed over them cannot be told any more.
                if not waiter.done() and not waiter.get_loop().is_closed():
                    waiter.set_result(None)

    def strand(self) -> None:
        """Forget who waits: their loop is gone, and nothing of it may be touched."""
        self._waiters.clear()


class _Holder(weakref.ref[Member]):
    """A session that holds a refresh token, found by it without being kept alive."""

    __slots__ = ("key", "token")

    key: int
    token: str


class Holders:
    """Who holds which refresh token."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        self._holders: dict[str, dict[int, _Holder]] = {}

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

    def concerned(self, flight: Flight) -> list[Member]:
        """Return every session that is told of a flight."""
        found = dict(flight.members)
        for token in (flight.refresh_token, flight.also):
            # A copy: a garbage collection in the middle may take dead holders out of the original.
            for key, holder in self._holders.get(token or "", {}).copy().items():
                member = holder()
                if member is not None:
                    found[key] = member
        return list(found.values())

    def _gone(self, holder: weakref.ref[Member]) -> None:
        gone = cast("_Holder", holder)
        held = self._holders.get(gone.token)
        if held is None or held.get(gone.key) is not gone:
            return
        del held[gone.key]
        if not held:
            del self._holders[gone.token]
