"""Several processes at one directory, some of them killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudbase_auth_async.errors import StoreBusy
from cloudbase_auth_async.stores.base import Record
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing._store_steps import try_lock

HEAD = """
import asyncio, os, random, signal, sys
from pathlib import Path
from cloudbase_auth_async.errors import StoreBusy
from cloudbase_auth_async.stores import _files
from cloudbase_auth_async.stores.base import Record
from cloudbase_auth_async.stores.file import FileStore
place, store = Path(sys.argv[1]), FileStore(sys.argv[1])
def value(number): return b"%d," % number * (number % 1000)
def locked(key, wait): return store.lock(key, wait_seconds=wait, hold_seconds=60)
"""

# Without waiting for the disk: that is no matter between processes, and gives more to see.
WRITER = """
os.fsync, number = lambda descriptor: None, 1
while _files.replace(place, "a", Record(number + 1, value(number + 1)), number):
    number += 1
"""

COUNTER = """
async def count(under_lock):
    for _ in range(25):
        while True:
            if under_lock:
                async with locked("a", 60):
                    found = await store.load("a")
                    record = Record(found.generation + 1, b"%d" % (int(found.value) + 1))
                    assert await store.replace("a", record, expected=found.generation)
                break
            found = await store.load("a")
            # A generation that no other process ever chooses.
            mine = Record(random.getrandbits(50), b"%d" % (int(found.value) + 1))
            if await store.replace("a", mine, expected=found.generation):
                break
asyncio.run(count(sys.argv[2] == "lock"))
"""

HOLDER = """
async def hold():
    async with locked("a", 0):
        print("held", flush=True)
        signal.pause()
asyncio.run(hold())
"""

# Forks while it holds the lock; the child lives on and does nothing.
FORKED_HOLDER = """
async def hold():
    async with locked("a", 0):
        child = os.fork()
        if child:
            print(child, flush=True)
        signal.pause()
asyncio.run(hold())
"""

# The child uses the store in a loop of its own, then leaves the parent's `with` block.
FORKED_USER = """
async def use():
    assert (await store.load("a")).generation == 1
    assert await store.replace("a", Record(2, b"child"), expected=1)
    async with locked("b", 0):
        pass
    try:
        async with locked("a", 0):
            pass
    except StoreBusy as busy:
        assert busy.holder.startswith(f"process {os.getppid()} on "), busy.holder
        return
    raise AssertionError("the parent's lock was free")

async def hold():
    await store.replace("a", Record(1, b"parent"), expected=None)
    child = -1
    try:
        async with locked("a", 0):
            child = os.fork()
            if child == 0:
                asyncio.run(use())
            else:
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                try:
                    async with FileStore(place).lock("a", wait_seconds=0, hold_seconds=1):
                        raise AssertionError("the child gave the lock back")
                except StoreBusy:
                    pass
        if child == 0:
            os._exit(0)
    except BaseException:
        if child == 0:
            os._exit(1)
        raise
    async with locked("a", 0):
        print((await store.load("a")).value.decode(), flush=True)
asyncio.run(hold())
"""

# A writer is killed again and again: what is there is what it wrote last, or was writing.
KILLED_WRITER = """
os.fsync = lambda descriptor: None
dice = random.Random(7)
_files.replace(place, "a", Record(1, value(1)), None)
for _ in range(100):
    before = _files.load(place, "a").generation
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        number = before
        while _files.replace(place, "a", Record(number + 1, value(number + 1)), number):
            number += 1
            os.write(writing, b".")
        os._exit(1)
    os.close(writing)
    done = sum(len(os.read(reading, 1)) for _ in range(dice.randrange(4)))
    for _ in range(dice.randrange(10_000)):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 1000):
        done += len(more)
    os.close(reading)
    found = _files.load(place, "a")
    assert found.value == value(found.generation)
    assert found.generation - before - done in (0, 1)
    after = Record(found.generation + 1, value(found.generation + 1))
    assert _files.replace(place, "a", after, found.generation)
assert _files.names(place) == [_files.name_of("a") + ".session"]
assert {path.suffix for path in place.iterdir()} == {".session", ".lock"}
print("done")
"""


@contextmanager
def _process(script: str, *args: object) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-W", "ignore", "-c", HEAD + script, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- ours
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Name a directory that a store may make."""
    return tmp_path / "sessions"


def test_readers_see_old_or_new(place: Path) -> None:
    """While another process writes without a pause, each read finds a whole record (B26)."""
    seen: set[int] = set()

    async def read() -> None:
        store = FileStore(place)
        await store.replace("a", Record(1, b"1,"), expected=None)
        with _process(WRITER, place) as writer:
            while len(seen) < 500:
                found = await store.load("a")
                assert found is not None
                number = found.generation
                assert found.value == b"%d," % number * (number % 1000)
                assert number >= max(seen, default=0)
                seen.add(number)
                assert writer.poll() is None

    asyncio.run(asyncio.wait_for(read(), 120))


def test_killed_writers(place: Path) -> None:
    """A writer killed at any moment leaves the old record or the new, and no lock (B2, B26)."""
    with _process(KILLED_WRITER, place) as process:
        assert _line(process) == "done"


@pytest.mark.parametrize("how", ["lock", "compare"])
def test_processes_lose_no_count(place: Path, how: str) -> None:
    """Four processes count one record up, under its lock or without, and lose none (B2, B3)."""

    async def read(expected: int | None) -> Record | None:
        store = FileStore(place)
        if expected is None:
            await store.replace("a", Record(1, b"0"), expected=None)
        return await store.load("a")

    asyncio.run(read(None))
    with (
        _process(COUNTER, place, how) as first,
        _process(COUNTER, place, how) as second,
        _process(COUNTER, place, how) as third,
        _process(COUNTER, place, how) as fourth,
    ):
        assert [process.wait(120) for process in (first, second, third, fourth)] == [0] * 4
    found = asyncio.run(read(1))
    assert found is not None
    assert found.value == b"100"


def test_killed_holder(place: Path) -> None:
    """A lock names its holder, and is free when that is killed (B25)."""

    async def scene(process: "subprocess.Popen[str]") -> None:
        store = FileStore(place)
        with pytest.raises(StoreBusy) as caught:
            await try_lock(store, "a")
        assert caught.value.holder is not None
        assert caught.value.holder.startswith(f"process {process.pid} on ")
        waiter = asyncio.create_task(try_lock(store, "a", wait=60))
        await asyncio.sleep(0)
        process.kill()
        await waiter

    with _process(HOLDER, place) as process:
        assert _line(process) == "held"
        asyncio.run(scene(process))


def test_killed_holder_with_a_child(place: Path) -> None:
    """A child that was forked under a lock does not keep it when its parent is killed (B25)."""
    with _process(FORKED_HOLDER, place) as process:
        child = int(_line(process))
        try:
            process.kill()
            process.wait()
            asyncio.run(try_lock(FileStore(place), "a", wait=60))
        finally:
            os.kill(child, signal.SIGKILL)


def test_forked_child_uses_the_store(place: Path) -> None:
    """A child forked under a lock uses the store, and its leaving frees nothing (B15)."""
    with _process(FORKED_USER, place) as process:
        assert _line(process) == "child"
        assert process.wait(60) == 0
