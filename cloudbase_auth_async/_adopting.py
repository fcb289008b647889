"""
A session that goes on with a pair its user got otherwise, such as by signing in again.

| what happens meanwhile | what comes of it |
| --- | --- |
| the old pair is refreshed, here or elsewhere | the new sign-in wins; of a kept session, what \
that bought is revoked |
| the new pair is refreshed, by another session of it | the session goes on with what that brings |
| the session is signed out, here or elsewhere | that wins; a pair that was written is revoked |
| likewise, but the pair was written over a later sign-in | that one keeps the key, and goes on \
with the pair |
| the key is given to another user | that user keeps it |
| the store fails, or its answer is lost | the pair is served from memory, and written later |
| the client is closed in the middle | likewise, with a last try while it closes |
"""

import attrs

from cloudbase_auth_async._holding import Rooms
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._records import same_line
from cloudbase_auth_async._sharing import Sharing
from cloudbase_auth_async._standing import Look
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._turns import Turns
from cloudbase_auth_async.errors import NotSignedIn, StoreError, SubjectChanged


class Adopting(Sharing):
    """A session that takes pairs from outside."""

    __slots__ = ("_turns",)

    def __init__(self, rooms: Rooms, tokens: TokenPair, keeper: Keeper | None = None) -> None:
        super().__init__(rooms, tokens, keeper)
        self._turns: Turns | None = None  # few sessions ever need them

    async def succeed(self, pair: TokenPair, *, alone: bool = False) -> None:
        """
        Go on with a pair; in the store first, if the session is kept in one.

        Args:
            pair: of the same user.
            alone: whether nobody else has the pair, so that it is revoked after a sign-out even
                if it was not written.

        Raises:
            NotSignedIn: the session was signed out; the pair is revoked if it was written by then,
                unless a later sign-in goes on with it.
            SubjectChanged: the pair is another user's.
            StoreError: the session was signed out, and the pair, revoked, may still be stored.
        """
        if self._turns is None:
            self._turns = Turns()
        try:
            await self._turns.do(lambda: self._succeed(pair))
        except NotSignedIn:
            if alone:
                await self.orphaned(pair)
            raise
        self.held()  # or it was signed out, and what to do with the pair is done

    async def _succeed(self, pair: TokenPair) -> None:
        while True:
            pair = await self._exchange.latest(pair)
            held = self._holds_same(pair)
            pair = attrs.evolve(pair, sub=pair.sub or held.sub)
            keeper = self._keeper
            if keeper is None:
                self._go_on(pair)
                return
            await self._placed(pair, keeper)
            if self._pair is None:
                return
            newest = self._exchange.remembered.newest(pair)
            if newest.refresh_token == pair.refresh_token:
                return
            pair = newest  # a refresh replaced it while it was written

    async def _placed(self, pair: TokenPair, before: Keeper) -> None:
        """Write a pair in the place of the old one; whatever befalls the writing, it is kept."""
        keeper = before.successor(pair)

        def check(look: Look) -> None:
            self._holds_same(pair)
            before.check_follows(look)

        try:
            await keeper.put(pair, check)
        except StoreError as failure:
            keeper.unwritten(pair, before.known)
            keeper.degraded(failure)
        except SubjectChanged:
            raise
        except NotSignedIn:
            if self._keeper is before:
                self._lost(before.loss)
            raise
        except BaseException:
            # The client is being closed, or the store has a bug: the pair exists nowhere else.
            keeper.unwritten(pair, before.known)
            self._pass_on(pair, before, keeper)
            raise
        if self._pair is None:
            await self._withdrawn(pair, before, keeper)
            return
        self._holds_same(pair)
        self._pass_on(pair, before, keeper)

    async def _withdrawn(self, pair: TokenPair, before: Keeper, keeper: Keeper) -> None:
        """Take a pair back that came after a sign-out: that wins."""
        if keeper.known.root == before.known.root:
            await self.orphaned(pair)
            await keeper.forget()
        elif not await keeper.stands():
            await self.orphaned(pair)
        # Otherwise it is what a later sign-in has by now. That one was not signed out.

    def _pass_on(self, pair: TokenPair, before: Keeper, keeper: Keeper) -> None:
        """Go on with the keeper of the new pair."""
        if self._pair is None or self._keeper is not before:
            return  # signed out, or signed in anew, meanwhile
        known, ours = before.known, keeper.known
        if same_line(ours.generation, known.generation) and known.generation > ours.generation:
            return  # a refresh found the pair in the store, and has gone on from it
        if known.instead_of:
            before.over = True  # its pair is in no store, and must not come there now
        self._keeper = keeper
        self._exchange.saving.passed(keeper.key)
        if keeper.unsaved:
            self._exchange.saving.later(keeper)
        self._go_on(pair)

    def _holds_same(self, pair: TokenPair) -> TokenPair:
        held = self.held()
        if pair.sub and held.sub and pair.sub != held.sub:
            raise SubjectChanged("these are another user's tokens")
        return held
