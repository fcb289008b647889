"""
One session's place in a store: what is known of the record there, and how it is written.

Whoever writes expects the generation it saw last; nobody overwrites what they have not read.
"""

import secrets
from collections.abc import Callable
from typing import Final

import attrs

from cloudbase_auth_async import _policy, events
from cloudbase_auth_async._lifetime import ServerTime, lifetime_of
from cloudbase_auth_async._observe import Stream
from cloudbase_auth_async._records import Kept, first_generation, read, same_line, written
from cloudbase_auth_async._standing import Known, Look, Standing, standing
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import StoreBusy, StoreCorrupt, StoreError
from cloudbase_auth_async.stores.base import Lease, Store

# How often a write that somebody came before is decided anew; each time somebody got further.
MOST_ROUNDS: Final = 10


class Place:
    """
    Where a session is kept.

    Attributes:
        key: of the session.
        known: what this process knows of it.
        over: whether it was signed out or dropped here, or was found to be elsewhere.
        passed: whether a new sign-in has the key here; what is unsaved is still brought to an end.
        loss: how it came to be lost, in the words of `SessionOver.reason`.
    """

    __slots__ = (
        "_events",
        "_owner",
        "_server_time",
        "_store",
        "_troubled",
        "key",
        "known",
        "loss",
        "over",
        "passed",
    )

    def __init__(
        self,
        store: Store,
        key: str,
        known: Known,
        *,
        owner: str,
        server_time: ServerTime,
        stream: Stream,
    ) -> None:
        self._store = store
        self._owner = owner
        self._server_time = server_time
        self._events = stream
        # What was told of the store's failure last: whether a pair was unsaved.
        self._troubled: bool | None = None
        self.key: str = key
        self.known: Known = known
        self.over: bool = False
        self.passed: bool = False
        self.loss: str = "elsewhere"

    @property
    def unsaved(self) -> bool:
        """Whether this process alone holds the newest pair."""
        return self.known.bought_with is not None and not self.over

    def missed(self, refresh_token: str) -> TokenPair | None:
        """Return the stored pair that a session with this token has not seen, if it is of use."""
        pair = self.known.pair
        seen = pair.refresh_token == refresh_token
        return None if seen or self.unsaved or not self._usable(pair) else pair

    async def look(self) -> Look:
        """
        Read the record; one that cannot be read is replaced by what we know.

        Raises:
            StoreError: the store cannot be reached, or holds another environment's session.
        """
        there: int | None = None
        try:
            record = await self._store.load(self.key)
            if record is None:
                return Look(None, None)
            there = record.generation
            return Look(read(record, owner=self._owner), there)
        except StoreCorrupt as failure:
            self.degraded(failure)
        return Look(self._ours(self.known.generation), there)

    async def put(self, pair: TokenPair, check: Callable[[Look], None] | None = None) -> None:
        """
        Write the pair of a new sign-in over whatever is there.

        If it is the same pair once more, what is known of its refresh token stays.

        Args:
            pair: of the sign-in.
            check: told what is there, before each try to write over it; may raise.

        Raises:
            StoreError: it is not written, or nobody knows whether it is.
        """
        for _ in range(MOST_ROUNDS):
            look = await self.look()
            if check is not None:
                check(look)
            # Who follows a record follows its line: a sign-out of that one means this one, too.
            root = self.known.follows if look.kept is None or check is None else look.kept.root
            kept = Kept(generation=first_generation(), pair=pair, follows=root)
            # If the answer to the writing is lost, what is there is this, or descends from it.
            self.known = attrs.evolve(self.known, generation=kept.generation, follows=root)
            old, token = look.kept, pair.refresh_token
            if old is not None and token is not None and old.pair.refresh_token == token:
                kept = attrs.evolve(
                    old, generation=kept.generation, pair=pair, follows=kept.follows
                )
            if await self._write(kept, expected=look.there):
                self._learn(Known.of(kept))
                return
        raise StoreBusy("a session was written by others again and again")

    async def overtaken(self) -> bool:
        """Tell whether another sign-in was put here after the one we know."""
        try:
            record = await self._store.load(self.key)
        except StoreError:
            return False
        return record is not None and not same_line(record.generation, self.known.generation)

    async def repair(self, *, unreadable: bool) -> None:
        """
        Write what we know once more, in the place of a record that is unreadable or older.

        Args:
            unreadable: the store may have moved the record aside. Otherwise, if there is none by
                now, somebody has signed out.
        """
        try:
            look = await self.look()
            older = standing(look.kept, self.known) is Standing.OURS
            ours = None if look.kept is None else look.kept.pair is self.known.pair
            damaged = unreadable if ours is None else ours
            if (older or damaged) and not self.over:
                kept = self._again(doubtful=damaged)
                if await self._write(kept, expected=look.there):
                    self._learn(Known.of(kept))
                await self._stay_away()
        except StoreError as failure:
            self.degraded(failure)

    async def _stay_away(self) -> None:
        """Take back what was written while the session was signed out or dropped."""
        if self.over:
            await self.forget()

    def _again(self, *, doubtful: bool) -> Kept:
        """Return our record; in place of a damaged one, an old token may be one that is spent."""
        kept = self._ours(self.known.generation + 1)
        if not doubtful or self._usable(kept.pair):
            return kept
        again_at = self._server_time.now() + _policy.FIRST_PROBE_SECONDS
        return attrs.evolve(kept, tries=1, again_at=again_at, by=secrets.token_hex(8))

    async def forget(self) -> TokenPair | None:
        """
        Take the session out of the store, unless the key belongs to another sign-in by now.

        Returns:
            the newest pair that was there.

        Raises:
            StoreError: it may still be there.
        """
        self.over = True
        for _ in range(MOST_ROUNDS):
            look = await self.look()
            if look.kept is None or look.there is None:
                return None
            if look.kept.root != self.known.root:
                return None
            if await self._store.remove(self.key, expected=look.there):
                ours = standing(look.kept, self.known) is Standing.OURS
                return self.known.pair if ours else look.kept.pair
        raise StoreBusy("a session was written by others again and again")

    def surprised(self, pair: TokenPair, spent: TokenPair) -> bool:
        """
        Take note of a pair that was bought past this keeper; True if it must be saved.

        A session that is not kept may hold the same refresh token, and have spent it before this
        one was put into the store.
        """
        if self.over or pair.refresh_token == self.known.pair.refresh_token:
            return False
        self.known = attrs.evolve(self.known, pair=pair, bought_with=spent.refresh_token)
        return True

    def taken(self) -> None:
        """Note that the key belongs to another user by now."""
        self.loss = "replaced"

    def unwritten(self, pair: TokenPair, before: Known) -> None:
        """Take note of a later sign-in's pair that came in place of another, and is not stored."""
        self.known = attrs.evolve(
            self.known,
            pair=pair,
            bought_with=before.pair.refresh_token or "",
            instead_of=(*before.instead_of, before.generation),
        )

    def degraded(self, failure: StoreError) -> None:
        """Tell that the store failed; once, until it recovers or a pair is at stake."""
        if self._troubled is self.unsaved:
            return
        self._troubled = self.unsaved
        self._events.tell(
            events.StoreDegraded(
                at=self._events.now(),
                sub=self.known.pair.sub,
                key=self.key,
                problem=str(failure),
                unsaved=self.unsaved,
            )
        )

    async def _write(self, kept: Kept, *, expected: int | None, lease: Lease | None = None) -> bool:
        record = written(attrs.evolve(kept, owner=self._owner))
        return await self._store.replace(self.key, record, expected=expected, lease=lease)

    def _ours(self, generation: int) -> Kept:
        """Return a record of what we know."""
        return Kept(generation=generation, pair=self.known.pair, follows=self.known.follows)

    def _usable(self, pair: TokenPair) -> bool:
        now = self._server_time.clock.monotonic()
        return now < lifetime_of(pair, self._server_time).mandatory_at

    def _next(self, kept: Kept) -> int:
        """Choose the generation after a record's, in its own line, or a sign-out would miss it."""
        last = max(kept.generation, self.known.generation)
        return (last if same_line(kept.generation, last) else kept.generation) + 1

    def _learn(self, known: Known) -> None:
        """Go on from what is in the store for certain."""
        self.known = known
        if self._troubled is not None:
            self._troubled = None
            self._events.tell(
                events.StoreRecovered(at=self._events.now(), sub=known.pair.sub, key=self.key)
            )
