"""`RedisStore` when Redis took a lock and nobody heard of it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("redis")
import redis.asyncio as redis

from cloudbase_auth_async.errors import StoreError
from cloudbase_auth_async.stores.redis import RedisStore


class Forgetful:
    """A client that does one command and loses its answer."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.scan_iter = client.scan_iter
        self.loses = ""

    async def execute_command(self, *words: Any, **options: Any) -> Any:
        """Do it; tell nothing of it if it is the one."""
        answer = await self._client.execute_command(*words, **options)
        if self.loses and self.loses in words:
            self.loses = ""
            raise redis.ConnectionError("the answer was lost")
        return answer


@pytest.fixture
async def client(redis_server: Any) -> AsyncIterator[Any]:
    """A client of the server."""
    async with redis.Redis.from_url(redis_server.url) as found:
        yield found


async def test_a_lock_whose_answer_was_lost(client: Any) -> None:
    """What may have been locked is freed at once, and not when it lapses (B11, B25)."""
    way = Forgetful(client)
    store = RedisStore(way, prefix=f"{uuid4()}:")
    async with store.lock("a", wait_seconds=0, hold_seconds=60):
        pass
    way.loses = "acquire"
    with pytest.raises(StoreError):
        async with store.lock("a", wait_seconds=0, hold_seconds=60):
            raise AssertionError("it was not had")
    async with store.lock("a", wait_seconds=0, hold_seconds=60):
        pass
