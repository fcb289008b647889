r"""
Records as files: the format, and the steps that replace one by another. All of this blocks.

A file is a frame around its content, and every version of the format keeps the frame:

| bytes | what |
| --- | --- |
| 8 | `cbauth\r\n` |
| 2 | the version of the content, big-endian |
| 32 | SHA-256 of everything else in the file |
| | the content; in version 1: generation (8), length of the key (4), key, value |

Whoever writes holds the lock of a sixteenth of all keys. So a temporary file of the same
sixteenth that is found under the lock was left by a writer that is dead.
"""

import contextlib
import hashlib
import os
import re
import secrets
import struct
from collections.abc import Generator
from pathlib import Path
from typing import Final

from cloudbase_auth_async.errors import StoreBusy, StoreCorrupt, StoreError
from cloudbase_auth_async.stores import _kernel_lock, _trusted
from cloudbase_auth_async.stores._kernel_lock import KernelLock
from cloudbase_auth_async.stores.base import Record

_MAGIC: Final = b"cbauth\r\n"
_VERSION: Final = 1
_FRAME: Final = struct.Struct(">8sH32s")
_CONTENT: Final = struct.Struct(">QI")
_RECORD: Final = ".session"
_TEMPORARY: Final = ".new"
_OURS: Final = re.compile(r"[0-9a-f]{64}\.(new|session)")

# There a file that somebody has open can be neither read nor replaced for a moment.
_sharing_violations = os.name == "nt"


class _Damaged(Exception):
    """The bytes of a file are not what was written."""


class _Newer(Exception):
    """The bytes are whole, in a format of the future."""


def name_of(key: str) -> str:
    """Return what the files of a key are called, before the dot."""
    return hashlib.sha256(_bytes_of(key)).hexdigest()


def sixteenth(key: str) -> str:
    """Return the name of the lock that writers of a key take."""
    return f"write-{name_of(key)[0]}.lock"


def load(place: Path, key: str) -> Record | None:
    """Return the record of a key; move it aside if it is damaged."""
    with _told(place):
        if not _trusted.has_directory(place):
            return None
        try:
            return _read(_record_path(place, key), key)
        except _Damaged:
            pass  # unless somebody has replaced it meanwhile
        with _writing(place, key):
            return _current(place, key)


def replace(place: Path, key: str, record: Record, expected: int | None) -> bool:
    """Write a record if the generation is the expected one; tell whether."""
    with _told(place), _writing(place, key):
        if _generation(_current(place, key)) != expected:
            return False
        _write(place, key, record)
        return True


def remove(place: Path, key: str, expected: int) -> bool:
    """Remove a record if the generation is the expected one; tell whether."""
    with _told(place), _writing(place, key):
        if _generation(_current(place, key)) != expected:
            return False
        _record_path(place, key).unlink()
        _trusted.sync_directory(place)
        return True


def names(place: Path) -> list[str]:
    """Return the names of all record files, and clean up behind writers that were killed."""
    with _told(place):
        if not _trusted.has_directory(place):
            return []
        found = [path.name for path in place.iterdir() if _OURS.fullmatch(path.name)]
        for name in found:
            if name.endswith(_TEMPORARY):
                _sweep(place, name)
        return [name for name in found if name.endswith(_RECORD)]


def keys(place: Path, some: list[str]) -> list[str]:
    """Return the keys inside record files. A damaged one has none; `load` says so."""
    found: list[str] = []
    with _told(place):
        for name in some:
            with contextlib.suppress(_Damaged, FileNotFoundError):
                key, _ = _open(place / name)
                if name_of(key) + _RECORD == name:
                    found.append(key)
    return found


def lock(place: Path, key: str) -> KernelLock | None:
    """Try once to take the lock of a key; None if somebody else holds it."""
    with _told(place):
        _trusted.need_directory(place)
        return _kernel_lock.attempt(_lock_path(place, key), sign=True)


def holder(place: Path, key: str) -> str | None:
    """Return who held the lock of a key last; None if nobody did yet."""
    with _told(place), contextlib.suppress(FileNotFoundError):
        return _kernel_lock.holder(_lock_path(place, key))
    return None


def _bytes_of(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _record_path(place: Path, key: str) -> Path:
    return place / (name_of(key) + _RECORD)


def _lock_path(place: Path, key: str) -> Path:
    return place / (name_of(key) + ".lock")


def _generation(record: Record | None) -> int | None:
    return None if record is None else record.generation


def _digest(version: int, content: bytes) -> bytes:
    return hashlib.sha256(_MAGIC + version.to_bytes(2, "big") + content).digest()


def _pack(key: str, record: Record) -> bytes:
    name = _bytes_of(key)
    content = _CONTENT.pack(record.generation, len(name)) + name + record.value
    return _FRAME.pack(_MAGIC, _VERSION, _digest(_VERSION, content)) + content


def _unpack(data: bytes) -> tuple[str, Record]:
    if len(data) < _FRAME.size:
        raise _Damaged
    magic, version, digest = _FRAME.unpack_from(data)
    content = data[_FRAME.size :]
    if magic != _MAGIC or digest != _digest(version, content):
        raise _Damaged
    if version != _VERSION:
        raise _Newer
    try:
        generation, length = _CONTENT.unpack_from(content)
        end = _CONTENT.size + length
        key = content[_CONTENT.size : end].decode("utf-8", "surrogatepass")
    except (struct.error, UnicodeDecodeError):
        raise _Damaged from None
    return key, Record(generation, content[end:])


def _open(path: Path) -> tuple[str, Record]:
    """Read a record file; `FileNotFoundError` if there is none."""
    descriptor = _trusted.open_file(path, os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read()
    try:
        return _unpack(data)
    except _Newer:
        raise StoreError(f"{path}: was written by a newer version of this library") from None


def _read(path: Path, key: str) -> Record | None:
    try:
        inside, record = _open(path)
    except FileNotFoundError:
        return None
    if inside != key:
        raise _Damaged
    return record


def _current(place: Path, key: str) -> Record | None:
    """Read a record under the writers' lock, where what is damaged stays so."""
    path = _record_path(place, key)
    try:
        return _read(path, key)
    except _Damaged:
        aside = path.with_name(f"{path.name}.corrupt-{secrets.token_hex(8)}")
        path.rename(aside)
        _trusted.sync_directory(place)
    raise StoreCorrupt(f"{path}: cannot be read as a session", kept_at=str(aside))


def _write(place: Path, key: str, record: Record) -> None:
    path = _record_path(place, key)
    temporary = place / (name_of(key) + _TEMPORARY)
    temporary.unlink(missing_ok=True)
    descriptor = _trusted.open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_pack(key, record))
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _trusted.sync_directory(place)


def _sweep(place: Path, name: str) -> None:
    held = _kernel_lock.attempt(place / f"write-{name[0]}.lock")
    if held is None:
        return  # a writer lives
    try:
        (place / name).unlink(missing_ok=True)
    finally:
        held.close()


@contextlib.contextmanager
def _writing(place: Path, key: str) -> Generator[None, None, None]:
    """Hold the writers' lock; `StoreBusy` if another holds it at this moment."""
    _trusted.need_directory(place)
    path = place / sixteenth(key)
    held = _kernel_lock.attempt(path)
    if held is None:
        raise StoreBusy(f"{path}: another process is writing")
    try:
        yield
    finally:
        held.close()


@contextlib.contextmanager
def _told(place: Path) -> Generator[None, None, None]:
    """Tell what the operating system refused, and where."""
    try:
        yield
    except OSError as error:
        problem = f"{error.filename or place}: {error.strerror or type(error).__name__}"
        if _sharing_violations and isinstance(error, PermissionError):
            raise StoreBusy(problem) from None
        raise StoreError(problem) from None
