"""
Where sessions are kept: one protocol, and the stores that come with the library.

| store | who shares a session | what a crash leaves |
| --- | --- | --- |
| `MemoryStore()` | whoever holds this object; the default | nothing |
| `FileStore(path)` | every process of one user on one machine | the last pair that was written |
| `RedisStore(redis)` | every machine that reaches the same Redis | what Redis keeps |
| `EncryptedStore(inner, keys)` | as `inner`; nobody reads a stolen row | as `inner` |

A store of your own implements `Store`; `cloudbase_auth_async.testing.StoreContract` tests it.
"""

from typing import TYPE_CHECKING

from cloudbase_auth_async._lazy import attached

if TYPE_CHECKING:
    from cloudbase_auth_async.stores.base import Lease, Record, Store
    from cloudbase_auth_async.stores.encrypted import EncryptedStore
    from cloudbase_auth_async.stores.file import FileStore
    from cloudbase_auth_async.stores.memory import MemoryStore
    from cloudbase_auth_async.stores.redis import RedisStore
else:
    __getattr__, __dir__ = attached(
        __name__,
        {
            "EncryptedStore": "encrypted",
            "FileStore": "file",
            "Lease": "base",
            "MemoryStore": "memory",
            "Record": "base",
            "RedisStore": "redis",
            "Store": "base",
        },
    )

__all__ = [
    "EncryptedStore",
    "FileStore",
    "Lease",
    "MemoryStore",
    "Record",
    "RedisStore",
    "Store",
]
