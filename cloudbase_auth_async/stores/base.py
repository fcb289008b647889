"""
The store protocol: what a session needs of the place it is kept in.

A store moves opaque bytes and knows nothing of tokens. It keeps two promises: a write happens
only if the generation is still the one the writer saw, and a lock is held by one holder at a
time. The first makes sessions safe, the second makes them cheap: a holder that was paused until
its lease lapsed cannot overwrite what another wrote meanwhile.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs


@attrs.frozen
class Record:
    """
    What is kept under a key.

    Attributes:
        generation: which writing of this key it is, from 1 to 2**53 - 1. The caller chooses it,
            and never the same twice for one key; stores compare it for equality only.
        value: the bytes of it; they hold secrets.
    """

    generation: int
    value: bytes = attrs.field(repr=False)


@attrs.frozen
class Lease:
    """
    The right to spend what is kept under a key, until it is given back or lapses.

    Attributes:
        fence: larger for each later holder of the same key. 0 where a lock cannot lapse.
    """

    fence: int = 0


class Store(Protocol):
    """
    Keeps records by key.

    Every coroutine may be called from many tasks at once and cancelled at any await; what is
    cancelled has happened whole or not at all, and holds no lock afterwards. Nothing blocks the
    event loop, and nothing is bound to one before the first call: a second loop may use the same
    store when the first has ended.

    Raises:
        StoreError: from every method, when the place cannot be reached or trusted. Nothing else
            is raised but for cancellation. No error shows a key or a value.
    """

    async def load(self, key: str) -> Record | None:
        """
        Return what is kept under a key; None if nothing is.

        Raises:
            StoreCorrupt: what was there cannot be read. It is moved aside, and the key is free.
        """
        ...

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """
        Write a record if the generation under the key is the expected one; durable on return.

        Args:
            key: any text.
            record: what to write.
            expected: the generation that must be there; None if the key must be free.
            lease: the lock under which this is written. The write is refused if a later holder
                of the lock has written already.

        Returns:
            whether it was written.
        """
        ...

    async def remove(self, key: str, *, expected: int) -> bool:
        """Free a key if the generation under it is the expected one; tell whether it was."""
        ...

    def lock(
        self, key: str, *, wait_seconds: float, hold_seconds: float
    ) -> AbstractAsyncContextManager[Lease]:
        """
        Lock a key for everybody who shares the store.

        It does not keep anybody from `replace` and `remove`: a sign-out waits for no lock. It is
        not re-entrant, and is free again at once when its holder's process dies, or where that
        cannot be seen, after `hold_seconds`.

        Args:
            key: any text; it need not hold a record.
            wait_seconds: how long to wait for it.
            hold_seconds: how long it will be held at most.

        Raises:
            StoreBusy: somebody else held it all the while.
        """
        ...

    def keys(self) -> AsyncIterator[str]:
        """Yield every key that holds a record, in any order; it need not be a snapshot."""
        ...

    async def aclose(self) -> None:
        """Give back what the store opened itself. It may be called twice."""
        ...
