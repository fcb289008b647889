"""`RedisStore` on three primaries: no script touches two slots, and every key is found."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("redis")
import redis.asyncio as redis

from cloudbase_auth_async.stores.base import Record, Store
from cloudbase_auth_async.stores.redis import RedisStore
from cloudbase_auth_async.testing._store_steps import listed
from cloudbase_auth_async.testing.store_contract import StoreContract


@pytest.fixture
async def cluster(redis_cluster: Any) -> AsyncIterator[Any]:
    """A client of three primaries that share the slots."""
    first, *_ = redis_cluster
    async with redis.RedisCluster.from_url(first.url.replace("/0?", "?")) as client:
        yield client


class TestCluster(StoreContract):
    """Every promise of a store, on a cluster: no script touches two slots."""

    tasks = 50

    @pytest.fixture(autouse=True)
    def place(self, cluster: Any) -> None:
        """A prefix of its own."""
        self.cluster = cluster
        self.prefix = f"{uuid4()}:"

    def make_store(self) -> Store:
        """Return a store on the cluster."""
        return RedisStore(self.cluster, prefix=self.prefix)

    @pytest.mark.skip("a cluster's client belongs to a loop from its beginning")
    def test_a_second_loop_uses_the_same_store(self) -> None:
        """See `OneCommandEach` in `test_redis.py`."""


async def test_keys_of_a_whole_cluster(cluster: Any) -> None:
    """The keys of all primaries are listed, and their sessions are spread."""
    store = RedisStore(cluster, prefix=f"{uuid4()}:")
    wanted = [f"user-{number}" for number in range(30)]
    for key in wanted:
        assert await store.replace(key, Record(1, b"x"), expected=None)
    assert sorted(await listed(store)) == sorted(wanted)
    nodes = {cluster.get_node_from_key(store._name(key)).name for key in wanted}
    assert len(nodes) == 3
