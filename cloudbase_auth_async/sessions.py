"""
`auth.sessions`: many sessions, kept in the client's store under keys of yours.

The store is the truth: each `get` reads it, so that a process learns what another one did. In a
process the same key gives the same `TokenSession`, as long as somebody uses it.
"""

import functools
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from cloudbase_auth_async import config, errors
from cloudbase_auth_async._holding import Rooms
from cloudbase_auth_async._keeping import Keeper
from cloudbase_auth_async._owned import Owned
from cloudbase_auth_async._place import MOST_ROUNDS
from cloudbase_auth_async._records import Kept, read, same_line
from cloudbase_auth_async._renewal import Renewal
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._standing import Known, Look, Standing, standing
from cloudbase_auth_async._tokens import TokenPair, pair_of
from cloudbase_auth_async.errors import StoreCorrupt, StoreError
from cloudbase_auth_async.session import TokenSession, session_of
from cloudbase_auth_async.stores.base import Store


class Sessions:
    """
    Kept sessions by key.

    A key is any text that names the session for you: a user id for a bot, a random cookie value
    for a browser. Keep one pair under one key only.
    """

    def __init__(self, rooms: Rooms, store: Store) -> None:
        self._rooms = rooms
        self._store = store
        settings = rooms.caller.settings
        self._owner = f"{settings.env} {settings.client_id}"
        # Weak: ten thousand users do not stay in memory because they once came by.
        self._here: weakref.WeakValueDictionary[str, Owned] = weakref.WeakValueDictionary()
        self._renewal = Renewal(rooms, self._here)

    @sealed
    async def put(self, key: str, tokens: TokenPair | Mapping[str, Any]) -> TokenSession:
        """
        Keep the tokens of a new sign-in under a key; whatever was there is replaced.

        A refresh that is under way for the old tokens, here or elsewhere, does not bring them
        back. The old tokens are not revoked, unless such a refresh just bought them. To move a
        session to another key, put it there first and drop the old key then.

        Args:
            key: names the session.
            tokens: what a sign-in answered, or what `TokenPair.to_dict` wrote.

        Returns:
            the session; the one you may hold already, if it is the same user's.

        Raises:
            ConfigurationError: an argument is wrong.
            StoreError: it was not kept.
            ClientClosed: the client is closed.
        """
        config.text("key", key)
        self._check_open()
        pair = await self._rooms.exchange.latest(pair_of(tokens))
        keeper = self._keeper(key, Known(pair, 0))
        check: Callable[[Look], None] | None = None
        while True:
            try:
                await keeper.put(pair, check)
                late = await keeper.overtaken()
            except errors.NotSignedIn:
                late = True
            if late:
                # A later sign-in has the key, or it was signed out again.
                return TokenSession(Owned(self._rooms, pair, keeper))
            newest = await self._rooms.exchange.latest(pair)
            if newest is pair:
                break
            # A refresh replaced it while it was written: what it brought goes in its place only.
            check = functools.partial(_check_came_of, keeper.known.generation)
            pair = newest
        self._rooms.exchange.saving.passed(key)
        held = self._held(key)
        if held is not None:
            if held.resume(pair, keeper):
                return session_of(held)
            held.replaced()
        return session_of(self._made(pair, keeper))

    @sealed
    async def get(self, key: str) -> TokenSession | None:
        """
        Return the session that is kept under a key; None if there is none.

        A session that the service has ended is returned, too: its calls raise `SessionEnded`
        until you `drop` it or `put` a new sign-in in its place.

        Raises:
            ConfigurationError: the key is none.
            StoreCorrupt: what was kept cannot be read; the store has moved it aside, or it stays
                until you `drop` it or `put` something else.
            StoreError: the store cannot be read, and the session is not in use here; or what is
                there belongs to another environment or client.
            ClientClosed: the client is closed.
        """
        config.text("key", key)
        self._check_open()
        owned = await self._looked_up(key)
        return None if owned is None else session_of(owned)

    @sealed
    async def drop(self, key: str) -> bool:
        """
        Forget a session, here and in the store; tell whether there was one.

        The service is not told: `session.sign_out()` does that, and drops it as well.

        Raises:
            ConfigurationError: the key is none.
            StoreError: it may still be there.
            ClientClosed: the client is closed.
        """
        config.text("key", key)
        self._check_open()
        held = self._here.pop(key, None)
        if held is not None:
            held.gone("dropped")
        self._rooms.exchange.saving.dropped(key)
        for _ in range(MOST_ROUNDS):
            there = await self._generation(key)
            if there is None:
                return held is not None
            if await self._store.remove(key, expected=there):
                return True
        raise errors.StoreBusy("a session was written by others again and again")

    def __aiter__(self) -> AsyncIterator[str]:
        """Iterate over the keys in the store; a key that comes or goes meanwhile may be missed."""
        if self._rooms.background.closed:
            raise errors.ClientClosed("the client is closed")
        return self._store.keys()

    def renew_in_background(self, *, requests_per_second: float = 5.0) -> None:
        """
        Renew the sessions in use here before anybody has to wait for it.

        In use is what your program holds and has called within the life of its access token.
        Renewals are spread: never more than that many a second, begun so early that the last one
        is in time. It goes on until the client is closed; a second call changes the rate.

        Args:
            requests_per_second: the most refreshes that are begun in a second.

        Raises:
            ConfigurationError: the rate is not a positive number.
            ClientClosed: the client is closed.
            RuntimeError: no event loop runs here.
        """
        self._renewal.start(requests_per_second)

    async def _looked_up(self, key: str) -> Owned | None:
        for _ in range(MOST_ROUNDS):
            held, known = self._held(key), self._known(key)
            try:
                record = await self._store.load(key)
                if record is not None and held is not None and held.knows(record.generation):
                    return held  # nobody wrote since: the path of nearly every call
                kept = None if record is None else read(record, owner=self._owner)
            except StoreError as failure:
                held = self._held(key) or self._rescued(key)
                if held is None or held.keeper is None:
                    raise
                held.keeper.degraded(failure)
                if isinstance(failure, StoreCorrupt):
                    await held.repair(unreadable=True)
                return held
            still = self._known(key) == known  # or what was read is older than what is known
            if kept is not None and held is not None and still and held.ahead(kept):
                await held.repair(unreadable=False)  # a fail-over took the store back
                return held
            # What came between, such as a new sign-in, is newer than what was just read.
            there = None if kept is None else kept.generation
            if self._known(key) in (known, there):
                return self._found(key, kept)
        raise errors.StoreBusy("a session was written by others again and again")

    def _found(self, key: str, kept: Kept | None) -> Owned | None:
        held = self._held(key)
        if kept is None:
            if held is not None and not (held.keeper and held.keeper.unsaved):
                held.gone()
            return None
        if held is not None:
            if held.look_again(kept):
                return held
            held.replaced()
        return self._rescued(key, kept) or self._restored(key, kept)

    def _rescued(self, key: str, kept: Kept | None = None) -> Owned | None:
        """Return the session whose newest pair waits here to be saved, if it is still its key."""
        keeper = self._rooms.exchange.saving.keeper(key)
        if keeper is None or (kept and standing(kept, keeper.known) is not Standing.OURS):
            return None
        return self._made(keeper.known.pair, keeper)

    def _held(self, key: str) -> Owned | None:
        """Return the session that somebody uses here; one that was closed is of no use."""
        held = self._here.get(key)
        return held if held is not None and held.in_use else None

    def _known(self, key: str) -> int | None:
        """Return the generation that the session in use here goes by."""
        held = self._held(key)
        return None if held is None or held.keeper is None else held.keeper.known.generation

    def _made(self, pair: TokenPair, keeper: Keeper) -> Owned:
        session = Owned(self._rooms, pair, keeper)
        self._here[keeper.key] = session
        return session

    def _restored(self, key: str, kept: Kept) -> Owned:
        keeper = self._keeper(key, Known.of(kept))
        session = self._made(kept.pair, keeper)
        session.look_again(kept)
        return session

    def _keeper(self, key: str, known: Known) -> Keeper:
        return Keeper(
            self._store,
            key,
            known,
            owner=self._owner,
            server_time=self._rooms.caller.server_time,
            stream=self._rooms.stream,
            patience=self._rooms.caller.settings.timeout,
        )

    async def _generation(self, key: str) -> int | None:
        try:
            record = await self._store.load(key)
        except StoreCorrupt:
            return None  # moved aside: the key is free
        return None if record is None else record.generation

    def _check_open(self) -> None:
        if self._rooms.background.closed:
            raise errors.ClientClosed("the client is closed")
        self._rooms.background.here()


def _check_came_of(generation: int, look: Look) -> None:
    if look.kept is None or not same_line(look.kept.generation, generation):
        raise errors.NotSignedIn("the session was signed out, or in anew, while it was written")
