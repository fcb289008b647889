"""The store in files: the contract, threads, cancellation, and a disk that refuses."""
# ruff: noqa: ASYNC240 -- the files are small, and the loop has nothing else to do

import asyncio
import concurrent.futures
import errno
import os
import resource
import stat
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cloudbase_auth_async.errors import StoreBusy, StoreError
from cloudbase_auth_async.stores import _files, _kernel_lock, _trusted, file
from cloudbase_auth_async.stores.base import Record, Store
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing._store_steps import listed, try_lock
from cloudbase_auth_async.testing.store_contract import StoreContract


class TestFileStore(StoreContract):
    """The file store keeps the contract."""

    tasks: ClassVar[int] = 100

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        """Give each test a directory of its own."""
        self.path = tmp_path / "deep" / "sessions"

    def make_store(self) -> Store:
        """Open the directory once more."""
        return FileStore(self.path)

    def break_place(self) -> bool:
        """Put a file where the directory was."""
        self.path.rename(self.path.with_name("moved"))
        self.path.write_bytes(b"")
        return True

    def damage(self, key: str) -> bool:
        """Cut the last byte off the only record."""
        (record,) = self.path.glob("*.session")
        record.write_bytes(record.read_bytes()[:-1])
        return bool(key)


class Gate:
    """Holds a step of `_files` in its thread until a test lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self._step = getattr(_files, name)
        self.arrived = threading.Event()
        self.open = threading.Event()
        self.left = threading.Event()
        monkeypatch.setattr(_files, name, self)

    def __call__(self, *args: Any) -> Any:
        """Wait at the gate, then do the step."""
        self.arrived.set()
        assert self.open.wait(30)
        try:
            return self._step(*args)
        finally:
            self.left.set()


async def _until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 30)


async def test_only_the_owner_reads(tmp_path: Path) -> None:
    """The directory and every file in it are closed to others, whatever the umask."""
    place = tmp_path / "new" / "sessions"
    store = FileStore(place)
    before = os.umask(0)
    try:
        await store.replace("a", Record(1, b"x"), expected=None)
        await try_lock(store, "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    files = list(place.iterdir())
    assert len(files) == 3  # the record, its lock, and the writers'
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_reading_makes_nothing(tmp_path: Path) -> None:
    """To look into a store that is not there makes no directory."""
    store = FileStore(tmp_path / "sessions")
    assert await store.load("a") is None
    assert await listed(store) == []
    assert list(tmp_path.iterdir()) == []


async def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path stays the same place when the process goes elsewhere."""
    monkeypatch.chdir(tmp_path)
    store = FileStore("sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    monkeypatch.chdir("/")
    assert await store.load("a") == Record(1, b"x")


async def test_many_keys(tmp_path: Path) -> None:
    """More keys than are read at once are listed, and strangers' files are left alone."""
    store = FileStore(tmp_path / "sessions")
    keys = [str(number) for number in range(2 * file._KEYS_AT_ONCE + 1)]
    for key in keys:
        await store.replace(key, Record(1, b"x"), expected=None)
    for name in ("notes.new", "old.session", "x"):
        (tmp_path / "sessions" / name).write_bytes(b"")
    assert sorted(await listed(store)) == sorted(keys)
    assert (tmp_path / "sessions" / "notes.new").exists()


async def test_no_text_is_no_key(tmp_path: Path) -> None:
    """Even half a surrogate pair, which UTF-8 does not know, is a key."""
    store = FileStore(tmp_path / "sessions")
    assert await store.replace("\ud83d", Record(1, b"x"), expected=None)
    assert await listed(store) == ["\ud83d"]


async def test_the_loop_touches_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that may block is made outside the loop's thread (B16)."""
    threads: set[int] = set()

    def watch(name: str, module: Any) -> None:
        step = getattr(module, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            threads.add(threading.get_ident())
            return step(*args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    for name in ("open", "stat", "fstat", "fsync", "replace", "unlink", "mkdir", "listdir", "read"):
        watch(name, os)
    watch("take", _kernel_lock.PosixLocks)
    store = FileStore(tmp_path / "sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    async with store.lock("a", wait_seconds=1, hold_seconds=1):
        with pytest.raises(StoreBusy):
            await try_lock(FileStore(tmp_path / "sessions"), "a")
    assert await listed(store) == ["a"]
    await store.load("a")
    await store.remove("a", expected=1)
    assert threads
    assert threading.get_ident() not in threads


async def test_a_cancelled_write_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write cancelled in its thread is done to its end, and hinders no later one (B5)."""
    store = FileStore(tmp_path / "sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    gate = Gate(monkeypatch, "replace")
    writer = asyncio.create_task(store.replace("a", Record(2, b"y"), expected=1))
    await _until(gate.arrived)
    writer.cancel()
    await asyncio.wait([writer])
    assert writer.cancelled()
    assert await store.load("a") == Record(1, b"x")
    gate.open.set()
    await _until(gate.left)
    assert await store.load("a") == Record(2, b"y")
    assert await store.replace("a", Record(3, b"z"), expected=2)


async def test_a_write_cancelled_before_it_began(tmp_path: Path) -> None:
    """A write cancelled while every thread is busy never happens (B5)."""
    store = FileStore(tmp_path / "sessions")
    busy, leave = threading.Event(), threading.Event()

    def occupy() -> None:
        busy.set()
        leave.wait(30)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        other = asyncio.get_running_loop().run_in_executor(None, occupy)
        while not busy.is_set():  # noqa: ASYNC110 -- the event is a thread's
            await asyncio.sleep(0)
        writer = asyncio.create_task(store.replace("a", Record(1, b"x"), expected=None))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writer.cancel()
        await asyncio.wait([writer])
        leave.set()
        await other
        assert await store.load("a") is None


@pytest.mark.parametrize("taken", [False, True])
async def test_a_cancelled_attempt_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, taken: bool
) -> None:
    """A waiter cancelled while its thread tries the lock leaves neither lock nor file (B11)."""
    store = FileStore(tmp_path / "sessions")
    other = _files.lock(tmp_path / "sessions", "a") if taken else None
    with monkeypatch.context() as patches:
        gate = Gate(patches, "lock")
        waiter = asyncio.create_task(try_lock(store, "a", wait=60))
        await _until(gate.arrived)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        gate.open.set()
        await _until(gate.left)
    if other is not None:
        other.close()
    async with asyncio.timeout(60):
        while _kernel_lock._open:  # noqa: ASYNC110 -- the thread goes on, and tells nobody
            await asyncio.sleep(0.001)
    async with store.lock("a", wait_seconds=60, hold_seconds=1):
        assert len(_kernel_lock._open) == 1
    assert not _kernel_lock._open


async def test_a_holder_that_has_not_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that is just being taken has no holder to name, and is busy all the same."""
    store = FileStore(tmp_path / "sessions")
    gate = Gate(monkeypatch, "lock")
    first = asyncio.create_task(try_lock(store, "a"))
    await _until(gate.arrived)
    with pytest.raises(StoreBusy) as caught:
        await try_lock(store, "a")
    assert caught.value.holder is None
    gate.open.set()
    await first


async def test_a_failed_attempt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that knows no locks on this file system is no busy lock, and nothing stays open."""

    def refuse(*_args: Any) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_kernel_lock.PosixLocks, "take", refuse)
    store = FileStore(tmp_path / "sessions")
    with pytest.raises(StoreError, match="No locks available") as caught:
        await try_lock(store, "a", wait=60)
    assert not isinstance(caught.value, StoreBusy)
    assert not _kernel_lock._open


async def test_other_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits for another process's write, but not for ever."""
    store = FileStore(tmp_path / "sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    other = _kernel_lock.attempt(tmp_path / "sessions" / _files.sixteenth("a"))
    assert other is not None
    writer = asyncio.create_task(store.replace("a", Record(2, b"y"), expected=1))
    await asyncio.sleep(0)  # it is as patient as ever
    monkeypatch.setattr(file, "_WRITE_WAIT_SECONDS", 0.05)
    with pytest.raises(StoreBusy, match="another process is writing"):
        await FileStore(tmp_path / "sessions").remove("a", expected=1)
    with pytest.raises(StoreBusy, match="too many writers"):
        await store.remove("a", expected=1)
    other.close()
    assert await writer


@pytest.mark.parametrize("work", ["sync", "write"])
async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """A disk that takes no more leaves the record as it was, and nothing beside it (B6)."""
    store = FileStore(tmp_path / "sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    value = b"canary" * 20_000
    if work == "sync":

        def refuse(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", refuse)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(StoreError, match=r"File too large|No space") as caught:
            await store.replace("a", Record(2, value), expected=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(tmp_path / "sessions") in str(caught.value)
    assert "canary" not in str(caught.value)
    assert await store.load("a") == Record(1, b"x")
    assert not list((tmp_path / "sessions").glob("*.new"))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
async def test_directories_that_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A file system without a sync of directories is no failure; one that fails at it is (B26)."""
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    store = FileStore(tmp_path)
    tmp_path.chmod(0o700)
    if number == errno.EINVAL:
        assert await store.replace("a", Record(1, b"x"), expected=None)
    else:
        with pytest.raises(StoreError, match="Input/output error"):
            await store.replace("a", Record(1, b"x"), expected=None)


async def test_a_write_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are synced before they get their name, and the name before the return (B26)."""
    store = FileStore(tmp_path / "sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    steps: list[str] = []
    sync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def renamed(*args: Any) -> None:
        steps.append("rename")
        rename(*args)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    await store.replace("a", Record(2, b"y"), expected=1)
    assert steps == ["file", "rename", "directory"]
    steps.clear()
    await store.remove("a", expected=2)
    assert steps == ["directory"]


async def test_a_loop_that_is_closing(tmp_path: Path) -> None:
    """A loop that has ended its threads already is told as `StoreError`."""
    await asyncio.get_running_loop().shutdown_default_executor()
    with pytest.raises(StoreError, match="closing"):
        await FileStore(tmp_path).load("a")


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_a_directory_made_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Of two that make the directory at once, both find it; what a stranger made is refused."""
    make = Path.mkdir

    def outrun(self: Path, *args: Any, **kwargs: Any) -> None:
        make(self, mode)
        make(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", outrun)
    if mode == 0o700:
        _trusted.need_directory(tmp_path / "sessions")
        assert _trusted.has_directory(tmp_path / "sessions")
    else:
        with pytest.raises(StoreError, match="0750"):
            _trusted.need_directory(tmp_path / "sessions")


def test_a_loop_closed_under_a_lock(tmp_path: Path) -> None:
    """A lock whose loop was closed before its `with` block ended is free in the next (B15)."""
    store = FileStore(tmp_path / "sessions")
    loop = asyncio.new_event_loop()
    context = store.lock("a", wait_seconds=0, hold_seconds=1)
    loop.run_until_complete(context.__aenter__())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.run(try_lock(store, "a"))
    assert not _kernel_lock._open
