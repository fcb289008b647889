"""
Locks that the kernel keeps on an open file, so that a holder's death frees them at once.

A lock file is never deleted, and that it exists means nothing. All of this blocks, if only for
as long as the file system takes to open a file, but for `KernelLock.close`.
"""

import contextlib
import importlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

from cloudbase_auth_async.stores import _trusted

# Windows keeps readers from a locked byte: lock one that no text reaches.
_FAR_BYTE = 1 << 30
_LONGEST_HOLDER = 400


class PosixLocks:
    """`flock`: between open files, so between threads as well as processes."""

    def __init__(self) -> None:
        self._fcntl: Any = importlib.import_module("fcntl")

    def take(self, descriptor: int, path: Path) -> bool:
        """Lock an open file; tell whether nobody else had, and it is what the path names."""
        try:
            self._fcntl.flock(descriptor, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB)
            # Somebody cleaned the directory: the next one would lock another file than this.
            return os.path.samestat(os.fstat(descriptor), path.stat())
        except (BlockingIOError, FileNotFoundError):
            return False

    def free(self, descriptor: int) -> None:
        """Unlock an open file, for forked children that still have it, too."""
        self._fcntl.flock(descriptor, self._fcntl.LOCK_UN)


class WindowsLocks:
    """`msvcrt.locking`: the same for one byte of a file; Windows deletes no open file."""

    def __init__(self) -> None:
        self._msvcrt: Any = importlib.import_module("msvcrt")

    def take(self, descriptor: int, _path: Path) -> bool:
        """Lock an open file; tell whether nobody else had."""
        os.lseek(descriptor, _FAR_BYTE, os.SEEK_SET)
        try:
            self._msvcrt.locking(descriptor, self._msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def free(self, descriptor: int) -> None:
        """Unlock an open file."""
        os.lseek(descriptor, _FAR_BYTE, os.SEEK_SET)
        self._msvcrt.locking(descriptor, self._msvcrt.LK_UNLCK, 1)


_locks: PosixLocks | WindowsLocks = WindowsLocks() if os.name == "nt" else PosixLocks()
# A fork while a lock file is opened, and not yet in the set, would hand it to the child unseen.
_fork_guard = threading.Lock()
_open: set["KernelLock"] = set()


class KernelLock:
    """An open lock file; locked until it is closed."""

    __slots__ = ("_descriptor", "_pid")

    def __init__(self, path: Path) -> None:
        self._pid = os.getpid()
        with _fork_guard:
            self._descriptor = _trusted.open_file(path, os.O_RDWR | os.O_CREAT)
            _open.add(self)

    def take(self, path: Path) -> bool:
        """Try once; tell whether it is ours, and is what is found under the path."""
        return _locks.take(self._descriptor, path)

    def sign(self) -> None:
        """Write into the file who holds it."""
        with contextlib.suppress(OSError):  # a full disk hinders no lock
            text = f"process {self._pid} on {socket.gethostname()}\n".encode(errors="replace")
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, text)
            os.ftruncate(self._descriptor, len(text))

    def close(self) -> None:
        """Give the lock back. It never waits, and may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if self._pid == os.getpid():
            # Closing is not enough: a child that was forked unseen may have the file open.
            with contextlib.suppress(OSError):
                _locks.free(descriptor)
        _open.discard(self)
        os.close(descriptor)


def attempt(path: Path, *, sign: bool = False) -> KernelLock | None:
    """
    Try once to lock a file; None if somebody else holds it.

    Args:
        path: of the lock file; it is made if it is missing.
        sign: write into it who holds it.
    """
    lock = KernelLock(path)
    try:
        taken = lock.take(path)
        if taken and sign:
            lock.sign()
    except BaseException:
        lock.close()
        raise
    if not taken:
        lock.close()
        return None
    return lock


def holder(path: Path) -> str | None:
    """Read who signed a lock file last; None if nobody did."""
    descriptor = _trusted.open_file(path, os.O_RDONLY)
    try:
        text = os.read(descriptor, _LONGEST_HOLDER).decode(errors="replace")
    finally:
        os.close(descriptor)
    return text.partition("\n")[0] or None


def _forget_in_child() -> None:
    """Close what the parent holds: a child that lives on would keep its locks alive."""
    _fork_guard.release()
    for lock in tuple(_open):
        lock.close()


if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(
        before=_fork_guard.acquire,
        after_in_parent=_fork_guard.release,
        after_in_child=_forget_in_child,
    )
