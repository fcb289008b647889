"""Promises 4 and 6: the store fails at any step, and no pair that the service gave is lost."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._records import read
from cloudbase_auth_async.errors import StoreError

KEY = "the-key-of-alice"
# A refresh: lock, load, replace (the claim), [the request], replace (the pair), unlock.
BEFORE = range(3)
AFTER = range(3, 5)
HOW = pytest.mark.parametrize("how", ["fails", "loses"])


def _kept(world: Any) -> Any:
    return read(world.disk._records[KEY])


def _break(store: Any, how: str, step: int, *, on: bool) -> None:
    store.heal()
    hit = (lambda n, _: n >= step) if on else (lambda n, _: n == step)
    setattr(store, how, hit)


@HOW
@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("step", BEFORE)
async def test_before_the_spend(world: Any, step: int, how: str, on: bool) -> None:  # noqa: FBT001
    """The store fails before the request: nothing is sent, the live token is served (B6)."""
    a = await world.join()
    ours = await world.kept(a)
    pair = ours.tokens
    world.clock.advance(7000)
    _break(a.store, how, step, on=on)
    assert await ours.access_token() == pair.access_token
    await world.landed(a, ours)
    with pytest.raises(StoreError):
        await _insisted(a, ours, how, step)
    assert await ours.access_token() == pair.access_token
    await ours.user.me()
    assert world.asked == 0
    await world.until(lambda: len(a.told(told.RefreshRefused)) == 2)
    assert {event.reason for event in a.told(told.RefreshRefused)} == {"StoreError"}
    world.clock.advance(201)
    _break(a.store, how, step, on=True)
    with pytest.raises(errors.CloudBaseAuthError):
        await ours.access_token()
    assert ours.tokens is pair
    a.store.heal()
    # A claim whose answer was lost thrice counts as a token that was sent thrice.
    world.clock.advance(1801 if (how, step) == ("loses", 2) else 61)
    await ours.user.me()
    world.emulator.assert_spends(1)


async def _insisted(process: Any, session: Any, how: str, step: int) -> None:
    _break(process.store, how, step, on=False)
    await session.refresh()


@HOW
@pytest.mark.parametrize("step", AFTER)
async def test_after_the_spend(world: Any, step: int, how: str) -> None:
    """The store fails once the service rotated: caller and store have the pair anyway (B6)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    _break(a.store, how, step, on=False)
    pair = await ours.refresh()
    assert world.lives(pair.access_token)
    assert _kept(world).pair == pair  # the very next attempt succeeded
    await world.until(lambda: a.told(told.StoreDegraded))
    assert (await b.get()).tokens == pair
    await a.auth.aclose()
    world.emulator.assert_spends(1)


@HOW
async def test_down_after_the_spend(world: Any, how: str) -> None:
    """The store goes down after the spend: served from memory, saved when it is back (B6, B29)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    _break(a.store, how, 3, on=True)
    pair = await ours.refresh()
    assert ours.tokens is pair
    await ours.user.me()
    await world.until(lambda: a.told(told.RefreshCommitted))
    degraded = a.told(told.StoreDegraded)
    assert degraded
    assert all(event.unsaved and event.key == KEY for event in degraded)
    for _ in range(3):
        world.clock.advance(31)
        await world.turn(20)
    assert not a.told(told.StoreRecovered)
    a.store.heal()
    world.clock.advance(31)
    await world.until(lambda: a.told(told.StoreRecovered))
    assert _kept(world).pair == pair
    assert (await b.get()).tokens == pair
    assert not a.auth._exchange.saving._unsaved
    world.emulator.assert_spends(1)


async def test_saved_after_the_session_is_gone(world: Any) -> None:
    """The pair is saved though nobody holds the session any more (B6, B38)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    _break(a.store, "fails", 3, on=True)
    pair = await ours.refresh()
    del ours
    await world.turn(5)
    gc.collect()
    assert not a.auth.sessions._here
    a.store.heal()
    world.clock.advance(31)
    await world.until(lambda: a.told(told.StoreRecovered))
    assert (await b.get()).tokens == pair


async def test_refreshed_again_while_unsaved(world: Any) -> None:
    """A pair that is in no store yet can be refreshed as soon as the store is back (B6, B30)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    _break(a.store, "fails", 3, on=True)
    await ours.refresh()
    with pytest.raises(StoreError):
        await ours.refresh()
    a.store.heal()
    pair = await ours.refresh()
    assert _kept(world).pair == pair
    world.clock.advance(31)
    await world.turn(20)
    assert (await b.get()).tokens == pair == ours.tokens
    world.emulator.assert_spends(2)


async def test_slow_save_behind_a_refresh(world: Any) -> None:
    """A saving whose answer is late does not make a newer pair forgotten (B30)."""
    a = await world.join()
    ours = await world.kept(a)
    _break(a.store, "fails", 3, on=True)
    await ours.refresh()
    a.store.heal()
    gate = a.store.pause("replace", done=True)
    world.clock.advance(31)
    await gate.arrived.wait()  # the saving has written, and does not know it yet
    again = a.store.pause("replace", done=True)
    refreshing = asyncio.create_task(ours.refresh())
    await again.arrived.wait()
    a.store.fails = lambda _, name: name == "replace"
    again.released.set()
    pair = await refreshing
    gate.released.set()
    await world.turn(20)
    a.store.heal()
    world.clock.advance(31)
    await world.until(lambda: _kept(world).pair == pair)
    world.emulator.assert_spends(2)


async def test_signed_out_elsewhere_while_unsaved(world: Any) -> None:
    """An unsaved pair whose session was signed out meanwhile is revoked, not brought back (B9)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    _break(a.store, "fails", 3, on=True)
    await ours.refresh()
    a.store.heal()
    await b.auth.sessions.drop(KEY)
    world.clock.advance(31)
    await world.until(lambda: not a.auth._exchange.saving._unsaved)
    assert KEY not in world.disk._records
    assert world.signed_in == 0
    asked = world.asked
    with pytest.raises(errors.NotSignedIn):
        await ours.user.me()
    with pytest.raises(errors.NotSignedIn):
        await theirs.access_token()
    assert world.asked == asked


@HOW
async def test_closed_and_never_saved(world: Any, how: str) -> None:
    """`aclose` tries a last time, says what was not saved, and has closed everything (B6, B13)."""
    a = await world.join()
    ours = await world.kept(a)
    _break(a.store, how, 3, on=True)
    if how == "loses":  # written, and never readable: nobody here knows that it is there
        a.store.fails = lambda n, _: n > 3
    pair = await ours.refresh()
    steps = len(a.store.steps)
    for _ in range(2):
        with pytest.raises(StoreError, match="1 sessions"):
            await a.auth.aclose()
    assert len(a.store.steps) == steps + 2
    assert ours.tokens is pair
    assert not a.auth._background._tasks
    assert all(http.closed for http in a.auth._transport._opened.values())
    a.store.heal()
    await a.auth.aclose()
    assert _kept(world).pair == pair


async def test_last_attempt(world: Any) -> None:
    """A store that is back when the client closes has the pair, and nothing is raised (B6)."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    _break(a.store, "fails", 3, on=True)
    pair = await ours.refresh()
    a.store.heal()
    await a.auth.aclose()
    assert (await b.get()).tokens == pair


async def test_store_that_hangs_at_close(world: Any, leap: Callable[[float], None]) -> None:
    """A store that does not answer does not keep `aclose` for ever (B13)."""
    a = await world.join()
    ours = await world.kept(a)
    _break(a.store, "fails", 3, on=True)
    await ours.refresh()
    a.store.heal()
    gate = a.store.pause("load")
    closing = asyncio.create_task(a.auth.aclose())
    await gate.arrived.wait()
    leap(11)
    with pytest.raises(StoreError):
        await closing


async def _cut_short(world: Any, turns: int) -> tuple[Any, Any]:
    """Cancel a refresh after so many turns, as a closing client does; return it and its session."""
    a = await world.join(sockets=False)
    ours = await world.kept(a)
    refreshing = asyncio.create_task(ours.refresh())
    await world.turn(turns)
    flight = a.flight(ours)
    if flight is not None:
        flight.task.cancel()
    await asyncio.gather(refreshing, return_exceptions=True)
    return a, ours


async def test_cancelled_at_each_await(open_world: Any) -> None:
    """Wherever a refresh is cut short, what the service gave is in the store or in memory (B6)."""
    cut: set[str] = set()
    for turns in range(30):
        async with open_world() as world:
            a, ours = await _cut_short(world, turns)
            rotated = world.emulator.spends == 1
            received = ours.tokens.refresh_token != _kept(world).pair.refresh_token or (
                not _kept(world).tries
            )
            await a.auth.aclose()
            kept = _kept(world)
            cut.add(f"{rotated} {kept.tries}")
            if rotated and received:
                assert world.lives(kept.pair.access_token)
                assert not kept.tries, turns
            elif rotated:
                assert kept.tries == 1, turns  # the answer was on its way: it says so
            b = await world.join()
            await _continues(world, await b.get(), kept, rotated=rotated)
    assert cut == {"False 0", "False 1", "True 1", "True 0"}


async def _continues(world: Any, session: Any, kept: Any, *, rotated: bool) -> None:
    """Go on after a restart in the one documented way."""
    world.clock.advance(7201)
    if kept.tries:
        await world.warned(session)
    if rotated and kept.tries:  # due by now: it is asked about, and the service has ended it
        with pytest.raises(errors.SessionEnded):
            await session.user.me()
    else:
        await session.user.me()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_restart_after_a_crash(world: Any, kind: Any) -> None:
    """A restart finds the claim: unknown until it is due, then recovered or ended (B4, B6)."""
    a = await world.join()
    ours = await world.kept(a)
    world.clock.advance(7201)
    world.emulator.faults.add("POST /token", kind)
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await ours.access_token()
    b = await world.join()
    theirs = await b.get()
    for _ in range(5):
        with pytest.raises(errors.RefreshOutcomeUnknown):
            await theirs.access_token()
        world.clock.advance(11)
    world.clock.advance(7)
    await world.warned(theirs)
    assert world.asked == 1
    if kind == "drop_before":
        assert world.lives(await theirs.access_token())
    else:
        with pytest.raises(errors.SessionEnded):
            await theirs.access_token()
    assert world.asked == 2


class _Readonly:
    """A store on which each write is refused: somebody is always first."""

    def __init__(self, disk: Any) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    async def replace(self, *_: Any, **__: Any) -> bool:
        """Write nothing."""
        return False


async def test_always_too_late(world: Any) -> None:
    """A writer that somebody always comes before gives up with a `StoreError`, in time (B12)."""
    a = await world.join()
    ours = await world.kept(a)
    a.auth.sessions._store = ours._owned.keeper._store = _Readonly(world.disk)
    with pytest.raises(errors.StoreBusy):
        await ours.refresh()
    with pytest.raises(errors.StoreBusy):
        await world.kept(a)
    assert world.asked == 0
