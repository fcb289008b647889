"""Those who wait in one process for a lock in Redis: a queue, of which one asks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("redis")
import redis.asyncio as redis

from cloudbase_auth_async.stores.redis import RedisStore


@pytest.fixture
async def sure(redis_server: Any) -> AsyncIterator[RedisStore]:
    """A store that nothing stands in the way of."""
    async with redis.Redis.from_url(redis_server.url) as client:
        yield RedisStore(client, prefix=f"{uuid4()}:")


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.001)


async def test_the_next_here_is_woken(sure: RedisStore) -> None:
    """Who waits in the same process gets a lock as soon as it is given back."""
    sure._queues._shortest = sure._queues._longest = 600
    async with asyncio.timeout(60):
        async with sure.lock("a", wait_seconds=0, hold_seconds=600):
            waiter = asyncio.create_task(
                sure.lock("a", wait_seconds=600, hold_seconds=600).__aenter__()
            )
            queues = sure._queues._queues
            await _until(lambda: "a" in queues and queues["a"].holder)
        await waiter


async def test_being_woken_in_vain(redis_server: Any, sure: RedisStore) -> None:
    """Who was woken and found the lock taken waits again, and does not ask without a pause."""
    sure._queues._shortest = sure._queues._longest = 600
    queues = sure._queues._queues
    async with redis.Redis.from_url(redis_server.url) as client:
        elsewhere = RedisStore(client, prefix=sure._prefix)
        async with elsewhere.lock("a", wait_seconds=0, hold_seconds=600):
            waiter = asyncio.create_task(
                sure.lock("a", wait_seconds=600, hold_seconds=600).__aenter__()
            )
            await _until(lambda: "a" in queues and queues["a"].holder)
            sure._queues.freed("a")
            await _until(lambda: not queues["a"].freed.is_set())
            waiter.cancel()
            await asyncio.wait([waiter])


async def test_one_of_a_queue_asks(sure: RedisStore) -> None:
    """However many wait here, Redis is asked by one of them at a time."""
    asking, most = 0, 0
    run = sure._run

    async def counted(key: str, command: str, *args: Any) -> Any:
        nonlocal asking, most
        asking += command == "acquire"
        most = max(most, asking)
        try:
            return await run(key, command, *args)
        finally:
            asking -= command == "acquire"

    sure._run = counted  # type: ignore[method-assign]

    async def visit() -> None:
        async with sure.lock("a", wait_seconds=60, hold_seconds=60):
            pass

    await asyncio.gather(*(visit() for _ in range(20)))
    assert most == 1
