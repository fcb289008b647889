"""
Directories and files that hold secrets: opened only if nobody else could have touched them.

On Windows there are no owners and modes of this kind: there the folder's own access list decides.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cloudbase_auth_async.errors import StoreError

# Without O_NONBLOCK a planted pipe would keep the thread that opens it for ever.
_FLAGS: int = sum(
    getattr(os, name, 0)
    for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NOINHERIT", "O_NONBLOCK")
)
_has_owners = hasattr(os, "geteuid")
_OTHERS = 0o077
# What a file system says that cannot sync a directory, and need not.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP}


def has_directory(path: Path) -> bool:
    """
    Tell whether a directory is there.

    Raises:
        StoreError: it is somebody else's, open to others, or no directory.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    _judge(path, found, stat.S_ISDIR, "a directory")
    return True


def need_directory(path: Path) -> None:
    """
    Make a directory for this user alone, and its parents, unless it is there.

    Raises:
        StoreError: see `has_directory`.
    """
    if not has_directory(path):
        with contextlib.suppress(FileExistsError):  # another process made it just now
            path.mkdir(mode=0o700, parents=True)
            sync_directory(path.parent)
        has_directory(path)


def open_file(path: Path, flags: int) -> int:
    """
    Open a file, made for this user alone if it is made, and return its descriptor.

    Raises:
        StoreError: it is somebody else's, open to others, or no regular file.
        OSError: it cannot be opened, or is a symbolic link.
    """
    descriptor = os.open(path, flags | _FLAGS, 0o600)
    try:
        _judge(path, os.fstat(descriptor), stat.S_ISREG, "a regular file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk; Windows does not offer it."""
    if not _has_owners:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def _judge(path: Path, found: os.stat_result, fits: Callable[[int], bool], kind: str) -> None:
    if not fits(found.st_mode):
        raise StoreError(f"{path}: is not {kind}")
    if not _has_owners:
        return
    if found.st_uid != os.geteuid():
        raise StoreError(f"{path}: belongs to another user (uid {found.st_uid})")
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise StoreError(f"{path}: is open to other users (mode {mode:04o}); close it with chmod")
