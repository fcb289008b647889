"""Files that are not what was written, and files that somebody else could have touched."""
# ruff: noqa: ASYNC240 -- the files are small, and the loop has nothing else to do

import os
import struct
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from cloudbase_auth_async.errors import StoreCorrupt, StoreError
from cloudbase_auth_async.stores import _files, _kernel_lock
from cloudbase_auth_async.stores.base import Record
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing._store_steps import listed, try_lock

CANARY = Record(1, b"canary-value")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Name a directory that a store may make."""
    return tmp_path / "sessions"


def _path(place: Path, key: str = "a", ending: str = ".session") -> Path:
    return place / (_files.name_of(key) + ending)


async def _kept(place: Path) -> FileStore:
    store = FileStore(place)
    assert await store.replace("a", CANARY, expected=None)
    return store


def _put(path: Path, data: bytes | bytearray) -> None:
    path.touch(0o600)
    path.write_bytes(data)


def _file_of(version: int, content: bytes) -> bytes:
    magic, number = b"cbauth\r\n", version.to_bytes(2, "big")
    return magic + number + sha256(magic + number + content).digest() + content


async def test_every_byte_counts(place: Path) -> None:
    """A record altered at any byte is never handed out: it is moved aside and told (B26)."""
    store = await _kept(place)
    good = _path(place).read_bytes()
    assert good == _file_of(1, struct.pack(">QI", 1, 1) + b"a" + CANARY.value)
    for position in range(len(good)):
        for flip in (0x01, 0x80, 0xFF):
            bad = bytearray(good)
            bad[position] ^= flip
            _put(_path(place), bad)
            with pytest.raises(StoreCorrupt) as caught:
                await store.load("a")
            assert caught.value.kept_at is not None
            assert Path(caught.value.kept_at).read_bytes() == bad
            assert "canary" not in str(caught.value)
    assert await store.load("a") is None
    assert len(list(place.glob("*.session.corrupt-*"))) == 3 * len(good)


async def test_every_length_counts(place: Path) -> None:
    """A record cut at any length, emptied, or grown is moved aside and told (B26)."""
    store = await _kept(place)
    good = _path(place).read_bytes()
    for bad in [*(good[:length] for length in range(len(good))), good + b"\0", good + good]:
        _put(_path(place), bad)
        with pytest.raises(StoreCorrupt):
            await store.load("a")
    assert await listed(store) == []


@pytest.mark.parametrize("content", [b"", struct.pack(">QI", 1, 1) + b"\xff"])
async def test_whole_but_senseless(place: Path, content: bytes) -> None:
    """A file with the right sum over content that means nothing is damaged, too."""
    store = await _kept(place)
    _put(_path(place), _file_of(1, content))
    assert await listed(store) == []
    with pytest.raises(StoreCorrupt):
        await store.load("a")


async def test_writers_find_the_damage_too(place: Path) -> None:
    """A writer does not write over what it cannot read; then the key is free (B26)."""
    store = await _kept(place)
    _put(_path(place), b"")
    with pytest.raises(StoreCorrupt):
        await store.replace("a", Record(2, b"x"), expected=1)
    assert await store.replace("a", Record(2, b"x"), expected=None)
    _put(_path(place), b"")
    with pytest.raises(StoreCorrupt):
        await store.remove("a", expected=2)
    assert await store.remove("a", expected=2) is False


async def test_another_keys_file(place: Path) -> None:
    """A record under another key's name is not handed out: nobody gets another's session (B8)."""
    store = await _kept(place)
    _path(place).rename(_path(place, "b"))
    assert await listed(store) == []
    with pytest.raises(StoreCorrupt):
        await store.load("b")


async def test_damage_that_was_mended_meanwhile(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that saw damage looks again under the lock, and moves no good record aside."""
    store = await _kept(place)
    good = _path(place).read_bytes()
    _put(_path(place), b"")
    attempt = _kernel_lock.attempt

    def mend(path: Path, *, sign: bool = False) -> _kernel_lock.KernelLock | None:
        _put(_path(place), good)
        return attempt(path, sign=sign)

    monkeypatch.setattr(_kernel_lock, "attempt", mend)
    assert await store.load("a") == CANARY
    assert not list(place.glob("*.corrupt-*"))


async def test_a_file_of_the_future(place: Path) -> None:
    """What a newer version wrote stays where it is, and is not taken for damaged."""
    store = await _kept(place)
    future = _file_of(2, b"canary")
    _put(_path(place), future)
    for call in (
        store.load("a"),
        store.replace("a", CANARY, expected=None),
        store.remove("a", expected=1),
        listed(store),
    ):
        with pytest.raises(StoreError, match="newer version") as caught:
            await call
        assert not isinstance(caught.value, StoreCorrupt)
        assert str(place) in str(caught.value)
    assert _path(place).read_bytes() == future


async def test_what_a_killed_writer_left(place: Path) -> None:
    """Temporary files of dead writers go away; that of a living one stays (B26)."""
    store = await _kept(place)
    for key in ("a", "b", "c"):
        _put(_path(place, key, ".new"), b"half")
    assert await store.replace("a", Record(2, b"x"), expected=1)
    assert not _path(place, "a", ".new").exists()
    writing = _kernel_lock.attempt(place / _files.sixteenth("b"))
    assert writing is not None
    assert _files.sixteenth("b") != _files.sixteenth("c")
    assert await listed(store) == ["a"]
    assert [path.name for path in place.glob("*.new")] == [_path(place, "b", ".new").name]
    writing.close()
    assert await listed(store) == ["a"]
    assert not list(place.glob("*.new"))


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir(0o700)


def _foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(path, 12345, 12345)


TRICKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "link": (_link, "symbolic"),
    "pipe": (_pipe, "not a regular file"),
    "directory": (_directory, "[Dd]irectory|not a regular file"),
    "foreign": (_foreign, "another user"),
    "open to the group": (lambda path: path.chmod(0o640), "0640"),
    "open to others": (lambda path: path.chmod(0o602), "0602"),
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
@pytest.mark.parametrize("which", ["record", "lock", "writers' lock"])
async def test_files_that_others_could_touch(
    place: Path, which: str, trick: tuple[Callable[[Path], None], str]
) -> None:
    """A link, a pipe, a stranger's file or one open to others is refused by its path."""
    store = await _kept(place)
    await try_lock(store, "a")
    path = {
        "record": _path(place),
        "lock": _path(place, ending=".lock"),
        "writers' lock": place / _files.sixteenth("a"),
    }[which]
    play, problem = trick
    play(path)
    files = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(StoreError, match=problem) as caught:
        await (
            try_lock(store, "a")
            if which == "lock"
            else store.replace("a", Record(2, b"x"), expected=1)
        )
    assert str(path) in str(caught.value)
    assert len(list(Path("/dev/fd").iterdir())) == files
    if which == "record":
        with pytest.raises(StoreError, match=problem):
            await store.load("a")
        assert path.lstat()


@pytest.mark.parametrize(
    ("mode", "problem"), [(0o750, "0750"), (0o701, "0701"), (0o700, "another user")]
)
async def test_directories_that_others_could_touch(place: Path, mode: int, problem: str) -> None:
    """A stranger's directory, or one open to others, is refused by its path."""
    place.mkdir()
    place.chmod(mode)
    if mode == 0o700:
        _foreign(place)
    store = FileStore(place)
    for call in (
        store.load("a"),
        store.replace("a", CANARY, expected=None),
        store.remove("a", expected=1),
        listed(store),
        try_lock(store, "a"),
    ):
        with pytest.raises(StoreError, match=problem) as caught:
            await call
        assert str(place) in str(caught.value)
    assert list(place.iterdir()) == []


async def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    """Where no directory can be made, the error names the path and the reason."""
    (tmp_path / "file").write_bytes(b"")
    for place, problem in (
        (tmp_path / "file", "not a directory"),
        (tmp_path / "file" / "sessions", "Not a directory"),
        (Path("/proc/sessions"), "No such file"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(StoreError, match=problem) as caught:
            await FileStore(place).replace("a", CANARY, expected=None)
        assert str(place) in str(caught.value)
        assert "canary" not in str(caught.value)


async def test_a_directory_that_vanishes(place: Path) -> None:
    """A store whose directory was removed is empty, and makes it anew to write."""
    store = await _kept(place)
    place.rename(place.with_name("gone"))
    assert await store.load("a") is None
    assert await store.replace("a", CANARY, expected=None)
