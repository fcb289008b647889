"""
The keeping of one session in a store that others share: who spends its refresh token, and when.

A refresh runs under the key's lock: look, decide (`_standing.py`), say what is about to be sent,
send it, write what came. The lock makes it cheap, the generation makes it safe: a holder whose
lease lapsed finds its write refused if somebody wrote since, looks again, and takes what is there
or writes over what is older.
"""

import secrets
from typing import Final

import attrs

from cloudbase_auth_async import _policy
from cloudbase_auth_async._lifetime import ServerTime
from cloudbase_auth_async._observe import Stream
from cloudbase_auth_async._place import MOST_ROUNDS, Place
from cloudbase_auth_async._policy import Verdict
from cloudbase_auth_async._records import Kept, same_line
from cloudbase_auth_async._standing import Errand, Known, Look, Revoke, Standing, standing
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.errors import (
    ApiError,
    CloudBaseAuthError,
    NotSignedIn,
    RefreshOutcomeUnknown,
    SessionEnded,
    StoreBusy,
    StoreError,
    SubjectChanged,
)
from cloudbase_auth_async.stores.base import Lease, Store

# Beyond the time a request may take: for the writes before and after it.
_WRITE_SECONDS: Final = 30.0
# Between the warning that a token will be sent again and the sending: whoever could not write
# what it bought offers that to the store every five seconds.
_WARNING_SECONDS: Final = 15.0
_STALE_SECONDS: Final = 3600.0
_MOST_WARNINGS: Final = 3


class Keeper(Place):
    """One session's refreshes, under its lock in the store."""

    __slots__ = ("_away", "_patience", "_sent", "_unsent")

    # Declared again, or what is assigned below is a type of its own to some type checkers.
    known: Known

    def __init__(
        self,
        store: Store,
        key: str,
        known: Known,
        *,
        owner: str,
        server_time: ServerTime,
        stream: Stream,
        patience: float,
    ) -> None:
        super().__init__(store, key, known, owner=owner, server_time=server_time, stream=stream)
        self._patience = patience
        # Whether the store failed a refresh since the last warning.
        self._away = False
        # Names of our own claims: the last that was sent, and one of which we do not know
        # whether it is in the store.
        self._sent = ""
        self._unsent = ""

    def successor(self, pair: TokenPair) -> "Keeper":
        """Return a keeper of the same key for a pair that no refresh of this one brought."""
        return Keeper(
            self._store,
            self.key,
            Known(pair, 0, follows=self.known.root),
            owner=self._owner,
            server_time=self._server_time,
            stream=self._events,
            patience=self._patience,
        )

    def check_follows(self, look: Look) -> None:
        """
        Check that what is there is this session, so that a later sign-in of its user may follow.

        Raises:
            NotSignedIn: it was signed out, or its key is another user's by now.
        """
        found = standing(look.kept, self.known)
        if found is Standing.REPLACED:
            self.taken()
        if self.over or found in (Standing.GONE, Standing.REPLACED):
            raise NotSignedIn("the session was signed out in another process")

    async def stands(self) -> bool:
        """Tell whether what was written here last, or what came of it, may be what is there."""
        try:
            record = await self._store.load(self.key)
        except StoreError:
            return True
        return record is not None and same_line(record.generation, self.known.generation)

    async def renew(self, errand: Errand) -> TokenPair:
        """
        Return a pair newer than the one we know, spent for or found.

        Once the service has answered, nothing that a store does can lose the pair.

        Raises:
            StoreError: the lock or the store was not to be had; nothing was spent.
            NotSignedIn, SessionEnded: somebody else was here first.
            RefreshOutcomeUnknown: the token was sent by somebody, and nobody knows what came.
            CloudBaseAuthError: what the service's refusal was.
        """
        lock = self._store.lock(
            self.key,
            wait_seconds=self._patience,
            hold_seconds=self._patience + _WRITE_SECONDS,
        )
        before = self.known.pair
        try:
            async with lock as lease:
                # Or another refresh of this process had the lock before, and brought a pair.
                if self.known.pair == before or not self._usable(self.known.pair):
                    await self._renewed(errand, lease)
        except StoreError as failure:
            self._away = True
            if self.known.pair is before:
                raise
            self.degraded(failure)
        if self.unsaved:
            await self.settle(errand.revoke)
        return self.known.pair

    async def _renewed(self, errand: Errand, lease: Lease) -> None:
        claim = await self._claimed_in_time(errand)
        if claim is None:
            return
        bought = await self._bought(claim, errand)
        if isinstance(bought, Kept):
            self._learn(Known.of(bought))
            return
        # From here on the pair is ours alone until it is written: nothing may lose it.
        self.known = Known(
            bought, claim.generation, claim.pair.refresh_token, follows=claim.follows
        )
        await self._save(lease)

    async def settle(self, revoke: Revoke) -> None:
        """
        Bring an unsaved pair into the store, or take what somebody else put there.

        Raises:
            NotSignedIn: the session is over; the pair has been revoked.
        """
        try:
            for _ in range(MOST_ROUNDS):
                if not self.unsaved or await self._reconciled(revoke):
                    return
        except StoreError as failure:
            self.degraded(failure)

    # Before the request

    async def _claimed_in_time(self, errand: Errand) -> Kept | None:
        """
        Claim, and be quick about it.

        Who sleeps between a claim and the request may be taken for dead: others send the token
        again, and then ours is the second time.
        """
        now = self._server_time.clock.monotonic
        for _ in range(2):
            began, claim = now(), await self._claimed(errand)
            if claim is None or now() - began < _policy.FIRST_PROBE_SECONDS / 2:
                self._sent = "" if claim is None else claim.by
                return claim
            await self._noted(claim, StoreBusy("a claim took too long"))
        raise StoreBusy("the store is too slow to refresh a session safely")

    async def _claimed(self, errand: Errand) -> Kept | None:
        """Announce what will be sent; None if somebody's newer pair makes that needless."""
        for _ in range(MOST_ROUNDS):
            look = await self.look()
            kept = self._current(look)
            if kept.pair is not self.known.pair and self._usable(kept.pair):
                self._learn(Known.of(kept))
                return None
            if kept.by and kept.by == self._unsent:
                # Our own claim, written though the store said it was not: nothing was sent.
                kept = attrs.evolve(kept, tries=kept.tries - 1, again_at=0.0)
            if not await self._may_send(kept, look, errand):
                continue
            claim = self._claim(kept, look)
            self._unsent = claim.by
            written = await self._write(claim, expected=look.there)
            self._unsent = ""
            if written:
                self._learn(Known.of(claim))
                return claim
        raise StoreBusy("a session was written by others again and again")

    def _claim(self, kept: Kept, look: Look) -> Kept:
        tries = kept.tries + 1
        wait = _policy.FIRST_PROBE_SECONDS if tries == 1 else _policy.PROBE_SECONDS
        return attrs.evolve(
            kept,
            generation=self._next(look.kept or kept),
            tries=tries,
            again_at=self._server_time.now() + wait,
            by=secrets.token_hex(8),
            warned=0,
        )

    def _current(self, look: Look) -> Kept:
        """Return the session to go on with; `pair` is the very object we know if it is ours."""
        found = standing(look.kept, self.known)
        kept = look.kept
        if kept is None or found is Standing.GONE:
            raise NotSignedIn("the session was signed out in another process")
        if found is Standing.REPLACED:
            self.taken()
            raise NotSignedIn("the session's key belongs to another user by now")
        if self.over:  # or a sign-out would end the new sign-in that this refresh found
            raise NotSignedIn("the session was signed out")
        if found is Standing.ENDED:
            raise SessionEnded("the service refused the refresh token; sign in again")
        if found is Standing.OURS:
            return self._ours(self.known.generation)
        return attrs.evolve(kept, pair=self.known.pair) if found is Standing.SAME else kept

    async def _may_send(self, kept: Kept, look: Look, errand: Errand) -> bool:
        """
        Refuse to send a token that somebody has sent, until there is nothing to lose by it.

        Returns:
            False if somebody wrote meanwhile, and the record must be read again.

        Raises:
            RefreshOutcomeUnknown: not yet.
        """
        if not kept.tries or errand.insist:
            return True
        now = self._server_time.now()
        wait = kept.again_at - now
        # Far more than the longest pause is no pause: somebody's clock was wrong.
        wait = wait if 0 < wait <= 2 * _policy.PROBE_SECONDS else 0.0
        if not errand.alive and not wait:
            # A store that was away since took the warning's time from whoever it was meant for.
            fresh = kept.warned and abs(now - kept.again_at) <= _STALE_SECONDS and not self._away
            if (kept.by and kept.by == self._sent) or fresh or kept.warned >= _MOST_WARNINGS:
                return True
            wait = _WARNING_SECONDS
            warning = attrs.evolve(
                kept,
                generation=self._next(look.kept or kept),
                again_at=now + wait,
                warned=kept.warned + 1,
            )
            if not await self._write(warning, expected=look.there):
                return False
            self._learn(Known.of(warning))
            self._unsent = ""  # if it was our own claim, the warning counts it out already
            self._away = False
        raise RefreshOutcomeUnknown(
            "a refresh was sent before and nobody knows how it ended", again_in_seconds=wait
        )

    # The request and its outcome

    async def _bought(self, claim: Kept, errand: Errand) -> TokenPair | Kept:
        """Spend the token; a `Kept` is what somebody else has put there meanwhile."""
        spent = claim.pair.refresh_token or ""
        try:
            new = await errand.spend(spent)
        except CloudBaseAuthError as failure:
            refusal = failure.with_traceback(None)
        else:
            if new.sub and claim.pair.sub and new.sub != claim.pair.sub:
                raise SubjectChanged("a refresh answered with another user's tokens")
            if claim.tries > 1:  # a service that forgives gives its first answer again
                new = attrs.evolve(new, started=None)
            return attrs.evolve(
                new, refresh_token=new.refresh_token or spent, sub=new.sub or claim.pair.sub
            )
        newer = await self._noted(claim, refusal)
        if newer is None:
            raise refusal
        return newer

    async def _noted(self, claim: Kept, failure: CloudBaseAuthError) -> Kept | None:
        """Write down how a refresh failed; return what somebody else has put there meanwhile."""
        found = _policy.verdict(failure)
        try:
            if found is Verdict.ENDED:
                look = await self.look()
                if standing(look.kept, self.known) is Standing.THEIRS and not self.over:
                    return look.kept
                note = attrs.evolve(claim, ended=True)
            elif found is Verdict.LATER:
                note = attrs.evolve(claim, tries=claim.tries - 1, again_at=0.0)
            elif isinstance(failure, ApiError):
                again_at = self._server_time.now() + _policy.trouble_pause(claim.tries)
                note = attrs.evolve(claim, again_at=again_at)
            else:
                return None  # the claim says all there is to say
            note = attrs.evolve(note, generation=claim.generation + 1)
            if await self._write(note, expected=claim.generation):
                self.known = attrs.evolve(self.known, generation=note.generation)
        except StoreError as trouble:
            self.degraded(trouble)
        return None

    # After the request

    async def _save(self, lease: Lease) -> None:
        kept = self._ours(self.known.generation + 1)
        expected = self.known.generation
        if await self._write(kept, expected=expected, lease=lease):
            self._learn(Known.of(kept))

    async def _reconciled(self, revoke: Revoke) -> bool:
        """Look at what came between, and write our pair or take theirs; True when it is done."""
        look = await self.look()
        found = standing(look.kept, self.known)
        orphan, kept = self.known.pair, look.kept
        if kept is None or found in (Standing.GONE, Standing.REPLACED):
            self.over = True
            await revoke(orphan)
            self._current(look)
        elif found is Standing.SAME:
            self._learn(attrs.evolve(Known.of(kept), pair=orphan))
        elif found is Standing.OURS:
            newest = self._next(kept)
            newer = Kept(generation=newest, pair=orphan, follows=kept.follows)
            if not await self._write(newer, expected=look.there):
                return False
            if self.known.pair is orphan:  # or a refresh has gone on from it meanwhile
                self._learn(Known.of(newer))
        else:
            if not same_line(kept.generation, self.known.generation):
                await revoke(orphan)
            self._learn(Known.of(kept))
        return True
