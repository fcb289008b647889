"""
Who holds the lock of a refresh is killed with SIGKILL, at each instant of it.

| killed | the service has | the store has | what the user sees |
| --- | --- | --- | --- |
| with the lock, before the claim is written | the old pair | the old pair | nothing |
| with the claim written, before the request | the old pair | the old pair, claimed | the old \
access token until it dies, 15 seconds later a new pair |
| with the request sent, not handled | the old pair | the old pair, claimed | the same |
| with the request handled, no answer read | a new pair | the old pair, claimed | the old access \
token until it dies; 15 seconds later one request tells: `SessionEnded`, or a new pair if the \
service forgives |
| with the answer read, before it is written | a new pair | the old pair, claimed | the same |
| with the answer written | a new pair | the new pair | nothing |

The fourth and the fifth are the window that no client can close: the service has forgotten the
old refresh token, and the only process that heard of the new one is gone.

Nobody waits for the dead: a `FileStore` frees the lock at once. A `RedisStore` frees it when it
lapses, 30 seconds after the longest time that a call may take (a minute with the usual timeout);
until then a living access token is served, and whoever has none is told `StoreBusy`. A claimed
token is not sent again within a minute: without a living access token that is
`RefreshOutcomeUnknown`. The two waits run at the same time. Before it is sent, a note in the store
says so for 15 seconds: whoever lives and holds what it bought writes that meanwhile.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._records import Kept, read
from cloudbase_auth_async.session import TokenSession

KEY = "alice's browser"
LIFETIME_SECONDS = 7200
# In the advisory window: a renewal is in order, and the old token lives for minutes.
EARLY_SECONDS = 6950
# Who still waits then waits for ever.
LONGEST_SECONDS = 30

HARMLESS = ["locked", "written"]
UNSURE = ["claimed", "sent"]
ROTATED = ["handled", "answered"]


async def _killed(world: Any, instant: str, *, lapses: bool = True) -> None:
    """Have a process begin a refresh, kill it at that instant, and let its lock lapse."""
    waits = {"sent": "before", "handled": "after"}.get(instant)
    script = world.emulator.faults
    fault = None if waits is None else script.add("POST /token", "hold", when=waits)
    worker = await world.worker(stop=instant)
    worker.send("land", world.now)
    if fault is None:
        assert await worker.hear() == {"at": instant}
    else:
        await fault.arrived
        while world.emulator.spends < (instant == "handled"):  # noqa: ASYNC110 -- sets no event
            await asyncio.sleep(0.01)
    await worker.kill()
    if world.place.lapses and lapses:
        await _lapsed(world.place.store)


async def _lapsed(store: Any) -> None:
    """Do what Redis' own clock will do."""
    await store._redis.execute_command("HSET", store._name(KEY), "until", "0")


async def _landed(session: TokenSession) -> None:
    flight = session._owned._exchange.under_way(session.tokens.refresh_token)
    if flight is not None:
        await flight.wait()


async def _kept(world: Any) -> Kept:
    record = await world.place.store.load(KEY)
    assert record is not None
    return read(record)


async def _session(world: Any, **options: Any) -> TokenSession:
    session = await (await world.survivor(**options)).sessions.get(KEY)
    assert isinstance(session, TokenSession)
    return session


@pytest.mark.parametrize("instant", HARMLESS)
async def test_killed_with_nothing_open(open_world: Any, place: Any, instant: str) -> None:
    """Killed before the claim or after the last write, nobody notices (B2, B25)."""
    async with open_world(place) as world:
        before = (await _kept(world)).pair
        world.emulator.time_travel(EARLY_SECONDS)
        await _killed(world, instant)
        session = await _session(world)
        await session.access_token()
        await _landed(session)
        kept = await _kept(world)
        assert (kept.tries, kept.pair) == (0, session.tokens)
        assert kept.pair.access_token != before.access_token
        await session.user.me()
        world.emulator.assert_spends(1)


@pytest.mark.parametrize("instant", UNSURE + ROTATED)
@pytest.mark.parametrize("grace_seconds", [0, 3600])
async def test_killed_with_a_claim(
    open_world: Any, place: Any, instant: str, grace_seconds: float
) -> None:
    """Killed with a token perhaps sent, the old one serves, then one request tells (B4, B25)."""
    async with open_world(place, grace_seconds=grace_seconds) as world:
        old = (await _kept(world)).pair
        world.emulator.time_travel(EARLY_SECONDS)
        await _killed(world, instant)
        rotated, asked = int(instant in ROTATED), int(instant != "claimed")
        assert world.emulator.spends == rotated
        early = await _session(world)
        for _ in range(4):
            assert await early.access_token() == old.access_token
            await _landed(early)
            world.emulator.time_travel(60)
            assert await early.access_token() == old.access_token
        kept = await _kept(world)
        assert (kept.pair, kept.tries, kept.ended) == (old, 1, False)
        assert _asked(world) == asked
        await _told(world, early, survives=not rotated or grace_seconds > 0)
        assert _asked(world) == asked + 1


def _asked(world: Any) -> int:
    return sum(entry.route == "POST /token" for entry in world.emulator.journal)


async def _told(world: Any, early: TokenSession, *, survives: bool) -> None:
    """Let the old token die: one request tells all survivors what became of the session."""
    world.emulator.time_travel(10)
    late = await _session(world)
    sessions = [early, late]
    for each in sessions:
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await each.access_token()
    world.emulator.time_travel(16)
    found = await asyncio.gather(*(one.access_token() for one in sessions), return_exceptions=True)
    kept = await _kept(world)
    if survives:
        assert found == [kept.pair.access_token] * 2
        await late.user.me()
        return
    assert [type(one) for one in found] == [errors.SessionEnded] * 2
    assert kept.ended
    world.emulator.time_travel(3600)
    with pytest.raises(errors.SessionEnded):
        await early.access_token()


async def test_killed_with_a_dead_token(open_world: Any, place: Any) -> None:
    """Without a living token a claim is waited out for a minute, and said so (B4, B19)."""
    async with open_world(place) as world:
        world.emulator.time_travel(LIFETIME_SECONDS)
        await _killed(world, "claimed")
        session = await _session(world)
        for _ in range(3):
            with pytest.raises(errors.RefreshOutcomeUnknown):
                await session.access_token()
            world.emulator.time_travel(20)
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await session.access_token()
        world.emulator.time_travel(16)
        assert await session.access_token() == (await _kept(world)).pair.access_token
        world.emulator.assert_spends(1)


async def _waits_for_it(store: Any) -> None:
    """Wait until somebody here has found the lock held, and pauses before asking again."""
    queues = store._queues._queues
    while KEY not in queues or not queues[KEY].freed._waiters:  # noqa: ASYNC110 -- sets no event
        await asyncio.sleep(0)


async def test_killed_with_a_lease(
    open_world: Any, place: Any, leap: Callable[[float], None]
) -> None:
    """Until a dead holder's lease lapses, a living token serves and others are told (B3, B25)."""
    if not place.lapses:
        pytest.skip("the kernel frees the lock of a dead process at once")
    async with open_world(place) as world:
        world.emulator.time_travel(EARLY_SECONDS)
        await _killed(world, "locked", lapses=False)
        session = await _session(world, timeout=10)
        before = await session.access_token()
        await _waits_for_it(place.store)
        leap(11)
        await asyncio.wait_for(_landed(session), LONGEST_SECONDS)
        assert await session.access_token() == before
        world.emulator.time_travel(LIFETIME_SECONDS)
        caller = asyncio.create_task(session.access_token())
        await _waits_for_it(place.store)
        leap(11)
        with pytest.raises(errors.StoreBusy, match="held by process"):
            await asyncio.wait_for(caller, LONGEST_SECONDS)
        await _lapsed(place.store)
        world.emulator.time_travel(60)
        assert await session.access_token() != before
        world.emulator.assert_spends(1)
