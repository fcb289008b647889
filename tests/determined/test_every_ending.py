"""A renewal of a kept session that is ended, replaced or closed before each of its steps."""

from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors

KEY = "the-key-of-alice"
OPERATIONS = 5


@pytest.mark.parametrize("reuse", ["refuse", "revoke_family"])
@pytest.mark.parametrize("number", [0, 1])
def test_signed_out(every: Any, number: int, reuse: str) -> None:
    """Wherever a sign-out comes, here or elsewhere, nothing of the session is left (B9)."""

    async def judge(run: Any) -> None:
        assert isinstance(run.found[0], str | errors.NotSignedIn), run.found
        assert run.outcome is None, run.outcome
        await _is_over(run)

    every(lambda run: run.does(run.sessions[number].sign_out()), judge, reuse=reuse)


async def _is_over(run: Any) -> None:
    """Check that a session is signed out everywhere."""
    world = run.world
    assert world.kept() is None, "the sign-out was undone"
    assert world.living == 0, "a pair outlived the sign-out"
    world.expire()
    for session in run.sessions:
        found = await world.recovered(session)
        assert isinstance(found, errors.NotSignedIn | errors.SessionEnded), found
    assert await world.join().auth.sessions.get(KEY) is None


def test_signed_out_and_sign_out_cancelled(every: Any) -> None:
    """A sign-out whose caller is cancelled at once goes on to its end all the same."""

    def accident(run: Any) -> None:
        run.does(run.sessions[0].sign_out())
        caller = run.world.tasks[-1]
        run.world.loop.call_soon(caller.cancel)

    async def judge(run: Any) -> None:
        await _is_over(run)

    # In the order they were asked for: the sign-out begins, then its caller is cancelled.
    every(accident, judge, seeds=(None,))


@pytest.mark.parametrize("operation", range(OPERATIONS))
def test_store_fails_and_signed_out(every: Any, operation: int) -> None:
    """A sign-out also ends what a failing store would not take, and what comes after it."""

    def prepare(run: Any) -> None:
        run.clients[0].store.plan[operation] = "undone"
        if operation == 3:  # and the attempt that follows at once, after a load
            run.clients[0].store.plan[5] = "undone"

    async def judge(run: Any) -> None:
        # What the store would not let go of, a second attempt takes away.
        if isinstance(run.outcome, errors.StoreError):
            await run.world.join().auth.sessions.drop(KEY)
        assert run.outcome is None or isinstance(run.outcome, errors.StoreError), run.outcome
        await _is_over(run)

    every(lambda run: run.does(run.sessions[0].sign_out()), judge, prepare=prepare, reuse="refuse")


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("number", [0, 1])
def test_signed_out_and_in(every: Any, number: int, who: str) -> None:
    """Wherever a sign-out and a new sign-in come together, the new one stays (B9)."""

    def accident(run: Any) -> None:
        run.world.start(run.sessions[0].sign_out(), "sign-out")
        run.does(run.world.signed_in(run.clients[number], getattr(run.world, who)))

    async def judge(run: Any) -> None:
        world, new = run.world, run.outcome
        # A session that was taken over by the same user's new sign-in goes with its sign-out.
        if new is run.sessions[0] or new._owned._pair is None:
            return
        assert world.kept() is not None, "the sign-out took the new sign-in away"
        assert world.kept().pair.access_token == new.tokens.access_token
        assert world.living == 1, "a pair outlived the sign-out"
        assert world.lives(await run.restarted(getattr(world, who)))

    every(accident, judge)


@pytest.mark.parametrize("number", [0, 1])
def test_dropped(every: Any, number: int) -> None:
    """Wherever a session is dropped it stays so, and a pair that came too late is revoked (B9)."""

    async def judge(run: Any) -> None:
        world = run.world
        assert isinstance(run.found[0], str | errors.NotSignedIn), run.found
        assert run.outcome is True
        assert world.kept() is None, "the drop was undone"
        assert world.living == 0 or not run.came_too_late, "a pair that came too late lives on"
        world.expire()
        assert isinstance(await world.recovered(run.sessions[0]), errors.NotSignedIn)
        assert await world.join().auth.sessions.get(KEY) is None

    every(lambda run: run.does(run.clients[number].auth.sessions.drop(KEY)), judge)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("number", [0, 1])
def test_new_sign_in(every: Any, number: int, who: str) -> None:
    """Wherever a new sign-in comes, of the same user or another, it stays (B8, B9)."""

    async def judge(run: Any) -> None:
        world, new, user = run.world, run.outcome, getattr(run.world, who)
        assert isinstance(run.found[0], str | errors.NotSignedIn), run.found
        assert world.kept().pair.access_token == new.tokens.access_token, "it was overwritten"
        assert world.lives(new.tokens.access_token)
        assert world.living == 1 or not run.came_too_late, "a pair that came too late lives on"
        world.expire()
        found = await world.recovered(run.sessions[0])
        assert world.lives(found) if who == "alice" else isinstance(found, errors.NotSignedIn)
        assert world.lives(await world.recovered(new, user))
        assert world.lives(await run.restarted(user))
        assert world.presented_once(), "a refresh token was sent twice"

    every(_put(number, who), judge)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_new_sign_in_and_flight_cancelled(every: Any, who: str) -> None:
    """A new sign-in stays though the refresh it overtook is cut short (B8)."""

    def accident(run: Any) -> None:
        _put(0, who)(run)
        run.clients[0].stop_flights()

    async def judge(run: Any) -> None:
        user = getattr(run.world, who)
        assert run.world.kept().pair.access_token == run.outcome.tokens.access_token
        assert run.world.lives(await run.world.recovered(run.outcome, user))
        assert run.world.lives(await run.restarted(user))

    every(accident, judge)


def _put(number: int, who: str) -> Callable[[Any], None]:
    def put(run: Any) -> None:
        run.does(run.world.signed_in(run.clients[number], getattr(run.world, who)))

    return put


@pytest.mark.parametrize("number", [0, 1])
def test_looked_at(every: Any, number: int) -> None:
    """Wherever a session is looked up, here or elsewhere, its user gets it, and it works on."""

    async def judge(run: Any) -> None:
        assert run.outcome is run.sessions[number], "it was made twice"
        assert run.world.lives(run.found[0]), run.found
        assert run.world.emulator.spends == 1
        await run.saved()

    every(lambda run: run.does(run.clients[number].get()), judge)


def test_closed(every: Any) -> None:
    """Wherever the client is closed, what was begun is finished, and a restart goes on (B29)."""

    async def judge(run: Any) -> None:
        world, found = run.world, run.found[0]
        assert run.outcome is None, run.outcome
        assert isinstance(found, errors.ClientClosed) or world.lives(found), found
        assert not run.clients[0].unsaved()
        assert world.emulator.spends == len(run.answered)
        assert world.lives(await run.restarted())
        assert world.presented_once(), "a refresh token was sent twice"

    every(lambda run: run.does(run.clients[0].auth.aclose()), judge)


def test_session_closed(every: Any) -> None:
    """Wherever the session is closed, a refresh that was begun is waited for and kept."""

    async def judge(run: Any) -> None:
        found = run.found[0]
        assert isinstance(found, errors.ClientClosed) or run.world.lives(found), found
        assert run.world.lives(await run.restarted())
        assert run.world.presented_once(), "a refresh token was sent twice"

    every(lambda run: run.does(run.sessions[0].aclose()), judge)
