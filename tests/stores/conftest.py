"""What the tests of the stores share: Redis servers of their own, started and ended here."""

import asyncio
import contextlib
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from cloudbase_auth_async.stores import _waiting

PROGRAM = shutil.which("redis-server")
_START_SECONDS = 60.0
# More than any machine is too busy for: a client that gives up on a healthy Redis tests nothing.
_PATIENCE_SECONDS = 60
# Below those that a system gives away by itself: nobody who asks it for any port, or connects
# somewhere, gets one of these while its server is starting. Each process begins elsewhere.
_PORTS = (12_000, 32_000)
_numbers = itertools.count(os.getpid() * 37)


def free_port() -> int:
    """Return a port that nobody listens on, and none that was returned before."""
    first, last = _PORTS
    while True:
        port = first + next(_numbers) % (last - first)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


@pytest.fixture(autouse=True)
def patient_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no store of a test give up on a healthy Redis, unless the test has it so."""
    monkeypatch.setattr(_waiting, "_LAST_SECONDS", _PATIENCE_SECONDS)
    # Not imported here: it needs the extra.
    if module := sys.modules.get("cloudbase_auth_async.stores.redis"):
        defaults = module.RedisStore.__init__.__kwdefaults__
        monkeypatch.setitem(defaults, "timeout_seconds", _PATIENCE_SECONDS)


class RedisServer:
    """One `redis-server` on a port of this machine; it writes nothing to disk."""

    def __init__(self, folder: Path, port: int, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port = port
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return where clients find it, and how long they wait for it."""
        patience = f"socket_timeout={_PATIENCE_SECONDS}&socket_connect_timeout={_PATIENCE_SECONDS}"
        return f"redis://127.0.0.1:{self.port}/0?{patience}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert PROGRAM is not None
        quiet = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--logfile", "log")
        words = (PROGRAM, "--port", str(self.port), "--dir", str(self.folder), *quiet)
        self.process = subprocess.Popen(  # noqa: S603 - a program of this machine
            [*words, *self.options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait(b"PONG", "PING")

    def ask(self, command: str) -> bytes:
        """Send a command and return what came, as it came; nothing if nobody is there."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port)) as one,
        ):
            one.settimeout(_START_SECONDS)
            one.sendall(f"{command}\r\n".encode())
            return one.recv(2**16)
        return b""

    def wait(self, fact: bytes, command: str) -> None:
        """Ask until the answer tells a fact."""
        assert self.process is not None
        deadline = time.monotonic() + _START_SECONDS
        while fact not in self.ask(command):
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, f"{command}: no {fact!r} in time"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash would; what was in it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def _running(folder: Path, options: Sequence[str] = ()) -> Iterator[RedisServer]:
    if PROGRAM is None:
        pytest.skip("the program redis-server is not installed")
    server = RedisServer(folder, free_port(), options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for all tests; each uses a prefix of its own."""
    with _running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may do to it what it likes."""
    with _running(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Three primaries that share the slots."""
    if PROGRAM is not None:
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        if re.search(r" v=[0-6]\.", said.stdout):
            pytest.skip("redis-server is older than 7 and has no --cluster-port")
    with contextlib.ExitStack() as stack:
        servers: list[RedisServer] = []
        for slots in ("0 5460", "5461 10922", "10923 16383"):
            bus = free_port()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus))
            options += ("--cluster-node-timeout", str(_PATIENCE_SECONDS * 1000))
            server = stack.enter_context(_running(tmp_path_factory.mktemp("node"), options))
            server.ask(f"CLUSTER ADDSLOTSRANGE {slots}")
            for other in servers:
                server.ask(f"CLUSTER MEET 127.0.0.1 {other.port} {other.options[3]}")
            servers.append(server)
        for server in servers:
            for fact in (b"cluster_state:ok", b"cluster_known_nodes:3", b"cluster_slots_ok:16384"):
                server.wait(fact, "CLUSTER INFO")
        yield servers


class Wire:
    """
    A way to Redis that can lose or hold back answers.

    Attributes:
        lose: how many answers are lost next, together with their connections.
        way: while it is not set, answers wait.
        answers: how many came from Redis.
    """

    def __init__(self, port: int) -> None:
        self.redis_port = port
        self.port = 0
        self.lose = 0
        self.answers = 0
        self.way = asyncio.Event()
        self.way.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.redis_port)
        asking = asyncio.create_task(self._pass(reader, far_writer))
        try:
            with contextlib.suppress(ConnectionError):
                await self._answer(far_reader, writer)
        finally:
            asking.cancel()
            for one in (writer, far_writer):
                one.close()
            await asyncio.wait([asking])

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that was cancelled breaks off; nobody would hear of it but the log of some test.
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(2**16):
                writer.write(data)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            self.answers += 1
            await self.way.wait()
            if self.lose:
                self.lose -= 1
                return
            writer.write(data)


@pytest.fixture
async def wire(redis_server: RedisServer) -> AsyncIterator[Wire]:
    """A way to the common server."""
    one = Wire(redis_server.port)
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await one.carry(reader, writer)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
