"""
One renewal of a kept session, with a cancellation or a failure before or in each of its steps.

Afterwards nothing may be lost, left over or sent twice, and a restart must find the session.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloudbase_auth_async import errors

ORDERS = (None, 1, 2)
# As long as a refresh token is left alone that somebody sent without learning what came.
UNTIL_DUE_SECONDS = 60.0


def _operations(play: Callable[..., Any], scene: Any) -> Iterator[tuple[int, str]]:
    """Yield each operation of a renewal's store, as failing undone and as done but unanswered."""
    counted = scene()
    play(counted)
    names = counted.clients[0].store.asked
    assert names == ["lock", "load", "replace", "replace", "unlock"]
    return itertools.product(range(len(names)), ("undone", "done"))


def _failing(number: int, way: str, *more: int) -> Callable[[Any], None]:
    """Return what has an operation of the first client's store fail."""

    def prepare(run: Any) -> None:
        run.clients[0].store.plan[number] = way
        if number == 3:  # and the attempt that follows at once, after a load; and more
            run.clients[0].store.plan |= dict.fromkeys((5, *more), way)

    return prepare


def _cancel_caller(run: Any) -> None:
    run.tasks[0].cancel()


def _stop_flights(run: Any) -> None:
    run.clients[0].stop_flights()


def _kill(run: Any) -> None:
    run.clients[0].kill()
    run.tasks[0].cancel()


# Callers and flights that are cancelled


def test_caller_cancelled(every: Any) -> None:
    """Wherever the only caller is cancelled, the pair is bought, kept and good (B5, B32)."""

    async def judge(run: Any) -> None:
        assert run.found[0] is None or run.world.lives(run.found[0])
        assert run.world.emulator.spends <= 1
        await run.saved()
        assert run.world.presented_once(), "a refresh token was sent twice"

    every(_cancel_caller, judge)


def test_one_of_two_callers_cancelled(every: Any) -> None:
    """Wherever one caller is cancelled, the other one gets a token that is in the store (B5)."""

    async def judge(run: Any) -> None:
        assert run.told == [True], "told before the pair was in the store"
        assert run.world.emulator.spends == 1
        await run.saved()

    def prepare(run: Any) -> None:
        async def other() -> None:
            token = await run.world.served(run.sessions[0])
            run.told.append(run.world.kept().pair.access_token == token)

        run.world.start(other(), "other caller")

    every(_cancel_caller, judge, prepare=prepare)


async def _cut_short(run: Any) -> None:
    """Judge a flight that was cancelled, at a service that forgives."""
    [found, _], world = run.found, run.world
    if run.answered:
        assert world.lives(found), "an answer was thrown away"
    elif world.emulator.spends and not isinstance(found, str):
        assert isinstance(found, errors.RefreshOutcomeUnknown), found
    await run.saved()


def test_flight_cancelled_with_grace(every: Any) -> None:
    """Wherever a refresh is cut short, what was answered is kept, and the rest is got again."""
    every(_stop_flights, _cut_short, grace_seconds=600)


def test_flight_cancelled_without_grace(every: Any) -> None:
    """A refresh that is cut short costs the session only if the service's answer was lost (B4)."""

    async def judge(run: Any) -> None:
        if run.answered or not run.world.emulator.spends:
            await _cut_short(run)
            return
        assert isinstance(run.found[0], errors.RefreshOutcomeUnknown), run.found
        ended = await run.world.recovered(run.sessions[0])
        assert isinstance(ended, errors.SessionEnded), ended
        restarted = await run.world.recovered(await run.world.join().get())
        assert isinstance(restarted, errors.SessionEnded), restarted

    every(_stop_flights, judge)


def test_killed(every: Any) -> None:
    """Wherever a process dies, the next one finds the session, at a forgiving service (B29)."""

    async def judge(run: Any) -> None:
        session = await run.world.join().get()
        assert run.world.lives(await run.world.recovered(session))

    every(_kill, judge, grace_seconds=600)


# A store that fails


@pytest.mark.parametrize("seed", ORDERS)
def test_store_fails(play: Callable[..., Any], scene: Any, seed: int | None) -> None:
    """Whichever operation of the store fails, done or undone, one token is spent and kept."""

    async def judge(run: Any) -> None:
        found = run.found[0]
        assert isinstance(found, errors.StoreError) or run.world.lives(found), found
        assert run.world.emulator.spends == len(run.answered) <= 1
        began = run.world.clock.monotonic()
        assert run.world.lives(await run.world.recovered(run.sessions[0]))
        waited = run.world.clock.monotonic() - began
        assert waited < UNTIL_DUE_SECONDS / 2, "its own claim was taken for a token that was sent"
        await run.saved()
        assert run.world.presented_once(), "a refresh token was sent twice"

    for number, way in _operations(play, scene):
        play(scene(judge, prepare=_failing(number, way, 7)), seed=seed)


def test_store_fails_and_process_restarts(play: Callable[..., Any], scene: Any) -> None:
    """Whichever operation fails, a process that starts then finds the session, too (B29)."""

    async def judge(run: Any) -> None:
        assert run.world.lives(await run.restarted())
        assert run.world.presented_once(), "a refresh token was sent twice"

    for number, way in _operations(play, scene):
        play(scene(judge, prepare=_failing(number, way)))


def test_store_fails_and_flight_cancelled(play: Callable[..., Any], scene: Any, every: Any) -> None:
    """A store that fails and a refresh that is cut short together lose no pair that came."""
    for number, way in _operations(play, scene):
        prepare = _failing(number, way)
        every(_stop_flights, _cut_short, seeds=(None,), prepare=prepare, grace_seconds=600)


def test_store_fails_and_client_closed(play: Callable[..., Any], scene: Any, every: Any) -> None:
    """A store that fails once and a client that is closed together lose no pair that came."""

    async def judge(run: Any) -> None:
        assert run.outcome is None, run.outcome
        assert not run.clients[0].unsaved()
        assert run.world.lives(await run.restarted())
        assert run.world.presented_once(), "a refresh token was sent twice"

    for number, way in _operations(play, scene):
        every(
            lambda run: run.does(run.clients[0].auth.aclose()),
            judge,
            seeds=(None,),
            prepare=_failing(number, way),
        )


# Hooks and receivers that fail


@pytest.mark.parametrize("seed", ORDERS)
def test_hooks_fail(play: Callable[..., Any], scene: Any, seed: int | None) -> None:
    """A hook runs after the commit and under no lock, and what it raises hurts nobody."""

    def prepare(run: Any) -> None:
        def hook(pair: Any) -> None:
            kept = run.world.kept().pair.access_token
            run.told.append((run.world.locked(), kept, pair.access_token))
            raise ZeroDivisionError

        run.told.append(run.sessions[0].on_change(hook))

    async def judge(run: Any) -> None:
        [remove, (locked, kept, told)] = run.told
        assert not locked
        assert kept == told == run.found[0]
        remove()
        await run.saved()

    play(scene(judge, prepare=prepare), seed=seed, troubles=1)


@pytest.mark.parametrize("seed", ORDERS)
def test_receivers_fail(play: Callable[..., Any], scene: Any, seed: int | None) -> None:
    """A receiver of events that raises each time hurts nobody."""

    def receiver(_: Any) -> None:
        raise ZeroDivisionError

    async def judge(run: Any) -> None:
        assert run.world.lives(run.found[0])
        heard, run.world.loop.troubles = run.world.loop.troubles, []
        assert len(heard) >= 2
        run.clients[0].auth._rooms.stream._receiver = None
        await run.saved()

    def prepare(run: Any) -> None:
        run.clients[0].auth._rooms.stream._receiver = receiver

    play(scene(judge, prepare=prepare), seed=seed)
