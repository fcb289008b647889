"""What the store contract is made of: keys and values that are hard to keep, and small steps."""
# ruff: noqa: S101 -- these are parts of tests, and pytest explains their asserts

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Final

from cloudbase_auth_async.stores.base import Lease, Record, Store

# What no error may show.
CANARY_KEY: Final = "canary-key-7f1c"
CANARY_VALUE: Final = b"canary-value-90ab"

KEYS: Final = {
    "empty": "",
    "dots": "..",
    "slashes": "/a//../b\\c:d",
    "nul": "a\0b",
    "lines": "a\r\nb\tc",
    "chinese": "会话/用户:\N{GRINNING FACE}",
    "glob": "*?[a-z]{b}%00",
    "long": "x" * 10_000,
}
# Twins that a store which folds, trims or escapes keys carelessly takes for one.
TWINS: Final = [
    ("a", "A"),
    ("a", "a "),
    ("a:b", "a/b"),
    ("\u00e9", "e\u0301"),
    ("a", "a\0"),
    ("", " "),
]
VALUES: Final = {
    "empty": b"",
    "every byte": bytes(range(256)),
    "newlines": b"\r\n\n\r\0\x1a",
    "100 kB": bytes(range(256)) * 400,
}


async def listed(store: Store) -> list[str]:
    """Return every key that a store lists."""
    every = store.keys()
    return [key async for key in every]


def locked(store: Store, key: str, *, wait: float = 30) -> AbstractAsyncContextManager[Lease]:
    """Lock a key, by default with more patience than any test needs."""
    return store.lock(key, wait_seconds=wait, hold_seconds=60)


async def try_lock(store: Store, key: str, *, wait: float = 0) -> None:
    """Take a lock and give it back."""
    async with locked(store, key, wait=wait):
        pass


async def hold(store: Store, key: str, entered: asyncio.Event) -> None:
    """Take a lock and keep it until cancelled."""
    async with locked(store, key):
        entered.set()
        await asyncio.Event().wait()


async def count_up(store: Store, key: str, generations: Iterator[int]) -> bool:
    """Add one to the number under a key; tell whether nobody came in between."""
    found = await store.load(key)
    assert found is not None
    record = Record(next(generations), str(int(found.value) + 1).encode())
    return await store.replace(key, record, expected=found.generation)


async def contend(store: Store, generation: int) -> None:
    """Fight for a lock, write under it, and leave another lock held when the loop ends."""
    record = Record(generation, b"x")
    expected = generation - 1 or None
    async with locked(store, "a") as lease:
        waiters = [asyncio.create_task(try_lock(store, "a", wait=60)) for _ in range(5)]
        assert await store.replace("a", record, expected=expected, lease=lease)
    await asyncio.gather(*waiters)
    entered = asyncio.Event()
    holders = [asyncio.create_task(hold(store, "b", entered)) for _ in range(2)]
    await entered.wait()  # the end of the loop cancels one that holds and one that waits
    assert not any(holder.done() for holder in holders)


def assert_shows_nothing(error: BaseException) -> None:
    """Neither the text of an error, nor its parts, nor what it came from shows a canary."""
    said = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert CANARY_KEY not in said
    assert CANARY_VALUE.decode() not in said
