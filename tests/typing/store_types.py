"""Never run: the type checkers read it in strict mode and find the inferred types right."""

from typing import assert_type

from cloudbase_auth_async import AuthClient, TokenPair, TokenSession, events
from cloudbase_auth_async.stores import EncryptedStore, FileStore, MemoryStore, Record, Store


async def kept_sessions(auth: AuthClient, tokens: TokenPair) -> None:
    """What is kept comes back as a session, or not at all."""
    assert_type(await auth.sessions.put("key", tokens), TokenSession)
    assert_type(await auth.sessions.put("key", tokens.to_dict()), TokenSession)
    assert_type(await auth.sessions.get("key"), TokenSession | None)
    assert_type(await auth.sessions.drop("key"), bool)
    async for key in auth.sessions:
        assert_type(key, str)
    auth.sessions.renew_in_background(requests_per_second=5)


def every_store_is_one(secret: str) -> list[Store]:
    """The library's stores fit the protocol that users implement."""
    return [MemoryStore(), FileStore("somewhere"), EncryptedStore(MemoryStore(), [secret])]


async def store_coroutines(store: Store) -> None:
    """What a store of one's own has to answer."""
    record = await store.load("key")
    assert_type(record, Record | None)
    assert_type(await store.replace("key", Record(1, b""), expected=None), bool)
    async with store.lock("key", wait_seconds=1, hold_seconds=1) as lease:
        assert_type(lease.fence, int)


def listener(event: events.Event) -> None:
    """A receiver of events tells them apart by type."""
    if isinstance(event, events.StoreDegraded):
        assert_type(event.unsaved, bool)


def client_with_listener() -> AuthClient:
    """Both are arguments of the client."""
    return AuthClient("env", store=MemoryStore(), on_event=listener)
