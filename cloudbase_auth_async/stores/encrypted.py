"""
Sessions that nobody can read or exchange in the place where they are kept.

The extra `crypto` brings what this module needs; no other store imports it.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NoReturn

from cloudbase_auth_async._sealed import sealed_function
from cloudbase_auth_async.config import store
from cloudbase_auth_async.errors import ConfigurationError, StoreCorrupt, StoreError
from cloudbase_auth_async.stores.base import Lease, Record, Store

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    raise ImportError(
        "EncryptedStore needs the package cryptography: pip install 'cloudbase-auth-async[crypto]'"
    ) from None

# An encrypted value is: mark, id of the key, nonce, ciphertext with its tag.
_MARK: Final = b"cbae1"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(_MARK) + _ID_BYTES + _NONCE_BYTES
_SECRET_BYTES: Final = 32
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]{43}=?", re.ASCII)
_ASIDE: Final = "cloudbase-auth-corrupt"


class EncryptedStore:
    """
    Encrypt what another store keeps, by AES-256-GCM.

        keys = [os.environ["SESSION_KEY"]]  # from EncryptedStore.new_key()
        store = EncryptedStore(FileStore(path), keys)

    A record can be read only under its own key and generation: a stolen one is useless, and so
    is one that was put in the place of another, or an older one that was put back under a newer
    generation. Who can write to the inner store can still remove records, or put back an older
    one with its own generation.

    The keys of sessions stay readable: they are the inner store's index. Let them tell nothing,
    or as little as a user id.

    To change the secret, put the new one first and leave the old one behind it: the first
    encrypts, all decrypt. The old one can go when every session was written anew, at the latest
    31 days later.
    """

    @sealed_function
    def __init__(self, inner: Store, keys: Sequence[str | bytes]) -> None:
        """
        Args:
            inner: where the records are kept.
            keys: secrets of 32 random bytes, or their base64 text. The first one encrypts.

        Raises:
            ConfigurationError: a key is none. It is not shown.
        """
        store("inner", inner)
        self._inner = inner
        self._ciphers = _ciphers(keys)
        self._first = next(iter(self._ciphers))

    @staticmethod
    def new_key() -> str:
        """Return a new secret, as text for an environment variable or a vault."""
        return base64.urlsafe_b64encode(os.urandom(_SECRET_BYTES)).decode("ascii")

    def __repr__(self) -> str:
        return f"EncryptedStore({type(self._inner).__name__})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EncryptedStore holds keys: make one where it is used")

    async def load(self, key: str) -> Record | None:
        """
        Return what is kept under a key; None if nothing is.

        Raises:
            StoreError: no key fits, or it was never encrypted. It stays where it is: more likely
                a secret is missing here than the record is bad.
            StoreCorrupt: it was altered, or belongs to another key or generation. It was moved
                to a key of its own in the inner store.
        """
        record = await self._inner.load(key)
        if record is None:
            return None
        if (value := self._decrypted(key, record)) is not None:
            return Record(record.generation, value)
        raise StoreCorrupt(
            "a kept session is not what was written there", kept_at=await self._aside(key, record)
        )

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Write a record if the generation under the key is the expected one; tell whether."""
        sealed_record = Record(record.generation, self._encrypted(key, record))
        return await self._inner.replace(key, sealed_record, expected=expected, lease=lease)

    async def remove(self, key: str, *, expected: int) -> bool:
        """Free a key if the generation under it is the expected one; tell whether it was."""
        return await self._inner.remove(key, expected=expected)

    def lock(
        self, key: str, *, wait_seconds: float, hold_seconds: float
    ) -> AbstractAsyncContextManager[Lease]:
        """Lock a key in the inner store."""
        return self._inner.lock(key, wait_seconds=wait_seconds, hold_seconds=hold_seconds)

    async def keys(self) -> AsyncIterator[str]:
        """Yield every key that holds a record, but for those that were moved aside."""
        async for key in self._inner.keys():
            if not key.startswith(_ASIDE + ":"):
                yield key

    async def aclose(self) -> None:
        """Close the inner store."""
        await self._inner.aclose()

    def _encrypted(self, key: str, record: Record) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._first].encrypt(
            nonce, record.value, _bound(self._first, key, record.generation)
        )
        return b"".join((_MARK, self._first, nonce, ciphertext))

    def _decrypted(self, key: str, record: Record) -> bytes | None:
        """Return the plain value; None if it is not what was written there."""
        value = record.value
        if len(value) < _HEADER_BYTES or not value.startswith(_MARK):
            raise StoreError("a kept session was not encrypted by EncryptedStore")
        identity = value[len(_MARK) : len(_MARK) + _ID_BYTES]
        if (cipher := self._ciphers.get(identity)) is None:
            raise StoreError("no key fits a kept session: it was encrypted with another one")
        nonce = value[_HEADER_BYTES - _NONCE_BYTES : _HEADER_BYTES]
        try:
            return cipher.decrypt(
                nonce, value[_HEADER_BYTES:], _bound(identity, key, record.generation)
            )
        except InvalidTag:
            return None

    async def _aside(self, key: str, record: Record) -> str | None:
        place = f"{_ASIDE}:{record.generation}:{key}"
        moved = await self._inner.replace(place, record, expected=None)
        # There already, if whoever moved it was interrupted before the key was free.
        if not moved and await self._inner.load(place) != record:
            return None
        await self._inner.remove(key, expected=record.generation)
        return f"a key of the inner store that begins with {_ASIDE}:"


def _bound(identity: bytes, key: str, generation: int) -> bytes:
    """Return what a ciphertext is bound to; the lengths of all but the last are fixed."""
    return b"".join(
        (_MARK, identity, generation.to_bytes(8, "big"), key.encode("utf-8", "surrogatepass"))
    )


def _ciphers(keys: Sequence[str | bytes]) -> dict[bytes, AESGCM]:
    """Return a cipher for each key, by the key's id."""
    if isinstance(keys, str | bytes):
        raise ConfigurationError("keys", "must be a list of keys, not a single one")
    ciphers: dict[bytes, AESGCM] = {}
    for place, key in enumerate(keys):
        secret = _secret(key)
        if secret is None:
            raise ConfigurationError(
                f"keys[{place}]", f"must be {_SECRET_BYTES} random bytes or their base64 text"
            )
        ciphers.setdefault(_identity(secret), AESGCM(secret))
    if not ciphers:
        raise ConfigurationError("keys", "must hold at least one key")
    return ciphers


def _secret(key: object) -> bytes | None:
    if isinstance(key, str):
        text = key.strip().replace("+", "-").replace("/", "_")
        key = base64.urlsafe_b64decode(text[:43] + "=") if _BASE64.fullmatch(text) else None
    return key if isinstance(key, bytes) and len(key) == _SECRET_BYTES else None


def _identity(secret: bytes) -> bytes:
    """Tell which key it is, in a way from which the key cannot be had."""
    return hmac.new(secret, b"cloudbase-auth-async key id", hashlib.sha256).digest()[:_ID_BYTES]
