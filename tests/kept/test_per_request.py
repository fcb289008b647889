"""A session object for each request: what one of them learnt holds for the next (B19, B38)."""

import gc
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async.errors import CloudBaseAuthError, StoreError

SAVE = 3


async def test_unsaved_pair_outlives_its_session(world: Any) -> None:
    """A pair that the store would not take is found by the next request (B6, B38)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    world.clock.advance(7201)
    a.store.heal()
    a.store.fails = lambda number, name: number >= SAVE and name == "replace"
    token = await ours.access_token()
    del ours
    gc.collect()
    for _ in range(3):
        assert await (await a.get()).access_token() == token
        gc.collect()
    a.store.down()
    assert await (await a.get()).access_token() == token
    gc.collect()
    a.store.heal()
    await world.turn(50)
    world.clock.advance(6)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert await (await b.get()).access_token() == token
    world.emulator.assert_spends(1)


FAULTS: dict[str, dict[str, Any]] = {
    "told to wait": {"kind": "rate_limited", "seconds": 600},
    "limited": {"kind": "status", "status": 429},
    "forbidden": {"kind": "status", "status": 403},
    "in trouble": {"kind": "status", "status": 502},
    "lost": {"kind": "drop_before"},
}


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("name", FAULTS)
async def test_pauses_are_for_all(world: Any, name: str, *, kept: bool) -> None:
    """A request every other second, each with a session of its own: no more than a hundred."""
    a = await world.join(sockets=False)
    tokens = (await world.kept(a)).tokens.to_dict()
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", **({"times": None} | FAULTS[name]))
    for _ in range(1800):
        session = await a.get() if kept else a.auth.session(tokens)
        with pytest.raises(CloudBaseAuthError):
            await session.access_token()
        del session
        world.clock.advance(2)
    assert 1 <= world.asked <= {"told to wait": 7, "lost": 3}.get(name, 130)


async def test_ended_is_remembered(world: Any) -> None:
    """A refused refresh token is not asked about for the next session object (B19)."""
    a = await world.join(sockets=False)
    tokens = (await a.auth.sign_in.password("alice", "Passw0rd!")).to_dict()
    world.emulator.revoke(tokens["access_token"], session=True)
    world.clock.advance(7201)
    for _ in range(5):
        with pytest.raises(errors.SessionEnded):
            await a.auth.session(tokens).access_token()
    assert world.asked == 1


async def test_rejections_are_counted_for_all(world: Any) -> None:
    """A service that rejects every token does not cost a refresh token per request (B30)."""
    a = await world.join(sockets=False)
    await world.kept(a)
    world.emulator.faults.add("GET /user/me", "status", times=None, status=401, body={})
    for _ in range(360):
        with pytest.raises(errors.Unauthenticated):
            await (await a.get()).user.me()
        gc.collect(0)
        world.clock.advance(10)
    assert world.asked <= 10


async def test_a_store_of_somebodys_own(world: Any) -> None:
    """Whatever a store raises, saving goes on until it takes the pair, and it is told (B6)."""
    a = await world.join()
    ours = await world.kept(a)
    a.store.heal()
    a.store.fails = lambda number, _: number >= SAVE
    await ours.refresh()
    whole, a.store.load = a.store.load, _raise_os_error
    await world.turn(50)
    world.clock.advance(6)
    await world.until(lambda: world.troubles)
    assert [type(each["exception"]) for each in world.troubles] == [OSError]
    world.troubles.clear()
    a.store.load = whole
    a.store.heal()
    await world.turn(50)
    world.clock.advance(6)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)


async def _raise_os_error(_: str) -> None:
    raise OSError("not a StoreError")


async def test_one_slow_key_delays_no_other(world: Any) -> None:
    """A store that hangs on one session's record saves the others' meanwhile (B6)."""
    a = await world.join()
    held = [await world.kept(a, key=f"key-{number}") for number in range(3)]
    whole = a.store.replace

    async def claims_only(key: str, record: Any, **how: Any) -> Any:
        if b'"tries"' not in record.value:
            raise StoreError("full")
        return await whole(key, record, **how)

    a.store.replace = claims_only
    for session in held:
        await session.refresh()
    assert len(a.auth._exchange.saving._unsaved) == 3
    a.store.replace = whole
    gate = a.store.pause("load")
    await world.turn(50)
    world.clock.advance(6)
    await gate.arrived.wait()
    await world.until(lambda: len(a.auth._exchange.saving._unsaved) == 1)
    gate.released.set()
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
