"""
One process of a fleet: a client of a shared store, driven through its standard input.

Each line in is a command in JSON, each line out a report in JSON. Time stands still here but for
what a command says (`"at"`, seconds since the beginning), so the fleet has one notion of it and no
test depends on how fast the machine is.
"""

import asyncio
import contextlib
import importlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.stores.base import Lease, Record, Store
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing import ManualClock


def report(**facts: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Stopping:
    """
    A store that stops its process at an instant of a refresh, says so, and waits to be killed.

    The first write of a refresh is the claim, the second one brings the new pair.

    Args:
        store: does the work.
        instant: `locked`, `claimed`, `answered` or `written`; anything else stops nowhere.
    """

    def __init__(self, store: Store, instant: str) -> None:
        self._store = store
        self._instant = instant
        self._writes = 0
        self.load = store.load
        self.remove = store.remove
        self.keys = store.keys
        self.aclose = store.aclose

    async def _at(self, instant: str) -> None:
        if instant == self._instant:
            report(at=instant)
            await asyncio.Event().wait()

    @asynccontextmanager
    async def lock(
        self, key: str, *, wait_seconds: float, hold_seconds: float
    ) -> AsyncGenerator[Lease, None]:
        """Lock, and stop if this is the instant."""
        async with self._store.lock(
            key, wait_seconds=wait_seconds, hold_seconds=hold_seconds
        ) as lease:
            await self._at("locked")
            yield lease

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Write, and stop before or after it if this is the instant."""
        self._writes += 1
        if self._writes == 2:
            await self._at("answered")
        done = await self._store.replace(key, record, expected=expected, lease=lease)
        await self._at("claimed" if self._writes == 1 else "written")
        return done


def store_of(told: Mapping[str, Any]) -> Store:
    """Return the store that the test names."""
    place: str = told["store"]
    if place.startswith("redis:"):
        asyncio_redis: Any = importlib.import_module("redis.asyncio")
        module: Any = importlib.import_module("cloudbase_auth_async.stores.redis")
        store: Store = module.RedisStore(asyncio_redis.Redis.from_url(place), prefix=told["prefix"])
        return store
    return FileStore(place)


class Worker:
    """One client and the session under one key."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._key: str = told["key"]
        self._clock = ManualClock()
        store = Stopping(store_of(told), told.get("stop", ""))
        self.auth = AuthClient(
            "demo-env", base_url=told["base_url"], clock=self._clock, store=store
        )
        self._session: TokenSession | None = None

    async def do(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one thing; what comes of it is a fact and no failure of the process."""
        self._clock.advance(max(0.0, command["at"] - self._clock.monotonic()))
        try:
            if self._session is None:
                self._session = await self.auth.sessions.get(self._key)
            assert self._session is not None
            token = await self._session.access_token()
            if command["do"] == "land":
                await self._landed(self._session)
        except errors.CloudBaseAuthError as failure:
            return {"error": type(failure).__name__}
        return {"token": token, "refresh_token": self._session.tokens.refresh_token}

    async def _landed(self, session: TokenSession) -> None:
        """Wait for the refresh under way, if there is one."""
        flight = session._owned._exchange.under_way(session.tokens.refresh_token)
        if flight is not None:
            await flight.wait()


async def main() -> None:
    """Answer each line until there are no more."""
    told = json.loads(sys.argv[1])
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    worker = Worker(told)
    async with worker.auth:
        report(ready=os.getpid())
        while line := await reader.readline():
            report(**await worker.do(json.loads(line)))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
