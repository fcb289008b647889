"""
A session as `auth.sessions` sees it: one of many, in a store that others write, too.

What the store says is taken here; how the pair is held and renewed is in `_holding.py`.
"""

from cloudbase_auth_async import _policy, errors
from cloudbase_auth_async._holding import Holding
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._records import Kept
from cloudbase_auth_async._standing import Known, Standing, standing
from cloudbase_auth_async._tokens import TokenPair


class Sharing(Holding):
    """A session that follows what happens to its record."""

    __slots__ = ()

    def resume(self, pair: TokenPair, keeper: Keeper) -> bool:
        """Go on with the tokens of a new sign-in of the same user; False if it is another's."""
        if self._pair is None or self._pair.sub != pair.sub:
            return False
        if pair.sub is None and self._pair.refresh_token != pair.refresh_token:
            return False  # nobody knows whose they are
        self._keeper = keeper
        self._go_on(pair)
        return True

    def look_again(self, kept: Kept) -> bool:
        """Take what the store holds, if it is newer; False if it is another user's."""
        keeper = self._keeper
        if keeper is None or self._pair is None:
            return False
        found = standing(kept, keeper.known)
        if found is Standing.REPLACED:
            return False
        if found is Standing.THEIRS and not keeper.unsaved:
            keeper.known = Known.of(kept)
        newest = keeper.known.pair  # a saving in the background may have found it
        if not keeper.unsaved and not _same(newest, self._pair):
            self._renew(newest)
        if found is Standing.ENDED and self.can_refresh:
            self._failed(
                errors.SessionEnded("the service refused the refresh token; sign in again")
            )
        return True

    def _renew(self, pair: TokenPair) -> None:
        """Go on with a pair that came without a refresh of ours: old failures mean nothing."""
        self._exchange.remembered.failed(pair.refresh_token, None)
        self._go_on(pair)

    def _go_on(self, pair: TokenPair) -> None:
        # Not as after a refresh: one that comes without an access token is about to be refreshed.
        self._adopt(pair)
        self._announcer.tell(pair)

    def ahead(self, kept: Kept) -> bool:
        """Tell whether this session knows a newer record than the one in the store."""
        keeper = self._keeper
        if keeper is None or self._pair is None or keeper.unsaved:
            return False
        return standing(kept, keeper.known) is Standing.OURS

    async def repair(self, *, unreadable: bool) -> None:
        """Write this session's record again, in the place of an unreadable one or an older one."""
        if self._keeper is not None:
            await self._keeper.repair(unreadable=unreadable)

    def knows(self, generation: int) -> bool:
        """Tell whether that is the record this session, in use, read or wrote last."""
        keeper = self._keeper
        if keeper is None or self._pair is None or keeper.known.generation != generation:
            return False
        if self._closed:
            return False
        return keeper.unsaved or _same(keeper.known.pair, self._pair)

    def gone(self, reason: str = "elsewhere") -> None:
        """Hold nothing any more: the session was taken out of the store."""
        if self._keeper is not None:
            self._keeper.over = True
        self._lost(reason)

    def replaced(self) -> None:
        """Hold nothing any more: the key belongs to another user by now."""
        self._lost("replaced")

    def renewal_at(self) -> float:
        """Return the monotonic seconds from which a renewal is in order."""
        return self._life.advisory_at

    def renewable(self, now: float, windows: float) -> bool:
        """Tell whether a renewal in the background makes sense, so many windows early."""
        window = self._life.dies_at - self._life.advisory_at
        return (
            self._used
            and not self._closed
            and self._pair is not None
            and self.can_refresh
            and self._exchange.under_way(self._pair.refresh_token) is None
            and now >= self._life.advisory_at - windows * window
            and _policy.may_ask(now, self._setback, alive=self._alive())
        )

    def renew(self) -> None:
        """Begin a refresh, and wait for nothing."""
        self._join()


def _same(one: TokenPair, other: TokenPair) -> bool:
    return (one.access_token, one.refresh_token) == (other.access_token, other.refresh_token)
