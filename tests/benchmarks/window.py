"""
How long a refresh could lose its pair if its process died: the one write after the answer.

    python tests/benchmarks/window.py

A store is asked twice in a refresh to write: before the request, and after the answer. From the
answer to the end of the second write the new pair is in one process alone. The figure is that
time as a share of the whole refresh, for each store that is there, in one run; the refresh goes
over loopback, so between two machines the share is smaller.
"""

import asyncio
import contextlib
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator
from typing import Any

from cloudbase_auth_async.stores import FileStore, Lease, MemoryStore, Record, Store
from cloudbase_auth_async.testing import Emulator

ROUNDS = 200
PASSWORD = "Passw0rd!"


class Timed:
    """A store that notes how long the write after the answer takes."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Write; only what is written under a lease comes after an answer."""
        began = time.perf_counter()
        written: bool = await self._inner.replace(key, record, expected=expected, lease=lease)
        if lease is not None:
            self.seconds.append(time.perf_counter() - began)
        return written


async def measure(name: str, inner: Store) -> None:
    """Refresh again and again, and print the median share."""
    store: Any = Timed(inner)
    async with Emulator() as emulator, emulator.client(store=store) as auth:
        emulator.add_user(username="alice", password=PASSWORD)
        session = await auth.sessions.put("k", await auth.sign_in.password("alice", PASSWORD))
        whole: list[float] = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await session.refresh()
            whole.append(time.perf_counter() - began)
    window, refresh = statistics.median(store.seconds), statistics.median(whole)
    print(f"{name:<12} {window * 1000:7.2f} ms of {refresh * 1000:7.2f} ms: {window / refresh:.2f}")


@contextlib.asynccontextmanager
async def redis_store(folder: str) -> AsyncGenerator[Store | None, None]:
    """Run a Redis of our own that writes each change to the disk; None where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    from redis.asyncio import Redis  # noqa: PLC0415 - an extra
    from redis.exceptions import ConnectionError as NotYet  # noqa: PLC0415

    from cloudbase_auth_async.stores import RedisStore  # noqa: PLC0415 - needs the extra

    path = f"{folder}/redis.sock"
    options = (
        "--port",
        "0",
        "--unixsocket",
        path,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    )
    server = subprocess.Popen(  # noqa: S603, ASYNC220 - our own command, started at once
        [program, *options, "--dir", folder], stdout=subprocess.DEVNULL
    )
    client: Any = Redis(unix_socket_path=path)
    try:
        while True:
            with contextlib.suppress(NotYet):
                await client.ping()
                break
            await asyncio.sleep(0.01)
        yield RedisStore(client)
    finally:
        await client.aclose()
        server.terminate()
        server.wait()


async def main() -> None:
    """Measure every store."""
    await measure("MemoryStore", MemoryStore())
    with tempfile.TemporaryDirectory() as folder:
        await measure("FileStore", FileStore(f"{folder}/sessions"))
        async with redis_store(folder) as store:
            if store is not None:
                await measure("RedisStore", store)


if __name__ == "__main__":
    asyncio.run(main())
