"""The tests that every store passes, for the store you write, too: `StoreContract`."""
# ruff: noqa: S101 -- these are tests, and pytest explains their asserts

import asyncio
import itertools
import threading
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import ClassVar

import pytest

from cloudbase_auth_async.errors import StoreBusy, StoreCorrupt, StoreError
from cloudbase_auth_async.stores.base import Record, Store
from cloudbase_auth_async.testing._store_leases import LeaseContract
from cloudbase_auth_async.testing._store_steps import (
    CANARY_KEY,
    CANARY_VALUE,
    KEYS,
    TWINS,
    VALUES,
    assert_shows_nothing,
    contend,
    count_up,
    hold,
    listed,
    locked,
    try_lock,
)


class StoreContract(LeaseContract):
    """
    What a store promises, one test for each promise; it needs pytest.

        class TestShelfStore(StoreContract):
            @pytest.fixture(autouse=True)
            def place(self, tmp_path):
                self.path = tmp_path / "shelf"  # a new place for each test

            def make_store(self):
                return ShelfStore(self.path)

    The tests are coroutines: under pytest-asyncio in strict mode put `pytestmark =
    pytest.mark.asyncio` into the class, under anyio's plugin `pytest.mark.anyio`. A test makes
    one or two stores and closes them; what the subclass does not offer is skipped.
    """

    shared: ClassVar[bool] = True
    """Whether two stores that `make_store` returns within one test keep the same sessions."""

    tasks: ClassVar[int] = 200
    """How many tasks write one record at once."""

    def make_store(self) -> Store:
        """
        Return a new store object, on the same place each time it is called within one test.

        It is called without a running loop, too.
        """
        raise NotImplementedError

    def break_place(self) -> bool:
        """Put the place out of reach, if the test can; tell whether. The default cannot."""
        return False

    def damage(self, key: str) -> bool:
        """Alter what is kept under a key, if the test can; tell whether. The default cannot."""
        del key
        return False

    async def test_nothing_is_there_at_first(self) -> None:
        """A key that was never written holds nothing, and no key is listed."""
        async with self._store() as store:
            assert await store.load("a") is None
            assert await listed(store) == []
            assert await store.remove("a", expected=1) is False

    async def test_what_is_written_is_read(self) -> None:
        """A record is written under a free key and comes back equal."""
        async with self._store() as store:
            assert await store.replace("a", Record(7, b"one"), expected=None) is True
            assert await store.load("a") == Record(7, b"one")
            assert await store.load("b") is None

    async def test_a_taken_key_is_not_free(self) -> None:
        """A writer who thinks the key is free does not overwrite what is there."""
        async with self._store() as store:
            await store.replace("a", Record(1, b"one"), expected=None)
            assert await store.replace("a", Record(2, b"two"), expected=None) is False
            assert await store.load("a") == Record(1, b"one")

    async def test_only_the_expected_generation_is_overwritten(self) -> None:
        """A writer who saw another generation is refused, and the right one is not."""
        async with self._store() as store:
            await store.replace("a", Record(5, b"five"), expected=None)
            for wrong in (4, 6, 1, 0):
                assert await store.replace("a", Record(9, b"nine"), expected=wrong) is False
            assert await store.load("a") == Record(5, b"five")
            assert await store.replace("a", Record(6, b"six"), expected=5) is True
            assert await store.load("a") == Record(6, b"six")

    async def test_a_free_key_has_no_generation(self) -> None:
        """Whoever expects a record writes nothing where none is."""
        async with self._store() as store:
            assert await store.replace("a", Record(2, b"two"), expected=1) is False
            assert await store.replace("a", Record(2, b"two"), expected=0) is False
            assert await store.load("a") is None

    async def test_generations_have_no_order(self) -> None:
        """A smaller generation replaces a larger one, and the largest is kept exactly."""
        async with self._store() as store:
            largest = 2**53 - 1
            assert await store.replace("a", Record(largest, b"x"), expected=None) is True
            assert await store.load("a") == Record(largest, b"x")
            assert await store.replace("a", Record(2, b"y"), expected=largest - 1) is False
            assert await store.replace("a", Record(2, b"y"), expected=largest) is True
            assert await store.load("a") == Record(2, b"y")

    async def test_only_the_expected_generation_is_removed(self) -> None:
        """A loser does not remove what the winner wrote."""
        async with self._store() as store:
            await store.replace("a", Record(1, b"one"), expected=None)
            await store.replace("a", Record(2, b"two"), expected=1)
            assert await store.remove("a", expected=1) is False
            assert await store.load("a") == Record(2, b"two")
            assert await store.remove("a", expected=2) is True
            assert await store.load("a") is None
            assert await store.remove("a", expected=2) is False

    async def test_a_key_put_anew_is_another(self) -> None:
        """Who saw a record that was removed and put anew cannot overwrite the new one."""
        async with self._store() as store:
            await store.replace("a", Record(1, b"same"), expected=None)
            await store.remove("a", expected=1)
            await store.replace("a", Record(2, b"same"), expected=None)
            assert await store.replace("a", Record(3, b"late"), expected=1) is False
            assert await store.remove("a", expected=1) is False
            assert await store.load("a") == Record(2, b"same")

    async def test_keys_are_listed(self) -> None:
        """Each key with a record is listed once, no other, even if it is removed meanwhile."""
        async with self._store() as store:
            for key in ("a", "b", "c"):
                await store.replace(key, Record(1, b"x"), expected=None)
            await store.replace("c", Record(2, b"y"), expected=1)
            await store.remove("b", expected=1)
            async with locked(store, "d"):
                every, there = store.keys(), {"a": 1, "c": 2}
                found = [key async for key in every if await store.remove(key, expected=there[key])]
                assert sorted(found) == ["a", "c"]

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    async def test_any_text_is_a_key(self, key: str) -> None:
        """Any text is a key, is listed as it is, and can be locked."""
        async with self._store() as store:
            assert await store.replace(key, Record(1, b"x"), expected=None) is True
            assert await store.load(key) == Record(1, b"x")
            assert await listed(store) == [key]
            async with locked(store, key):
                assert await store.remove(key, expected=1) is True

    @pytest.mark.parametrize("twins", TWINS, ids=ascii)
    async def test_similar_keys_are_two(self, twins: tuple[str, str]) -> None:
        """Two keys that look alike hold two records: nobody gets another's session."""
        async with self._store() as store:
            for generation, key in enumerate(twins, 1):
                record = Record(generation, key.encode())
                assert await store.replace(key, record, expected=None) is True
            for generation, key in enumerate(twins, 1):
                assert await store.load(key) == Record(generation, key.encode())
            assert sorted(await listed(store)) == sorted(twins)

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    async def test_any_bytes_are_a_value(self, value: bytes) -> None:
        """Every byte, none, and 100 kB come back as they went."""
        async with self._store() as store:
            await store.replace("a", Record(1, value), expected=None)
            found = await store.load("a")
            assert found is not None
            assert type(found.value) is bytes
            assert found.value == value

    async def test_no_count_is_lost(self) -> None:
        """Many tasks count one record up by compare-and-set, and every count is there."""
        generations = itertools.count(1)
        async with self._store() as store, self._second(store) as second:
            await store.replace("a", Record(next(generations), b"0"), expected=None)
            # A few at a time: each of them sees its record changed by the others often enough.
            gate = asyncio.Semaphore(10)

            async def count(place: Store) -> None:
                async with gate:
                    while not await count_up(place, "a", generations):
                        pass

            places = itertools.cycle((store, second))
            await asyncio.gather(*(count(next(places)) for _ in range(self.tasks)))
            found = await store.load("a")
            assert found is not None
            assert found.value == str(self.tasks).encode()

    async def test_a_lock_excludes(self) -> None:
        """However many want a lock, one has it at a time, and each gets it."""
        inside: list[int] = []
        async with self._store() as store, self._second(store) as second:

            async def visit(place: Store, number: int) -> None:
                async with locked(place, "a"):
                    inside.append(number)
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    assert inside.pop() == number
                    assert not inside

            places = itertools.cycle((store, second))
            await asyncio.gather(*(visit(next(places), number) for number in range(40)))

    async def test_locks_are_per_key(self) -> None:
        """A lock keeps nobody from another key's."""
        async with self._store() as store, locked(store, "a"), locked(store, "b", wait=0):
            with pytest.raises(StoreBusy):
                await try_lock(store, "a")

    async def test_a_lock_is_not_waited_for_longer_than_asked(self) -> None:
        """A lock that stays taken ends in `StoreBusy`, with and without waiting."""
        async with self._store() as store, self._second(store) as second:
            async with locked(store, "a"):
                for place, wait in itertools.product((store, second), (0, 0.05)):
                    with pytest.raises(StoreBusy):
                        await try_lock(place, "a", wait=wait)
            await try_lock(second, "a", wait=30)
            await try_lock(store, "a", wait=30)

    async def test_an_exception_frees_the_lock(self) -> None:
        """A holder that fails gives its lock back, and its own error comes out."""
        async with self._store() as store:
            with pytest.raises(ZeroDivisionError):
                async with locked(store, "a"):
                    raise ZeroDivisionError
            await try_lock(store, "a", wait=30)

    async def test_a_cancelled_holder_frees_the_lock(self) -> None:
        """A holder that is cancelled gives its lock back."""
        async with self._store() as store:
            entered = asyncio.Event()
            holder = asyncio.create_task(hold(store, "a", entered))
            await entered.wait()
            holder.cancel()
            await asyncio.wait([holder])
            assert holder.cancelled()
            await try_lock(store, "a", wait=30)

    @pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 50])
    async def test_a_cancelled_waiter_owns_nothing(self, turns: int) -> None:
        """Wherever a waiter is cancelled, the others get the lock."""
        async with self._store() as store:
            async with locked(store, "a"):
                waiters = [asyncio.create_task(try_lock(store, "a", wait=60)) for _ in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                waiters[0].cancel()
                await asyncio.wait(waiters[:1])
            await asyncio.gather(*waiters[1:])
            await try_lock(store, "a", wait=30)

    @pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
    async def test_a_waiter_cancelled_as_its_turn_comes(self, turns: int) -> None:
        """A waiter cancelled just when it is handed the lock hands it on."""
        async with self._store() as store:
            async with locked(store, "a"):
                waiters = [asyncio.create_task(try_lock(store, "a", wait=60)) for _ in range(3)]
                for _ in range(10):
                    await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            waiters[0].cancel()
            await asyncio.wait(waiters)
            assert [waiter.cancelled() for waiter in waiters[1:]] == [False, False]
            await try_lock(store, "a", wait=30)

    async def test_a_lock_hinders_no_write(self) -> None:
        """A sign-out waits for nobody's lock."""
        async with self._store() as store, self._second(store) as second, locked(store, "a"):
            assert await second.replace("a", Record(1, b"x"), expected=None) is True
            assert await second.replace("a", Record(2, b"y"), expected=1) is True
            assert await second.load("a") == Record(2, b"y")
            assert await second.remove("a", expected=2) is True

    async def test_a_holder_writes_under_its_lease(self) -> None:
        """Holders write one after the other, and a later one's fence is not smaller."""
        fences: list[int] = []
        async with self._store() as store:
            expected = None
            for generation in range(1, 6):
                async with locked(store, "a") as lease:
                    fences.append(lease.fence)
                    record = Record(generation, b"x")
                    assert await store.replace("a", record, expected=expected, lease=lease)
                    expected = generation
        assert fences == [0] * 5 or fences == sorted(set(fences))

    async def test_two_stores_see_each_other(self) -> None:
        """What one store writes the other reads, at once."""
        if not self.shared:
            pytest.skip("each store object is a place of its own")
        async with self._store() as store, self._store() as second:
            await store.replace("a", Record(1, b"x"), expected=None)
            assert await second.load("a") == Record(1, b"x")
            assert await second.replace("a", Record(2, b"y"), expected=1) is True
            assert await store.replace("a", Record(3, b"z"), expected=1) is False
            assert await store.remove("a", expected=2) is True
            assert await listed(second) == []

    async def test_a_closed_store_harms_no_other(self) -> None:
        """Closing may be repeated, and what others use goes on working."""
        store = self.make_store()
        async with self._second(store) as second:
            await store.replace("a", Record(1, b"x"), expected=None)
            if second is not store:
                await store.aclose()
                await store.aclose()
            assert await second.load("a") == Record(1, b"x")
        await store.aclose()

    async def test_nothing_is_left_running(self) -> None:
        """After close no task is left, and no thread that would keep Python from its end."""
        tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
        async with self._store() as store:
            await store.replace("a", Record(1, b"x"), expected=None)
            async with locked(store, "a"):
                with pytest.raises(StoreBusy):
                    await try_lock(store, "a")
        assert asyncio.all_tasks() == tasks
        # The loop's own executor is joined when the loop is closed.
        left = [t for t in threading.enumerate() if not t.name.startswith("asyncio_")]
        assert [t for t in left if t not in threads and not t.daemon] == []

    async def test_a_second_loop_uses_the_same_store(self) -> None:
        """One store object serves a second loop, contended in both, after a lock was left."""

        def run() -> None:
            store = self.make_store()
            for generation in (1, 2):
                asyncio.run(contend(store, generation), debug=True)
            asyncio.run(store.aclose())

        # In a thread: this one's loop is running.
        await asyncio.to_thread(run)

    async def test_a_busy_lock_shows_no_key(self) -> None:
        """What is said of a lock that is taken tells whose neither in text nor in parts."""
        async with self._store() as store, locked(store, CANARY_KEY):
            with pytest.raises(StoreBusy) as caught:
                await try_lock(store, CANARY_KEY)
        assert_shows_nothing(caught.value)

    async def test_an_unreachable_place(self) -> None:
        """Every method says `StoreError` when the place is out of reach, and no secret."""
        async with self._store() as store:
            await store.replace(CANARY_KEY, Record(1, b"x"), expected=None)
            if not self.break_place():
                pytest.skip("the place cannot be put out of reach")
            record = Record(2, CANARY_VALUE)
            for call in (
                store.load(CANARY_KEY),
                store.replace(CANARY_KEY, record, expected=1),
                store.remove(CANARY_KEY, expected=1),
                try_lock(store, CANARY_KEY),
                listed(store),
            ):
                with pytest.raises(StoreError) as caught:
                    await call
                assert_shows_nothing(caught.value)

    async def test_a_damaged_record(self) -> None:
        """What was altered is told as `StoreCorrupt`, once, and its key is free again."""
        async with self._store() as store:
            await store.replace(CANARY_KEY, Record(1, CANARY_VALUE), expected=None)
            if not self.damage(CANARY_KEY):
                pytest.skip("what is kept cannot be altered")
            with pytest.raises(StoreCorrupt) as caught:
                await store.load(CANARY_KEY)
            assert_shows_nothing(caught.value)
            assert await store.load(CANARY_KEY) is None
            assert await store.replace(CANARY_KEY, Record(2, b"x"), expected=None) is True

    def _store(self) -> AbstractAsyncContextManager[Store]:
        return aclosing(self.make_store())

    def _second(self, store: Store) -> AbstractAsyncContextManager[Store]:
        """Open a second object on the same place; the same one if no two share a place."""
        return self._store() if self.shared else nullcontext(store)
