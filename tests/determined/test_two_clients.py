"""
Two clients that want the same new pair at once, and every accident at every step.

The lock makes it cheap and the generation makes it safe: here locks lapse and holders are stopped
in the middle, and still nobody overwrites what is newer.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors

# As long as a refresh token is left alone that somebody sent without learning what came.
UNTIL_DUE_SECONDS = 61.0
SEEDS = (None, 1, 2)


def test_lapsed(every: Any) -> None:
    """Wherever the lock lapses, one token is spent, and whoever cannot know says so (B2)."""

    async def judge(run: Any) -> None:
        run.refused_in_doubt()
        assert run.world.emulator.spends == 1
        await run.saved()
        assert run.world.presented_once(), "a refresh token was sent twice"

    every(lambda run: run.world.lapse(), judge, callers=2, seeds=SEEDS)


def test_one_is_killed(every: Any) -> None:
    """Wherever one client dies, the other one goes on, at a forgiving service (B11)."""

    async def judge(run: Any) -> None:
        [_, found], world = run.found, run.world
        assert isinstance(found, errors.RefreshOutcomeUnknown) or world.lives(found), found
        assert world.lives(await world.recovered(run.sessions[1]))
        assert world.lives(await world.recovered(await world.join().get()))

    every(lambda run: run.clients[0].kill(), judge, callers=2, seeds=SEEDS, grace_seconds=600)


@pytest.mark.parametrize("operation", range(5))
def test_one_has_a_failing_store(every: Any, operation: int) -> None:
    """Whatever fails at one client while the lock lapses, both go on with one pair (B6)."""

    def prepare(run: Any) -> None:
        run.clients[0].store.plan[operation] = "done"

    async def judge(run: Any) -> None:
        assert run.world.emulator.spends <= 1
        await run.saved()
        assert run.world.presented_once(), "a refresh token was sent twice"

    every(lambda run: run.world.lapse(), judge, callers=2, seeds=(None, 1), prepare=prepare)


@pytest.mark.parametrize("number", [0, 1])
def test_stopped_for_a_minute(every: Any, number: int) -> None:
    """Wherever a holder is stopped until others go on without it, it undoes nothing (B6)."""

    async def judge(run: Any) -> None:
        assert not isinstance(run.outcome, Exception), run.outcome
        await run.saved()

    def stop(run: Any) -> None:
        run.world.pause(number)
        run.does(_goes_on(run, run.sessions[1 - number]))

    every(stop, judge, callers=2, seeds=SEEDS, grace_seconds=600)


async def _goes_on(run: Any, other: Any) -> None:
    """Renew twice without the client that is stopped, and let it go on."""
    world = run.world
    world.lapse()
    world.clock.advance(UNTIL_DUE_SECONDS)
    await world.recovered(other)
    await other.refresh()
    newest = world.kept().pair
    world.pause(None)
    await asyncio.sleep(10)
    assert world.kept().pair == newest, "the holder that was stopped wrote over the newer pair"


def _stopped_while(number: int, work: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return an accident that stops one client until some other work is over."""

    def stop(run: Any) -> None:
        async def goes_on() -> Any:
            outcome = await work(run)
            run.world.pause(None)
            return outcome

        run.world.pause(number)
        run.does(goes_on())

    return stop


@pytest.mark.parametrize("number", [0, 1])
def test_stopped_during_a_sign_out(every: Any, number: int) -> None:
    """Wherever a holder is stopped while the other one signs out, it brings nothing back (B9)."""

    async def judge(run: Any) -> None:
        assert run.world.kept() is None, "the sign-out was undone"
        assert run.world.living == 0, "a pair outlived the sign-out"
        run.world.expire()
        for session in run.sessions:
            found = await run.world.recovered(session)
            assert isinstance(found, errors.NotSignedIn | errors.SessionEnded), found

    accident = _stopped_while(number, lambda run: run.sessions[1 - number].sign_out())
    every(accident, judge, callers=2, seeds=SEEDS)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("number", [0, 1])
def test_stopped_during_a_sign_in(every: Any, number: int, who: str) -> None:
    """Wherever a holder is stopped while the other one signs in anew, that stays (B8, B9)."""

    async def judge(run: Any) -> None:
        world, new, user = run.world, run.outcome, getattr(run.world, who)
        assert world.kept().pair.access_token == new.tokens.access_token, "it was overwritten"
        assert world.living == 1 or not run.came_too_late, "a pair that came too late lives on"
        world.expire()
        assert world.lives(await world.recovered(await world.join().get(), user))
        found = await world.recovered(run.sessions[number])
        assert world.lives(found) if who == "alice" else isinstance(found, errors.NotSignedIn)

    def sign_in(run: Any) -> Any:
        return run.world.signed_in(run.clients[1 - number], getattr(run.world, who))

    every(_stopped_while(number, sign_in), judge, callers=2, seeds=(None, 1))


@pytest.mark.parametrize("number", [0, 1])
def test_one_closes(every: Any, number: int) -> None:
    """Wherever one client is closed, the other one is served, and one token is spent."""

    async def judge(run: Any) -> None:
        world, found = run.world, run.found
        assert world.lives(found[1 - number]), found
        assert isinstance(found[number], errors.ClientClosed) or world.lives(found[number]), found
        assert world.emulator.spends == 1
        assert world.lives(await run.restarted())

    every(lambda run: run.does(run.clients[number].auth.aclose()), judge, callers=2, seeds=SEEDS)
