"""`EncryptedStore`: what every store promises, and what a thief or a forger gets."""

import base64
import copy
import pickle
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cloudbase_auth_async.errors import ConfigurationError, StoreCorrupt, StoreError
from cloudbase_auth_async.stores import encrypted
from cloudbase_auth_async.stores.base import Record, Store
from cloudbase_auth_async.stores.encrypted import EncryptedStore
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing._store_steps import assert_shows_nothing, listed
from cloudbase_auth_async.testing.store_contract import StoreContract

OLD, NEW = EncryptedStore.new_key(), EncryptedStore.new_key()
VALUE = b"canary-value-90ab"


class TestOverMemory(StoreContract):
    """Every promise of a store."""

    @pytest.fixture(autouse=True)
    def place(self) -> None:
        """One place for all stores of a test."""
        self.memory = MemoryStore()

    def make_store(self) -> Store:
        """Return a store on that place."""
        return EncryptedStore(self.memory, [NEW, OLD])

    def damage(self, key: str) -> bool:
        """Change the last bit."""
        record = self.memory._records[key]
        value = record.value[:-1] + bytes([record.value[-1] ^ 1])
        self.memory._records[key] = Record(record.generation, value)
        return True


@pytest.fixture
def inner() -> MemoryStore:
    """Where the encrypted records are."""
    return MemoryStore()


@pytest.fixture
def store(inner: MemoryStore) -> EncryptedStore:
    """A store with one secret."""
    return EncryptedStore(inner, [OLD])


async def test_a_thief_reads_nothing(inner: MemoryStore, store: EncryptedStore) -> None:
    """What the inner store has holds neither the value nor a secret, and never looks the same."""
    seen = set()
    for generation in (1, 2):
        await store.replace(f"k{generation}", Record(generation, VALUE), expected=None)
        await store.remove("same", expected=1)
        await store.replace("same", Record(1, VALUE), expected=None)
        seen |= {record.value for record in inner._records.values()}
    assert len(seen) == 4
    assert not [value for value in seen if VALUE[:6] in value]
    assert not [value for value in seen if base64.urlsafe_b64decode(OLD)[:6] in value]


async def test_a_row_in_the_place_of_another(inner: MemoryStore, store: EncryptedStore) -> None:
    """A record that was put under another key is refused, and nobody gets its session (B8)."""
    await store.replace("alice", Record(1, VALUE), expected=None)
    await store.replace("bob", Record(1, b"bob's"), expected=None)
    stolen = inner._records["alice"]
    inner._records["bob"] = stolen
    with pytest.raises(StoreCorrupt) as caught:
        await store.load("bob")
    assert_shows_nothing(caught.value)
    assert await store.load("alice") == Record(1, VALUE)
    assert await store.load("bob") is None


async def test_an_old_value_under_a_new_generation(
    inner: MemoryStore, store: EncryptedStore
) -> None:
    """A spent pair that is put back as the newest is refused (B30)."""
    await store.replace("a", Record(1, VALUE), expected=None)
    old = inner._records["a"].value
    await store.replace("a", Record(2, b"newer"), expected=1)
    inner._records["a"] = Record(2, old)
    with pytest.raises(StoreCorrupt):
        await store.load("a")


@pytest.mark.parametrize("place", [0, 5, 12, 13, 24, 25, -1])
async def test_an_altered_byte(inner: MemoryStore, store: EncryptedStore, place: int) -> None:
    """Wherever a byte is changed or the end cut off, nothing of it is accepted (B26)."""
    await store.replace("a", Record(1, VALUE), expected=None)
    value = bytearray(inner._records["a"].value)
    value[place] ^= 1
    for altered in (bytes(value), inner._records["a"].value[:place]):
        inner._records["a"] = Record(1, altered)
        with pytest.raises(StoreError):
            await store.load("a")


async def test_what_is_damaged_is_moved(inner: MemoryStore, store: EncryptedStore) -> None:
    """A damaged record is kept under a key of its own, which is not listed (B26)."""
    await store.replace("a", Record(7, VALUE), expected=None)
    bad = inner._records["a"] = Record(7, inner._records["a"].value + b"x")
    with pytest.raises(StoreCorrupt, match="cloudbase-auth-corrupt:") as caught:
        await store.load("a")
    assert caught.value.kept_at is not None
    assert inner._records == {"cloudbase-auth-corrupt:7:a": bad}
    assert await listed(store) == []


async def test_moving_that_was_interrupted(inner: MemoryStore, store: EncryptedStore) -> None:
    """A damaged record that was copied but not removed yet is removed by the next reader."""
    await store.replace("a", Record(7, VALUE), expected=None)
    bad = Record(7, inner._records["a"].value + b"x")
    inner._records["a"] = inner._records["cloudbase-auth-corrupt:7:a"] = bad
    with pytest.raises(StoreCorrupt, match="moved to"):
        await store.load("a")
    assert list(inner._records) == ["cloudbase-auth-corrupt:7:a"]


async def test_nothing_moved_is_overwritten(inner: MemoryStore, store: EncryptedStore) -> None:
    """A damaged record stays where it is if another one has its place."""
    await store.replace("a", Record(7, VALUE), expected=None)
    inner._records["a"] = Record(7, inner._records["a"].value + b"x")
    inner._records["cloudbase-auth-corrupt:7:a"] = Record(7, b"another")
    before = dict(inner._records)
    with pytest.raises(StoreCorrupt) as caught:
        await store.load("a")
    assert caught.value.kept_at is None
    assert inner._records == before


async def test_a_new_secret(inner: MemoryStore, store: EncryptedStore) -> None:
    """The first secret encrypts and all decrypt, so a secret can be changed at leisure."""
    await store.replace("a", Record(1, VALUE), expected=None)
    both = EncryptedStore(inner, [NEW, OLD])
    assert await both.load("a") == Record(1, VALUE)
    assert await both.replace("a", Record(2, VALUE), expected=1)
    assert await EncryptedStore(inner, [NEW]).load("a") == Record(2, VALUE)
    with pytest.raises(StoreError, match="no key fits"):
        await store.load("a")


@pytest.mark.parametrize("value", [b"", b'{"format": 1}', b"cbae1" + bytes(8)])
async def test_a_missing_secret_destroys_nothing(inner: MemoryStore, value: bytes) -> None:
    """What no secret fits, and what was never encrypted, is no damage and stays as it is."""
    await EncryptedStore(inner, [OLD]).replace("a", Record(1, VALUE), expected=None)
    inner._records["b"] = Record(1, value)
    before = dict(inner._records)
    for key in ("a", "b"):
        with pytest.raises(StoreError) as caught:
            await EncryptedStore(inner, [NEW]).load(key)
        assert not isinstance(caught.value, StoreCorrupt)
    assert inner._records == before


@pytest.mark.parametrize("form", ["urlsafe", "standard", "unpadded", "lines", "bytes"])
async def test_forms_of_a_secret(inner: MemoryStore, store: EncryptedStore, form: str) -> None:
    """A secret is bytes or base64 of either kind, as it comes out of a file or a variable."""
    raw = base64.urlsafe_b64decode(OLD)
    forms: dict[str, str | bytes] = {
        "urlsafe": base64.urlsafe_b64encode(raw).decode(),
        "standard": base64.b64encode(raw).decode(),
        "unpadded": OLD.rstrip("="),
        "lines": f"{OLD}\n",
        "bytes": raw,
    }
    await store.replace("a", Record(1, VALUE), expected=None)
    assert await EncryptedStore(inner, [forms[form]]).load("a") == Record(1, VALUE)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        OLD,
        b"x" * 32,
        ["canary-key-7f1c"],
        [OLD, "canary-key-7f1c" * 3],
        [b"canary-key-7f1c"],
        [b"canary-key-7f1c" * 3],
        [OLD + "canary-key-7f1c"],
        [None],
    ],
    ids=range(9),
)
def test_a_bad_secret(inner: MemoryStore, keys: Any) -> None:
    """A secret that is none is told by its place and never shown (B23)."""
    with pytest.raises(ConfigurationError) as caught:
        EncryptedStore(inner, keys)
    assert caught.value.argument.startswith("keys")
    assert isinstance(keys, list) or "not a single one" in str(caught.value)
    assert_shows_nothing(caught.value)
    assert OLD not in repr(caught.value)


def test_secrets_do_not_leave(inner: MemoryStore, store: EncryptedStore) -> None:
    """Neither text nor pickles nor copies of a store hold its secrets (B23)."""
    assert repr(store) == "EncryptedStore(MemoryStore)"
    raw = base64.urlsafe_b64decode(OLD)
    assert OLD not in repr(vars(store))
    assert repr(raw)[2:-1] not in repr(vars(store))
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="holds keys"):
            leave(store)


def test_new_secrets_are_new() -> None:
    """No two secrets are the same, and each is 32 bytes."""
    keys = {EncryptedStore.new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(base64.urlsafe_b64decode(key)) for key in keys} == {32}


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [("encrypted", "cryptography", "crypto"), ("redis", "redis", "redis")],
)
def test_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str, extra: str
) -> None:
    """The library needs no extra to be imported, and a store without its own names it."""
    code = f"""if True:
        import sys
        sys.modules[{package!r}] = None
        import cloudbase_auth_async, cloudbase_auth_async.stores"""
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
    monkeypatch.setitem(sys.modules, f"{package}.exceptions", None)
    path = Path(encrypted.__file__).with_name(f"{module}.py")
    with pytest.raises(ImportError, match=rf"pip install 'cloudbase-auth-async\[{extra}\]'"):
        runpy.run_path(str(path))


async def test_over_redis(redis_server: Any) -> None:
    """An encrypted store on Redis: fences, rotation and a record written twice."""
    redis = pytest.importorskip("redis.asyncio")
    from cloudbase_auth_async.stores.redis import RedisStore  # noqa: PLC0415 - needs the extra

    async with redis.Redis.from_url(redis_server.url) as client:
        store = EncryptedStore(RedisStore(client, prefix=f"{uuid4()}:"), [NEW])
        async with store.lock("a", wait_seconds=0, hold_seconds=60) as lease:
            assert await store.replace("a", Record(1, VALUE), expected=None, lease=lease)
        assert await store.load("a") == Record(1, VALUE)
        assert await listed(store) == ["a"]
        await store.aclose()
