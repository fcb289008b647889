"""Promise 2: one spend for a whole fleet, and nobody's late write hurts anybody."""

import asyncio
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._records import read

KEY = "the-key-of-alice"
REUSE = pytest.mark.parametrize("reuse", ["refuse", "revoke_family"])


def _kept(world: Any) -> Any:
    return read(world.disk._records[KEY])


async def test_a_fleet_shares_each_refresh(world: Any) -> None:
    """Eight processes that expire together spend once a generation, for twenty of them (B2)."""
    fleet = await world.joined(8)
    await world.kept(fleet[0])
    sessions = [await each.get() for each in fleet]
    for generation in range(20):
        world.clock.advance(7201)
        subs = await asyncio.gather(*(each.user.me() for each in sessions))
        assert len({me.sub for me in subs}) == 1
        assert len({each.tokens.refresh_token for each in sessions}) == 1
        world.emulator.assert_spends(generation + 1)
    assert world.signed_in == 1


async def test_a_fleet_in_the_advisory_window(world: Any) -> None:
    """Renewed early by eight processes at once, the pair is spent once (B2)."""
    fleet = await world.joined(8)
    await world.kept(fleet[0])
    sessions = [await each.get() for each in fleet]
    world.clock.advance(7000)
    await asyncio.gather(*(each.access_token() for each in sessions))
    for process, session in zip(fleet, sessions, strict=True):
        await world.landed(process, session)
    assert len({each.tokens.refresh_token for each in sessions}) == 1
    world.emulator.assert_spends(1)


async def test_adopting_is_told(world: Any) -> None:
    """Who finds a newer pair says so, and neither claims nor writes anything (B2)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.clock.advance(7201)
    await ours.access_token()
    b.store.heal()
    assert await theirs.refresh() == ours.tokens
    assert b.store.steps == ["lock", "load", "unlock"]
    await world.until(lambda: b.told(told.RefreshAdopted))
    assert not b.told(told.RefreshCommitted)


async def test_a_pair_that_died_again(world: Any) -> None:
    """A newer pair whose access token is dead, too, is spent in the place of ours (B2)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.clock.advance(7201)
    await ours.access_token()
    world.clock.advance(7201)
    assert world.lives((await theirs.refresh()).access_token)
    await ours.user.me()
    assert ours.tokens == theirs.tokens
    world.emulator.assert_spends(2)


@REUSE
@pytest.mark.parametrize("lost", [True, False])
async def test_a_lapsed_lease(open_world: Any, reuse: str, lost: bool) -> None:  # noqa: FBT001
    """A is paused with its answer in hand while B gets the lock: no session is lost (B3)."""
    async with open_world(reuse=reuse) as world:
        a, b = await world.joined(2)
        ours, theirs = await world.kept(a), await b.get()
        world.clock.advance(7201)
        gate = a.store.pause("replace", done=True)  # the claim
        first = asyncio.create_task(ours.access_token())
        await gate.arrived.wait()
        late = a.store.pause("replace", done=lost)  # the pair
        gate.released.set()
        await late.arrived.wait()
        b.store.lapse()
        if lost:  # A has written, and does not know it yet
            assert await theirs.access_token()
        else:  # the claim says that somebody has sent it
            with pytest.raises(errors.RefreshOutcomeUnknown):
                await theirs.access_token()
        late.released.set()
        assert world.lives(await first)
        world.clock.advance(16)
        assert world.lives(await theirs.access_token())
        assert ours.tokens == theirs.tokens == _kept(world).pair
        world.emulator.assert_spends(1)


@REUSE
async def test_a_late_write_is_refused(open_world: Any, reuse: str) -> None:
    """Paused for a minute, A finds what B did to the record, and brings its pair in (B3, B7)."""
    async with open_world(reuse=reuse) as world:
        a, b = await world.joined(2)
        ours, theirs = await world.kept(a), await b.get()
        world.clock.advance(7201)
        held = world.emulator.faults.add("POST /token", "hold", when="after")
        first = asyncio.create_task(ours.access_token())
        await held.arrived
        b.store.lapse()
        world.clock.advance(61)
        await world.warned(theirs)
        with pytest.raises(errors.SessionEnded):  # B asks, too late: A has rotated
            await theirs.access_token()
        assert _kept(world).ended
        held.release()
        await first
        # With "revoke_family" the service itself ended the session: nobody can save that.
        saved = reuse == "refuse"
        assert world.lives(ours.tokens.access_token) == saved
        assert _kept(world).pair == ours.tokens
        assert (await b.get()).tokens == ours.tokens
        if saved:
            await theirs.user.me()
        else:
            with pytest.raises(errors.SessionEnded):
                await theirs.user.me()


@REUSE
async def test_a_store_that_went_back(open_world: Any, reuse: str) -> None:
    """After a failover to an older generation, who knows the newer one repairs it (B3, B7)."""
    async with open_world(reuse=reuse) as world:
        a, b = await world.joined(2)
        ours, theirs = await world.kept(a), await b.get()
        before = world.disk._records[KEY]
        for _ in range(3):
            world.clock.advance(7201)
            await ours.user.me()
        await theirs.user.me()
        world.disk._records[KEY] = before
        assert await a.get() is ours
        assert _kept(world).pair == ours.tokens
        world.disk._records[KEY] = before
        world.clock.advance(7201)
        await asyncio.gather(ours.user.me(), theirs.user.me())
        assert _kept(world).pair == ours.tokens == theirs.tokens
        world.emulator.assert_spends(4)


async def test_a_sign_out_after_the_store_went_back(world: Any) -> None:
    """A sign-out between the look and the repair stands: nobody writes the session again (B9)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    before = world.disk._records[KEY]
    await ours.refresh()
    world.disk._records[KEY] = before
    first = a.store.pause("load", done=True)
    asking = asyncio.create_task(a.get())
    await first.arrived.wait()
    second = a.store.pause("load")
    first.released.set()
    await second.arrived.wait()
    await theirs.sign_out()
    second.released.set()
    await asking
    assert KEY not in world.disk._records


@REUSE
async def test_refused_but_renewed_elsewhere(open_world: Any, reuse: str) -> None:
    """After a definite refusal the store is read again: B's pair is taken, not wiped (B7)."""
    async with open_world(reuse=reuse) as world:
        a, b = await world.joined(2)
        ours, theirs = await world.kept(a), await b.get()
        world.clock.advance(7201)
        held = world.emulator.faults.add("POST /token", "hold")
        refreshing = asyncio.create_task(ours.access_token())
        await held.arrived
        b.store.lapse()
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await theirs.refresh()
        await theirs.refresh()  # B insists, and is first at the service
        held.release()
        assert await refreshing == theirs.tokens.access_token
        assert _kept(world).pair == theirs.tokens
        assert not _kept(world).ended
        assert not a.told(told.SessionOver)
        if reuse == "refuse":
            await ours.user.me()
        else:  # the late request made the service end the pair that B has got
            with pytest.raises(errors.SessionEnded):
                await ours.user.me()
        assert world.emulator.spends == 1


async def test_refused_for_now_but_renewed_elsewhere(world: Any) -> None:
    """A's note of a 429 comes too late: B's pair in the store stays (B7, B30)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.emulator.faults.add("POST /token", "status", status=429)
    claim = a.store.pause("replace", done=True)
    refreshing = asyncio.create_task(ours.refresh())
    await claim.arrived.wait()
    note = a.store.pause("replace")
    claim.released.set()
    await note.arrived.wait()
    b.store.lapse()
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await theirs.refresh()
    await theirs.refresh()
    note.released.set()
    with pytest.raises(errors.RateLimited):
        await refreshing
    assert _kept(world).pair == theirs.tokens
    assert (await a.get()).tokens == theirs.tokens


async def test_access_only_pair_replaced_elsewhere(world: Any) -> None:
    """A newer access token without a refresh token is found by `get`, too (B28)."""
    a, b = await world.joined(2)
    access = [(await world.kept(a)).tokens.access_token for _ in range(2)]
    ours = await a.auth.sessions.put(KEY, {"access_token": access[0]})
    await b.auth.sessions.put(KEY, {"access_token": access[1]})
    assert await a.get() is ours
    assert ours.tokens.access_token == access[1]


async def test_a_service_that_does_not_rotate(world: Any) -> None:
    """Where the refresh token stays the same, the fleet still asks once (B2)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    fresh = (await a.auth.sign_in.password("alice", "Passw0rd!")).to_dict()
    body = {name: fresh[name] for name in ("access_token", "expires_in")}
    world.emulator.faults.add("POST /token", "status", status=200, body=body)
    await ours.refresh()
    assert await theirs.refresh() == ours.tokens
    assert world.asked == 1


@pytest.mark.parametrize("turns", [0, 1, 10])
async def test_two_refreshes_of_one_process(world: Any, turns: int) -> None:
    """A refresh that finds B's dead pair does not wait for the one that waits for it (B11, B12)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    await theirs.refresh()
    world.clock.advance(7201)
    gate = a.store.pause("load", done=True)
    first = asyncio.create_task(ours.access_token())  # of the first pair
    await gate.arrived.wait()
    await a.get()  # finds the second one
    gate.released.set()
    await world.turn(turns)
    second = asyncio.create_task(ours.access_token())
    async with asyncio.timeout(20):
        tokens = await asyncio.gather(first, second)
    assert set(tokens) == {ours.tokens.access_token}
    assert not a.auth._exchange._flights
    world.emulator.assert_spends(2)
