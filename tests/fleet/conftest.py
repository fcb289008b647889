"""What the tests of the fleet share: workers in processes of their own, and places to keep in."""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.stores.base import Store
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing import Emulator, ManualClock

KEY = "alice's browser"
PROGRAM = Path(__file__).with_name("worker.py")
# Nothing here takes a tenth of it, even on a busy machine.
LONGEST_SECONDS = 60.0

_SPEC = importlib.util.spec_from_file_location(
    "fleet_redis_servers", Path(__file__).parents[1] / "stores" / "conftest.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
_redis: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_redis)


@attrs.frozen(kw_only=True)
class Place:
    """
    Where a fleet keeps its session.

    Attributes:
        told: what a worker is told of it.
        store: the same place for this process.
        lapses: whether a lock there lasts until a clock says so, its holder being dead.
    """

    told: Mapping[str, Any]
    store: Store
    lapses: bool


@attrs.define(eq=False)
class Worker:
    """A process of the fleet."""

    process: asyncio.subprocess.Process

    def send(self, do: str, at: float, **more: Any) -> None:
        """Tell it what to do, and at what time."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, "at": at, **more}).encode() + b"\n")

    async def hear(self) -> Mapping[str, Any]:
        """Return its next report."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LONGEST_SECONDS):
            line = await self.process.stdout.readline()
        assert line, "the worker has ended; its stderr says why"
        facts: Mapping[str, Any] = json.loads(line)
        return facts

    async def kill(self) -> None:
        """End it as `kill -9` does, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def _worker(told: Mapping[str, Any], program: Path = PROGRAM) -> AsyncGenerator[Worker, None]:
    pipe = asyncio.subprocess.PIPE
    # Nothing of a warning: to fork with threads is what one of the tests is about.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", str(program), json.dumps(dict(told))),
        stdin=pipe,
        stdout=pipe,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    worker = Worker(process)
    try:
        yield worker
    finally:
        await worker.kill()
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Redis server for the whole fleet; each test uses a prefix of its own."""
    with _redis._running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["file", "redis"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """One place of each kind that processes can share."""
    if request.param == "file":
        path = tmp_path / "sessions"
        yield Place(told={"store": str(path)}, store=FileStore(path), lapses=False)
        return
    asyncio_redis = pytest.importorskip("redis.asyncio")
    store_module = pytest.importorskip("cloudbase_auth_async.stores.redis")
    url, prefix = request.getfixturevalue("redis_server").url, f"fleet-{uuid.uuid4()}:"
    async with asyncio_redis.Redis.from_url(url) as client:
        store = store_module.RedisStore(client, prefix=prefix)
        yield Place(told={"store": url, "prefix": prefix}, store=store, lapses=True)


@attrs.define(eq=False)
class World:
    """A service on sockets whose clock stands still, a place, and who lives there."""

    emulator: Emulator
    place: Place
    told: Mapping[str, Any]
    stack: AsyncExitStack

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.emulator.clock.monotonic()

    async def survivor(self, **options: Any) -> AuthClient:
        """Return a client in this process, on the service's clock."""
        client = self.emulator.client(**({"store": self.place.store} | options))
        return await self.stack.enter_async_context(client)

    async def worker(self, program: Path = PROGRAM, **more: Any) -> Worker:
        """Start a worker; it is ready when this returns."""
        worker = await self.stack.enter_async_context(_worker({**self.told, **more}, program))
        assert "ready" in await worker.hear()
        return worker

    async def workers(self, count: int) -> list[Worker]:
        """Start some at once."""
        found = [await self.stack.enter_async_context(_worker(self.told)) for _ in range(count)]
        for worker in found:
            assert "ready" in await worker.hear()
        return found


@asynccontextmanager
async def _world(place: Place, **options: Any) -> AsyncGenerator[World, None]:
    async with AsyncExitStack() as stack:
        emulator = Emulator(algorithm="HS256", clock=ManualClock(), **options)
        await stack.enter_async_context(emulator)
        user = emulator.add_user(username="alice", password="Passw0rd!")
        told = {**place.told, "key": KEY, "base_url": emulator.base_url}
        # Left first: workers are ended and clients closed while the service still listens.
        inner = await stack.enter_async_context(AsyncExitStack())
        world = World(emulator, place, told, inner)
        signer = await world.survivor()
        await signer.sessions.put(KEY, emulator.tokens(user))
        yield world
        emulator.faults.release()


@pytest.fixture
def open_world() -> Callable[..., AbstractAsyncContextManager[World]]:
    """Return a maker of worlds: a place, and arguments of the emulator."""
    return _world
