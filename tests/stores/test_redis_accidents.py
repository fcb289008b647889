"""`RedisStore` when Redis, the way to it or the caller fails."""

import asyncio
import base64
import contextlib
import gc
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("redis")
import redis as blocking
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import SlotNotCoveredError

from cloudbase_auth_async.errors import StoreError
from cloudbase_auth_async.stores import _waiting
from cloudbase_auth_async.stores.base import Record
from cloudbase_auth_async.stores.redis import RedisStore

SECRET = b"canary-secret-5d20"
OUR_CODE = "cloudbase_auth_async/stores"


def over(wire: Any, *, retries: int) -> Any:
    """Return a client on that way."""
    retry = Retry(NoBackoff(), retries)
    errors: list[Any] = [RedisConnectionError] if retries else []
    patience = {"socket_timeout": None, "socket_connect_timeout": None}
    return redis.Redis(port=wire.port, retry=retry, retry_on_error=errors, **patience)


@pytest.fixture
async def sure(redis_server: Any) -> AsyncIterator[RedisStore]:
    """A store that nothing stands in the way of."""
    async with redis.Redis.from_url(redis_server.url) as client:
        yield RedisStore(client, prefix=f"{uuid4()}:")


def assert_tells(error: BaseException) -> None:
    """Neither the text of an error nor a frame of ours below it holds the canary."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = str([frame.locals for frame in told.stack if OUR_CODE in frame.filename])
    for form in (SECRET, base64.b64encode(SECRET)):
        assert form.decode() not in str(error) + repr(vars(error)) + ours
    assert error.__context__ is None
    assert error.__cause__ is None


async def test_an_answer_that_was_lost(wire: Any, sure: RedisStore) -> None:
    """What the client sends a second time by itself is answered like the first (B4, B6)."""
    async with over(wire, retries=1) as client:
        store = RedisStore(client, prefix=sure._prefix)
        assert await store.load("a") is None
        wire.lose = 1
        assert await store.replace("a", Record(1, SECRET), expected=None)
        wire.lose = 1
        async with store.lock("a", wait_seconds=0, hold_seconds=60):
            wire.lose = 1
            assert await store.replace("a", Record(2, SECRET), expected=1)
            wire.lose = 1
        async with store.lock("a", wait_seconds=0, hold_seconds=60):
            wire.lose = 1
            assert await store.remove("a", expected=2)
        assert wire.lose == 0
        assert await sure.load("a") is None
        assert not await store.remove("a", expected=2)


async def test_a_lost_answer_and_somebody_else(sure: RedisStore) -> None:
    """A write is told to have happened even if others wrote before it was sent again (B30)."""
    words = ("replace", "name-1", "", "1", "eA==", "", 60_000)
    assert await sure._run("a", *words) == 1
    assert await sure.replace("a", Record(2, b"y"), expected=1)
    assert await sure._run("a", *words) == 1
    assert await sure.load("a") == Record(2, b"y")
    words = ("remove", "name-2", "2", 60_000)
    assert await sure._run("a", *words) == 1
    assert await sure.replace("a", Record(3, b"z"), expected=None)
    assert await sure._run("a", *words) == 1
    assert await sure.load("a") == Record(3, b"z")


async def test_an_unknown_outcome(wire: Any, sure: RedisStore) -> None:
    """A write without an answer is an error; writing the same again succeeds (B4, B6)."""
    async with over(wire, retries=0) as client:
        store = RedisStore(client, prefix=sure._prefix)
        assert await store.load("a") is None
        wire.lose = 1
        with pytest.raises(StoreError) as caught:
            await store.replace("a", Record(1, SECRET), expected=None)
        assert_tells(caught.value)
        assert await sure.load("a") == Record(1, SECRET)
        assert await store.replace("a", Record(1, SECRET), expected=None)
        assert not await store.replace("a", Record(1, b"another's"), expected=None)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.001)


async def test_a_waiter_cancelled_when_it_has_the_lock(wire: Any, sure: RedisStore) -> None:
    """A waiter that is cancelled before it hears that it has the lock gives it back (B11)."""
    async with over(wire, retries=0) as client:
        store = RedisStore(client, prefix=sure._prefix)
        await store.load("a")
        wire.way.clear()
        heard = wire.answers
        waiter = asyncio.create_task(
            store.lock("a", wait_seconds=60, hold_seconds=600).__aenter__()
        )
        await _until(lambda: wire.answers > heard)
        waiter.cancel()
        await asyncio.sleep(0)
        assert not waiter.done()
        wire.way.set()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        async with sure.lock("a", wait_seconds=0, hold_seconds=1):
            pass


async def test_a_waiter_cancelled_before_its_answer_is_lost(
    wire: Any, sure: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancelled waiter that cannot know whether it had the lock leaves it to lapse (B11)."""
    async with over(wire, retries=0) as client:
        store = RedisStore(client, prefix=sure._prefix)
        await store.load("a")
        wire.way.clear()
        heard = wire.answers
        waiter = asyncio.create_task(
            store.lock("a", wait_seconds=60, hold_seconds=0.1).__aenter__()
        )
        await _until(lambda: wire.answers > heard)
        waiter.cancel()
        wire.lose = 1
        wire.way.set()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        async with sure.lock("a", wait_seconds=30, hold_seconds=1):
            pass
    gc.collect()
    assert not caplog.records


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_does_not_wait_for_redis(
    wire: Any,
    sure: RedisStore,
    monkeypatch: pytest.MonkeyPatch,
    leap: Callable[[float], None],
    times: int,
) -> None:
    """A waiter or a holder that is cancelled while Redis hangs is gone soon (B5, B11)."""
    monkeypatch.setattr(_waiting, "_LAST_SECONDS", 3)
    async with over(wire, retries=0) as client:
        store = RedisStore(client, prefix=sure._prefix, timeout_seconds=600)
        before = asyncio.all_tasks()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(store.lock("b", wait_seconds=0, hold_seconds=600))
            wire.way.clear()
            heard = wire.answers
            one = store.lock("a", wait_seconds=600, hold_seconds=600)
            waiter = asyncio.create_task(one.__aenter__())
            closer = asyncio.create_task(stack.pop_all().aclose())
            await _until(lambda: wire.answers == heard + 2)  # each has a connection of its own
            for _ in range(times):
                waiter.cancel()
                closer.cancel()
                for _ in range(10):  # until they wait once more; there is nothing else to do
                    await asyncio.sleep(0)
            assert not waiter.done()
            leap(4)
            async with asyncio.timeout(60):
                await asyncio.wait([waiter, closer])
        assert waiter.cancelled()
        assert closer.cancelled()
        await _until(lambda: asyncio.all_tasks() <= before | wired(asyncio.all_tasks()))
        wire.way.set()


def wired(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Return those tasks that are the wire's."""
    return {task for task in tasks if "Wire." in repr(task) or "carry" in repr(task)}


async def test_a_cancelled_holder_gives_back(sure: RedisStore) -> None:
    """A holder that is cancelled twice, at work and while it gives back, leaves no lock (B11)."""
    for turns in range(12):
        inside = asyncio.Event()

        async def hold(inside: asyncio.Event = inside) -> None:
            async with sure.lock("a", wait_seconds=30, hold_seconds=600):
                inside.set()
                await asyncio.Event().wait()

        holder = asyncio.create_task(hold())
        await inside.wait()
        # Or the command would be on its way before the second cancellation.
        await sure._redis.connection_pool.disconnect()  # type: ignore[attr-defined]
        holder.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        holder.cancel()
        await asyncio.wait([holder])
        assert holder.cancelled()


async def test_a_flushed_script(own_redis: Any) -> None:
    """A Redis that has forgotten the script is told it again, at any call."""
    async with redis.Redis.from_url(own_redis.url) as client:
        store = RedisStore(client)
        await client.script_flush()
        assert await store.replace("a", Record(1, b"x"), expected=None)
        await client.script_flush()
        async with store.lock("a", wait_seconds=0, hold_seconds=60) as lease:
            await client.script_flush()
            assert await store.replace("a", Record(2, b"y"), expected=1, lease=lease)
            await client.script_flush()
        assert await store.load("a") == Record(2, b"y")
        assert (await client.info("commandstats"))["cmdstat_eval"]["calls"] == 4


async def test_redis_dies_and_comes_back(own_redis: Any) -> None:
    """A Redis that was killed is a `StoreError` until it is there again (B6)."""
    async with redis.Redis.from_url(own_redis.url, retry=Retry(NoBackoff(), 1)) as client:
        store = RedisStore(client)
        assert await store.replace("a", Record(1, SECRET), expected=None)
        own_redis.kill()
        for call in (
            store.replace("a", Record(2, SECRET), expected=1),
            store.load("a"),
            store.remove("a", expected=1),
            store.lock("a", wait_seconds=0, hold_seconds=1).__aenter__(),
            anext(store.keys()),
        ):
            with pytest.raises(StoreError, match="Redis failed: ") as caught:
                await call
            assert_tells(caught.value)
        assert "Connection refused" in str(caught.value)
        own_redis.start()
        assert await store.load("a") is None
        assert await store.replace("a", Record(3, SECRET), expected=None)


async def test_a_lock_is_lost_with_redis(own_redis: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What was done under a lock is done, even if the lock cannot be given back (B29)."""
    async with redis.Redis.from_url(own_redis.url, retry=Retry(NoBackoff(), 0)) as client:
        store = RedisStore(client)
        async with store.lock("a", wait_seconds=0, hold_seconds=60):
            own_redis.kill()
    gc.collect()
    assert not caplog.records


async def test_redis_hangs(wire: Any, sure: RedisStore) -> None:
    """A Redis that does not answer is a `StoreError` in time, and works when it goes on (B6)."""
    async with asyncio.timeout(60), over(wire, retries=1) as client:
        patient = RedisStore(client, prefix=sure._prefix)
        store = RedisStore(client, prefix=sure._prefix, timeout_seconds=0.2)
        assert await patient.replace("a", Record(1, SECRET), expected=None)
        wire.way.clear()
        with pytest.raises(StoreError, match=r"did not answer within 0\.2 seconds") as caught:
            await store.replace("a", Record(2, SECRET), expected=1)
        assert_tells(caught.value)
        with pytest.raises(StoreError, match="did not answer"):
            await store.lock("a", wait_seconds=600, hold_seconds=60).__aenter__()
        wire.way.set()
        assert await patient.load("a") in {Record(1, SECRET), Record(2, SECRET)}


async def test_out_of_memory(own_redis: Any) -> None:
    """A full Redis refuses loudly and keeps what it has; a sign-out still works (B6)."""
    async with redis.Redis.from_url(own_redis.url) as client:
        store = RedisStore(client)
        async with store.lock("a", wait_seconds=0, hold_seconds=60):
            assert await store.replace("a", Record(1, b"x"), expected=None)
            await client.config_set("maxmemory", "1")
            with pytest.raises(StoreError, match="OutOfMemory"):
                await store.replace("a", Record(2, SECRET), expected=1)
            assert await store.load("a") == Record(1, b"x")
        with pytest.raises(StoreError, match="OutOfMemory"):
            await store.lock("a", wait_seconds=0, hold_seconds=60).__aenter__()
        assert await store.remove("a", expected=1)
        assert await store.load("a") is None


async def test_a_wrong_password_is_not_shown(own_redis: Any) -> None:
    """An error holds neither the password nor the address of a Redis (B23)."""
    with blocking.Redis.from_url(own_redis.url) as client:
        client.config_set("requirepass", "right")
    url = own_redis.url.replace("//", "//:canary-secret-5d20@")
    async with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as wrong:
        with pytest.raises(StoreError, match="Authentication") as caught:
            await RedisStore(wrong).load("a")
    assert_tells(caught.value)
    assert str(own_redis.port) not in str(caught.value)


async def test_a_client_of_another_loop(own_redis: Any) -> None:
    """A client whose loop has ended is told as such, and no bare `RuntimeError` gets out (B15)."""
    code = f"""if True:
        import asyncio, redis.asyncio as redis
        from cloudbase_auth_async.errors import StoreError
        from cloudbase_auth_async.stores.redis import RedisStore
        store = RedisStore(redis.Redis.from_url({own_redis.url!r}))
        asyncio.run(store.load("a"))
        try:
            asyncio.run(store.load("a"))
        except StoreError as error:
            print(error)"""
    pipe = asyncio.subprocess.PIPE
    words = (sys.executable, "-W", "ignore", "-c", code)
    child = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe)
    said, _ = await child.communicate()
    assert b"does it belong to another event loop?" in said


class Failing:
    """A client that fails in ways of its own, and like real ones tells all arguments."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    async def execute_command(self, *args: Any) -> Any:
        """Fail."""
        raise self.kind(args)

    async def scan_iter(self, **kwargs: Any) -> AsyncIterator[Any]:
        """Fail."""
        for name in await self.execute_command(kwargs):
            yield name


def undecodable(args: Any) -> UnicodeDecodeError:
    """Return what a decoding client raises when somebody else wrote into a hash."""
    return UnicodeDecodeError("utf-8", repr(args).encode(), 0, 1, "canary-secret-5d20")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (SlotNotCoveredError, "SlotNotCoveredError"),
        (RuntimeError, "RuntimeError"),
        (undecodable, "UnicodeDecodeError"),
        (OSError, "OSError"),
        (TimeoutError, "did not answer"),
    ],
)
async def test_other_failures(kind: Any, name: str) -> None:
    """However a client fails, it is a `StoreError` without the key or the value (B23)."""
    store = RedisStore(Failing(kind))
    for call in (store.replace("a", Record(1, SECRET), expected=None), anext(store.keys())):
        with pytest.raises(StoreError, match=name) as caught:
            await call
        assert_tells(caught.value)
