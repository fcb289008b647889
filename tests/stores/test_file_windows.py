"""The code for Windows, with the locks of Windows played by those of this machine."""

import fcntl
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from cloudbase_auth_async.errors import StoreBusy
from cloudbase_auth_async.stores import _files, _kernel_lock, _trusted, file
from cloudbase_auth_async.stores.base import Record, Store
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing.store_contract import StoreContract

LK_UNLCK, LK_NBLCK = 0, 2


def _locking(descriptor: int, mode: int, length: int) -> None:
    assert length == 1
    assert os.lseek(descriptor, 0, os.SEEK_CUR) > 1_000_000  # no reader comes there
    if mode == LK_UNLCK:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return
    assert mode == LK_NBLCK
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None


@pytest.fixture(autouse=True)
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what the modules know of the system away."""
    fake = SimpleNamespace(locking=_locking, LK_UNLCK=LK_UNLCK, LK_NBLCK=LK_NBLCK)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(_kernel_lock, "_locks", _kernel_lock.WindowsLocks())
    monkeypatch.setattr(_trusted, "_has_owners", False)
    monkeypatch.setattr(_files, "_sharing_violations", True)


class TestFileStoreOnWindows(StoreContract):
    """The file store keeps the contract there, too."""

    tasks: ClassVar[int] = 20

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        """Give each test a directory of its own."""
        self.path = tmp_path / "sessions"

    def make_store(self) -> Store:
        """Open the directory once more."""
        return FileStore(self.path)


async def test_a_file_that_is_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that somebody has open is replaced a moment later, or told to be busy (B26)."""
    store = FileStore(tmp_path / "sessions")
    await store.replace("a", Record(1, b"x"), expected=None)
    rename = os.replace
    refusals = iter(range(3))

    def refuse(*args: Any) -> None:
        if next(refusals, None) is not None:
            raise PermissionError(13, "Permission denied")
        rename(*args)

    monkeypatch.setattr(os, "replace", refuse)
    assert await store.replace("a", Record(2, b"y"), expected=1)
    assert next(refusals, None) is None
    refusals = iter(range(1_000_000))
    monkeypatch.setattr(file, "_WRITE_WAIT_SECONDS", 0.05)
    with pytest.raises(StoreBusy, match="Permission denied"):
        await store.replace("a", Record(3, b"z"), expected=2)
    assert await store.load("a") == Record(2, b"y")
