"""When a store comes back: nobody is hasty, and nobody waits for what did not happen (B6)."""

from typing import Any

import pytest

from cloudbase_auth_async.errors import RefreshOutcomeUnknown, StoreError

# A refresh asks the store: lock, load, replace (what will be sent), replace (what came), unlock.
CLAIM, SAVE = 2, 3


async def test_others_wait_for_what_the_outage_held_back(world: Any) -> None:
    """Nobody sends the old token before its spender could write what it bought (B6, B7)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.clock.advance(7201)
    a.store.heal()
    a.store.fails = lambda number, _: number >= SAVE
    pair = await ours.refresh()
    b.store.down()
    with pytest.raises(StoreError):
        await theirs.access_token()
    b.store.heal()
    world.clock.advance(61)
    with pytest.raises(RefreshOutcomeUnknown):
        await theirs.access_token()
    assert world.asked == 1
    a.store.heal()
    world.clock.advance(61)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert await theirs.access_token() == pair.access_token
    world.emulator.assert_spends(1)


async def test_a_warning_does_not_outlive_an_outage(world: Any) -> None:
    """Warned of before a second outage, the token is not sent before its spender wrote (B6)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    world.clock.advance(7201)
    a.store.heal()
    a.store.fails = lambda number, _: number >= SAVE
    pair = await ours.refresh()
    world.clock.advance(61)
    await world.warned(theirs)
    b.store.down()
    with pytest.raises(StoreError):
        await theirs.access_token()
    world.clock.advance(300)
    b.store.heal()
    with pytest.raises(RefreshOutcomeUnknown):
        await theirs.access_token()
    assert world.asked == 1
    a.store.heal()
    await world.turn(50)
    world.clock.advance(16)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert await theirs.access_token() == pair.access_token
    world.emulator.assert_spends(1)


async def test_who_asks_seldom_waits_once(world: Any) -> None:
    """A process that asks twice an hour is told of the doubt once, and then has a token (B40)."""
    a, b = await world.joined(2)
    await world.kept(a)
    theirs = await b.get()
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", "drop_before")
    with pytest.raises(RefreshOutcomeUnknown):
        await (await a.get()).access_token()
    await a.auth.aclose()
    world.clock.advance(1800)
    with pytest.raises(RefreshOutcomeUnknown):
        await theirs.access_token()
    world.clock.advance(1800)
    assert world.lives(await theirs.access_token())


async def test_an_outage_long_ago_delays_nobody(world: Any) -> None:
    """A token of unknown standing that is due is sent, whatever the store did hours before."""
    a, b = await world.joined(2)
    await world.kept(a)
    theirs = await b.get()
    b.store.down()
    await b.get()  # served from memory, with the store down
    b.store.heal()
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", "drop_before")
    with pytest.raises(RefreshOutcomeUnknown):
        await (await a.get()).access_token()
    world.clock.advance(61)
    await world.warned(theirs)
    assert world.lives(await theirs.access_token())
    world.emulator.assert_spends(1)


@pytest.mark.parametrize("times", [1, 2])
async def test_claim_whose_answer_was_lost(world: Any, times: int) -> None:
    """A claim that was written, though the store said it was not, is no token sent (B6)."""
    a = await world.join()
    ours = await world.kept(a)
    world.clock.advance(7201)
    for _ in range(times):
        a.store.heal()
        a.store.loses = lambda number, _: number == CLAIM
        with pytest.raises(StoreError):
            await ours.access_token()
        world.clock.advance(3)
    assert world.asked == 0
    a.store.heal()
    await ours.user.me()
    world.emulator.assert_spends(1)
