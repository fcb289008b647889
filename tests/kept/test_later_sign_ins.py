"""A sign-in that is written beside a refresh, an adoption or a sign-out of the same session."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._records import read

KEY = "the-key-of-alice"
PASSWORD = "Passw0rd!"


@pytest.mark.parametrize("third", [True, False], ids=["a third sign-in", "nobody"])
async def test_a_put_brings_nothing_back(world: Any, *, third: bool) -> None:
    """A `put` that waited for a refresh does not write what was signed out meanwhile (B7, B9)."""
    a = await world.join()
    await world.kept(a)
    written = a.store.pause("replace", done=True)
    putting = asyncio.create_task(world.kept(a))
    await written.arrived.wait()
    session = await a.get()
    locked = a.store.pause("lock")
    refreshing = asyncio.create_task(session.refresh())
    await locked.arrived.wait()
    written.released.set()
    await world.turn(60)  # the put waits for the refresh of what it wrote
    assert await world.kept(a) is session  # a second sign-in
    found = a.store.pause("load", done=True)
    locked.released.set()
    await found.arrived.wait()  # the refresh has seen it
    await session.sign_out()
    later = (await world.kept(a)).tokens if third else None
    found.released.set()
    with pytest.raises(errors.NotSignedIn):
        await refreshing
    await putting
    record = world.disk._records.get(KEY)
    assert (record and read(record).pair) == later
    assert later is None or world.lives(later.access_token)


async def test_what_a_refresh_found_is_no_orphan(world: Any) -> None:
    """A later sign-in that a refresh found in the store is not revoked as one never saved (B7)."""
    a = await world.join()
    session = await world.kept(a)
    written = a.store.pause("replace", done=True)
    pair = await a.auth.sign_in.password("alice", PASSWORD)
    adopting = asyncio.create_task(session.adopt(pair))
    await written.arrived.wait()
    assert await a.get() is session  # it learns of the adopted pair from the store
    locked = a.store.pause("lock")
    refreshing = asyncio.create_task(session.refresh())
    await locked.arrived.wait()
    written.released.set()
    await adopting
    put = a.store.pause("replace", done=True)
    putting = asyncio.create_task(world.kept(a))
    await put.arrived.wait()
    locked.released.set()
    await refreshing  # it has found the later sign-in
    put.released.set()
    assert await putting is session
    await session.refresh()
    await world.turn(50)
    world.clock.advance(1)  # whatever waits to be saved
    await world.turn(300)
    assert world.lives(session.tokens.access_token)
    assert not world.sent("POST /revoke")


async def test_a_session_closed_during_a_get(world: Any) -> None:
    """A `get` that was under way when the session was closed gives another one, in use."""
    a = await world.join()
    session = await world.kept(a)
    loading = a.store.pause("load", done=True)
    asking = asyncio.create_task(a.get())
    await loading.arrived.wait()
    await session.aclose()
    loading.released.set()
    await (await asking).user.me()
