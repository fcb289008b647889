"""Locks on open files: what deletes, forks and second calls do to them."""

import os
from pathlib import Path

import pytest

from cloudbase_auth_async.stores import _kernel_lock
from cloudbase_auth_async.stores._kernel_lock import KernelLock, attempt


def test_a_file_means_nothing(tmp_path: Path) -> None:
    """A lock file that was left, whoever signed it, is no lock; and it stays (B25)."""
    path = tmp_path / "a.lock"
    path.touch(0o600)
    path.write_bytes(b"process 1 on nowhere\n" * 50)
    lock = attempt(path, sign=True)
    assert lock is not None
    assert attempt(path) is None
    assert _kernel_lock.holder(path) == path.read_text().strip()
    assert path.read_text().startswith(f"process {os.getpid()} on ")
    lock.close()
    assert path.exists()


@pytest.mark.parametrize("anew", [False, True])
def test_a_file_that_was_deleted(tmp_path: Path, *, anew: bool) -> None:
    """A lock on a file that is no longer under its name is worth nothing, and not taken."""
    path = tmp_path / "a.lock"
    lock = KernelLock(path)
    path.rename(tmp_path / "b.lock")
    if anew:
        path.touch(0o600)
    assert lock.take(path) is False
    lock.close()
    after = attempt(path)
    assert after is not None
    after.close()


def test_closed_twice(tmp_path: Path) -> None:
    """To give a lock back twice does not close whatever got its number meanwhile."""
    lock = attempt(tmp_path / "a.lock")
    assert lock is not None
    lock.close()
    again = attempt(tmp_path / "a.lock")
    assert again is not None
    lock.close()
    assert attempt(tmp_path / "a.lock") is None
    again.close()


def test_given_back_with_a_copy_open(tmp_path: Path) -> None:
    """A lock that is given back is free, even if a child has its file open unseen (B25)."""
    lock = attempt(tmp_path / "a.lock")
    assert lock is not None
    copy = os.dup(lock._descriptor)
    lock.close()
    again = attempt(tmp_path / "a.lock")
    assert again is not None
    again.close()
    os.close(copy)


def test_what_a_child_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child closes what its parent has locked, and leaves the lock itself alone (B25)."""
    lock = attempt(tmp_path / "a.lock")
    assert lock is not None
    parents = os.dup(lock._descriptor)
    with monkeypatch.context() as patches:
        patches.setattr(os, "getpid", lambda: lock._pid + 1)
        _kernel_lock._fork_guard.acquire()
        _kernel_lock._forget_in_child()
        lock.close()
    assert not _kernel_lock._open
    assert attempt(tmp_path / "a.lock") is None
    os.close(parents)
    after = attempt(tmp_path / "a.lock")
    assert after is not None
    after.close()
