"""`RedisStore` on real servers: what every store promises, and what only Redis can go wrong in."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest

pytest.importorskip("redis")
import redis as blocking
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cloudbase_auth_async.errors import ConfigurationError, StoreBusy, StoreCorrupt, StoreError
from cloudbase_auth_async.stores._waiting import Queue
from cloudbase_auth_async.stores.base import Lease, Record, Store
from cloudbase_auth_async.stores.redis import RedisStore
from cloudbase_auth_async.testing._store_steps import listed
from cloudbase_auth_async.testing.store_contract import StoreContract


class OneCommandEach:
    """A client whose connections outlive no event loop, because each makes one command."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def execute_command(self, *args: Any) -> Any:
        """Connect, send, close."""
        async with redis.Redis.from_url(self.url) as client:
            return await client.execute_command(*args)

    async def scan_iter(self, **kwargs: Any) -> AsyncIterator[Any]:
        """Connect, look, close."""
        async with redis.Redis.from_url(self.url) as client:
            async for name in client.scan_iter(**kwargs):
                yield name


class RedisContract(StoreContract):
    """Every promise of a store, on one server."""

    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    async def place(self, redis_server: Any) -> AsyncIterator[None]:
        """A prefix of its own, and clients that are closed at the end."""
        self.server = redis_server
        self.prefix = f"{uuid4()}:"
        self.clients: list[Any] = []
        self.stores: list[RedisStore] = []
        yield
        for client in self.clients:
            await client.aclose()

    def client(self) -> Any:
        """Return a new client of the kind under test."""
        return redis.Redis.from_url(self.server.url, **self.options)

    def make_store(self) -> Store:
        """Return a store with a client of its own; without a loop, with one that binds to none."""
        try:
            asyncio.get_running_loop()
            client = self.client()
            self.clients.append(client)
        except RuntimeError:
            client = OneCommandEach(self.server.url)
        self.stores.append(RedisStore(client, prefix=self.prefix))
        return self.stores[-1]

    def break_place(self) -> bool:
        """Send what follows where nobody listens, and do not retry."""
        nobody = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
        self.clients.append(nobody)
        for store in self.stores:
            store._redis = nobody
        return True

    def damage(self, key: str) -> bool:
        """Put something into the hash that is no value."""
        with blocking.Redis.from_url(self.server.url) as client:
            client.hset(self.stores[0]._name(key), "value", "no base64!")
        return True


class TestProtocol2(RedisContract):
    """The older protocol."""

    options: ClassVar[dict[str, Any]] = {"protocol": 2}


class TestProtocol3(RedisContract):
    """The newer protocol."""

    options: ClassVar[dict[str, Any]] = {"protocol": 3}


class TestDecoding(RedisContract):
    """A client that turns all answers into text, and in an encoding that is not UTF-8."""

    options: ClassVar[dict[str, Any]] = {"decode_responses": True, "encoding": "gbk"}


@pytest.fixture
async def client(redis_server: Any) -> AsyncIterator[Any]:
    """A client of the common server."""
    async with redis.Redis.from_url(redis_server.url) as one:
        yield one


@pytest.fixture
def store(client: Any) -> RedisStore:
    """A store with a prefix of its own."""
    return RedisStore(client, prefix=f"{uuid4()}:")


async def test_a_paused_holder_is_refused(client: Any, store: RedisStore) -> None:
    """A holder that wakes after its lease lapsed cannot overwrite the next one's pair (B3)."""
    second = RedisStore(client, prefix=store._prefix)
    await store.replace("a", Record(1, b"old"), expected=None)
    async with store.lock("a", wait_seconds=0, hold_seconds=0.2) as lapsed:
        async with second.lock("a", wait_seconds=30, hold_seconds=60) as lease:
            assert lease.fence > lapsed.fence
            assert await second.replace("a", Record(2, b"new"), expected=1, lease=lease)
            assert not await store.replace("a", Record(2, b"late"), expected=1, lease=lapsed)
        assert await store.load("a") == Record(2, b"new")


async def test_a_lapsed_lock_is_not_given_back_for_another(store: RedisStore) -> None:
    """A holder whose lease lapsed does not free the lock of the next one (B3)."""
    lapsed = store.lock("a", wait_seconds=0, hold_seconds=0.1)
    await lapsed.__aenter__()
    async with store.lock("a", wait_seconds=30, hold_seconds=60):
        await lapsed.__aexit__(None, None, None)
        with pytest.raises(StoreBusy):
            await store.lock("a", wait_seconds=0, hold_seconds=60).__aenter__()


async def test_a_fence_holds_where_generations_do_not(store: RedisStore) -> None:
    """A paused holder writes nothing to a key that a later one wrote and removed (B3)."""
    async with store.lock("a", wait_seconds=0, hold_seconds=0.1) as lapsed:
        async with store.lock("a", wait_seconds=30, hold_seconds=60) as lease:
            assert await store.replace("a", Record(1, b"x"), expected=None, lease=lease)
        assert await store.remove("a", expected=1)
        assert not await store.replace("a", Record(2, b"late"), expected=None, lease=lapsed)
    assert await store.replace("a", Record(3, b"new"), expected=None)


async def test_a_lapsed_lease_may_write_until_somebody_else_has(store: RedisStore) -> None:
    """A pair is not thrown away only because its lease lapsed: nobody has written since (B6)."""
    locks = [store.lock("a", wait_seconds=30, hold_seconds=hold) for hold in (0.1, 60)]
    async with locks[0] as lapsed, locks[1]:
        assert await store.replace("a", Record(1, b"x"), expected=None, lease=lapsed)


async def test_fences_grow_over_a_loss(client: Any, store: RedisStore) -> None:
    """A hash that was lost, as in a fail-over, does not begin with small fences again (B3)."""
    async with store.lock("a", wait_seconds=0, hold_seconds=60) as before:
        await client.delete(store._name("a"))
    async with store.lock("a", wait_seconds=0, hold_seconds=60) as after:
        assert before.fence < after.fence < 2**53


async def test_fences_grow_when_the_clock_steps_back(client: Any, store: RedisStore) -> None:
    """A fence is larger than the last even if the server's clock is behind it (B3)."""
    ahead = 2**53 - 10
    await client.hset(store._name("a"), "fence", str(ahead))
    async with store.lock("a", wait_seconds=0, hold_seconds=0.1) as first:
        assert first == Lease(ahead + 1)
    await client.hset(store._name("a"), "written", str(ahead + 5))
    async with store.lock("a", wait_seconds=30, hold_seconds=60) as second:
        assert second == Lease(ahead + 6)


async def test_a_lock_names_its_holder(store: RedisStore) -> None:
    """Who waits in vain, first in the queue or behind, is told who has the lock (B25)."""
    async with store.lock("a", wait_seconds=0, hold_seconds=60):
        first = store.lock("a", wait_seconds=60, hold_seconds=60)
        asking = asyncio.create_task(first.__aenter__())
        while "a" not in store._queues._queues or not store._queues._queues["a"].holder:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        with pytest.raises(StoreBusy) as behind:
            await store.lock("a", wait_seconds=0.01, hold_seconds=60).__aenter__()
        asking.cancel()
        await asyncio.wait([asking])
        with pytest.raises(StoreBusy) as alone:
            await store.lock("a", wait_seconds=0.01, hold_seconds=60).__aenter__()
    for error in (behind.value, alone.value):
        assert error.holder == f"process {os.getpid()} on {socket.gethostname()}"


async def test_a_lock_of_a_killed_process_lapses(redis_server: Any, store: RedisStore) -> None:
    """A process that is killed while it holds a lock blocks nobody for longer (B2, B25)."""
    code = f"""if True:
        import asyncio, redis.asyncio as redis
        from cloudbase_auth_async.stores.redis import RedisStore
        async def main():
            store = RedisStore(redis.Redis.from_url({redis_server.url!r}), prefix={store._prefix!r})
            async with store.lock("a", wait_seconds=0, hold_seconds=0.2):
                print("held", flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())"""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"held\n"
    child.kill()
    await child.wait()
    async with store.lock("a", wait_seconds=30, hold_seconds=60):
        pass


async def test_processes_share_a_count(redis_server: Any, store: RedisStore) -> None:
    """Several processes that change one record under its lock lose no change (B2)."""
    code = f"""if True:
        import asyncio, redis.asyncio as redis
        from cloudbase_auth_async.stores.base import Record
        from cloudbase_auth_async.stores.redis import RedisStore
        async def main():
            async with redis.Redis.from_url({redis_server.url!r}) as client:
                store = RedisStore(client, prefix={store._prefix!r}, timeout_seconds=60)
                for _ in range(5):
                    async with store.lock("a", wait_seconds=60, hold_seconds=50) as lease:
                        had = await store.load("a")
                        new = Record(had.generation + 1, had.value + b"x")
                        assert await store.replace(
                            "a", new, expected=had.generation, lease=lease)
        asyncio.run(main())"""
    await store.replace("a", Record(1, b""), expected=None)
    children = [await asyncio.create_subprocess_exec(sys.executable, "-c", code) for _ in range(3)]
    assert [await child.wait() for child in children] == [0] * 3
    assert await store.load("a") == Record(16, b"x" * 15)


async def test_a_record_is_kept_for_as_long_as_asked(client: Any, store: RedisStore) -> None:
    """Each write renews the time to live; by default it is that of a refresh token."""
    name = store._name("a")
    for expected, generation in ((None, 1), (1, 2)):
        assert await store.replace("a", Record(generation, b"x"), expected=expected)
        assert 31 * 86400 - 60 < await client.ttl(name) <= 31 * 86400
        await client.expire(name, 100)


async def test_a_lock_is_no_record(client: Any, store: RedisStore) -> None:
    """What is left of a lock without a record goes when it lapses; a record's time stays."""
    async with store.lock("a", wait_seconds=0, hold_seconds=100):
        assert 0 < await client.pttl(store._name("a")) <= 100_000
    assert 0 < await client.pttl(store._name("a")) <= 100_000
    await store.replace("a", Record(1, b"x"), expected=None)
    async with store.lock("a", wait_seconds=0, hold_seconds=100):
        assert await client.ttl(store._name("a")) > 86400
    await store.remove("a", expected=1)
    assert 100 < await client.ttl(store._name("a")) <= 3600


async def test_a_lock_outlives_a_record(client: Any, store: RedisStore) -> None:
    """Neither a record that is about to expire nor a short `keep_seconds` ends a lock early."""
    brief = RedisStore(client, prefix=store._prefix, keep_seconds=100)
    await brief.replace("a", Record(1, b"x"), expected=None)
    async with brief.lock("a", wait_seconds=0, hold_seconds=600):
        assert await client.ttl(store._name("a")) > 300
        assert await brief.replace("a", Record(2, b"x"), expected=1)
        assert await client.ttl(store._name("a")) > 300
    await client.persist(store._name("a"))
    async with brief.lock("a", wait_seconds=0, hold_seconds=60):
        assert await client.ttl(store._name("a")) == -1


@pytest.mark.parametrize("damage", [{"generation": "0"}, {"generation": "1.0"}, {"value": "é"}])
async def test_a_damaged_record_is_moved(client: Any, store: RedisStore, damage: Any) -> None:
    """A record that cannot be read is kept beside its place, and the key is free (B26)."""
    name = store._name("a")
    await store.replace("a", Record(1, b"x"), expected=None)
    await client.hset(name, mapping=damage)
    before = await client.hmget(name, "generation", "value")
    with pytest.raises(StoreCorrupt) as caught:
        await store.load("a")
    assert caught.value.kept_at == "the field corrupt_value of its hash"
    assert await client.hmget(name, "corrupt_generation", "corrupt_value") == before
    assert await listed(store) == []
    assert await store.load("a") is None


async def test_only_what_was_read_is_moved(store: RedisStore) -> None:
    """A record that was written while a damaged one was judged stays (B7)."""
    await store.replace("a", Record(2, b"x"), expected=None)
    assert await store._run("a", "aside", "1", "damaged", 1000) == 0
    assert await store.load("a") == Record(2, b"x")


async def test_what_is_not_ours_is_left_alone(client: Any, store: RedisStore) -> None:
    """A name under the prefix that is no hash is no session, and is not touched."""
    await client.set(store._name("a"), "theirs")
    await client.set(store._prefix + "{a}b", "theirs")
    await store.replace("b", Record(1, b"x"), expected=None)
    await client.hset(store._prefix + "{%62}", "generation", "1")
    assert await listed(store) == ["b"]
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await store.load("a")
    assert await client.get(store._name("a")) == b"theirs"


async def test_prefixes_are_apart(client: Any) -> None:
    """A store lists nothing of one whose prefix begins like its own (B8)."""
    first = f"{uuid4()}[*]:"
    stores = [RedisStore(client, prefix=first + more) for more in ("", "{", "{a:", "b:")]
    for store in stores:
        await store.replace("x", Record(1, b"x"), expected=None)
        await store.replace("a:{x}", Record(1, b"x"), expected=None)
    for store in stores:
        assert sorted(await listed(store)) == ["a:{x}", "x"]


async def test_a_name_that_redis_tells_twice(redis_server: Any) -> None:
    """Redis may tell a name twice while it makes room; the key is listed once."""

    class Twice(OneCommandEach):
        async def scan_iter(self, **kwargs: Any) -> AsyncIterator[Any]:
            async for name in super().scan_iter(**kwargs):
                yield name
                yield name

    store = RedisStore(Twice(redis_server.url), prefix=f"{uuid4()}:")
    await store.replace("a", Record(1, b"x"), expected=None)
    assert await listed(store) == ["a"]


async def test_names_are_readable(store: RedisStore) -> None:
    """Who looks into Redis finds a session by its key."""
    assert store._name("user:42@example.com") == store._prefix + "{user:42@example.com}"
    assert store._name("a{b}") == store._prefix + "{a%7Bb%7D}"


async def test_half_a_character_is_a_key(store: RedisStore) -> None:
    """Any text is a key, even such as has no UTF-8."""
    assert await store.replace("\ud800", Record(1, b"x"), expected=None)
    assert await listed(store) == ["\ud800"]


async def test_waiters_of_a_loop_that_was_stopped(store: RedisStore) -> None:
    """A queue that a stopped loop or a fork left behind holds nobody up (B15)."""
    gone = asyncio.new_event_loop()
    gone.close()
    left = store._queues._queues["a"] = Queue(gone, waiters=1)
    await left.turn.acquire()
    store._queues.freed("a")
    async with store.lock("a", wait_seconds=0, hold_seconds=60):
        assert not left.freed.is_set()
    assert not store._queues._queues


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("prefix", ""),
        ("prefix", "会话:"),
        ("prefix", 1),
        ("keep_seconds", 0),
        ("keep_seconds", float("nan")),
        ("timeout_seconds", -1),
        ("timeout_seconds", float("inf")),
    ],
)
def test_arguments(argument: str, value: Any) -> None:
    """A wrong argument is told by its name."""
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(OneCommandEach("redis://"), **{argument: value})
    assert caught.value.argument == argument


def test_repr_shows_no_url() -> None:
    """The text of a store shows where in Redis it keeps, and not where Redis is (B23)."""
    client = redis.Redis.from_url("redis://user:canary@127.0.0.1:1/0")
    assert repr(RedisStore(client, prefix="p:")) == "RedisStore(prefix='p:')"
