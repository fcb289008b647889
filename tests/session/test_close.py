"""Promise 14: close is clean, at whatever moment it comes."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors

# What `close_timeout` is in these worlds: nothing that ends at all takes so long.
CLOSE_SECONDS = 10
LONG_SECONDS = 15


@pytest.fixture
async def clean(world: Any) -> AsyncIterator[Any]:
    """Return a world; after the test no task, socket or unseen warning of its client is left."""
    yield world
    assert not world.auth._background._tasks
    for http in world.auth._transport._opened.values():
        assert http is None or http.closed
    gc.collect()


async def _closed_at_once(*closing: Any) -> None:
    """Close, waiting for nothing that time would have to end."""
    async with asyncio.timeout(CLOSE_SECONDS - 1):
        await asyncio.gather(*closing)


async def _given_up(auth: Any, leap: Callable[[float], None]) -> None:
    """Close, with something under way that does not end by itself; let the time allowed pass."""
    closing = asyncio.create_task(auth.aclose())
    for _ in range(20):  # in this loop alone, until all who close wait
        await asyncio.sleep(0)
    assert auth._background.closing
    assert not auth._background.closed
    leap(CLOSE_SECONDS + 1)
    await closing


async def test_idle(clean: Any) -> None:
    """An idle client closes at once; its sessions' tokens stay readable (B13)."""
    session = await clean.session()
    await session.user.me()
    await _closed_at_once(clean.auth.aclose())
    assert session.tokens.access_token
    for call in (session.refresh, session.user.me, session.sign_out):
        with pytest.raises(errors.ClientClosed):
            await call()


async def test_never_used(clean: Any) -> None:
    """A client that made no call closes, too (B14)."""
    await clean.auth.aclose()


async def test_twice_and_at_once(clean: Any) -> None:
    """Closing again, or from many tasks, is no error (B13)."""
    await clean.session()
    await _closed_at_once(*(clean.auth.aclose() for _ in range(5)))
    await clean.auth.aclose()


async def test_refresh_that_finishes(clean: Any) -> None:
    """A refresh under way may finish: its pair is in the session when close returns (B13)."""
    session = await clean.session()
    old = session.tokens
    held = clean.emulator.faults.add("POST /token", "hold")
    clean.clock.advance(7201)
    caller = asyncio.create_task(session.access_token())
    await held.arrived
    closing = asyncio.create_task(clean.auth.aclose())
    await asyncio.sleep(0)
    held.release()
    await closing
    assert await caller == session.tokens.access_token != old.access_token


async def test_refresh_that_does_not_finish(clean: Any, leap: Callable[[float], None]) -> None:
    """After the time allowed, waiters of a held refresh get a typed error (B13)."""
    session = await clean.session()
    kept = session.tokens
    held = clean.emulator.faults.add("POST /token", "hold")
    clean.clock.advance(7201)
    callers = [asyncio.create_task(session.access_token()) for _ in range(10)]
    callers += [asyncio.create_task(session.refresh())]
    await held.arrived
    await _given_up(clean.auth, leap)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.RefreshOutcomeUnknown}
    assert session.tokens is kept


async def test_user_call_under_way(clean: Any) -> None:
    """A user call that close cuts off ends in a typed error (B13)."""
    session = await clean.session()
    held = clean.emulator.faults.add("GET /user/me", "hold")
    caller = asyncio.create_task(session.user.me())
    await held.arrived
    await _closed_at_once(clean.auth.aclose())
    with pytest.raises(errors.CloudBaseAuthError):
        await caller


@pytest.mark.parametrize("route", ["POST /revoke", "POST /token"])
async def test_sign_out_that_does_not_finish(
    clean: Any, route: str, leap: Callable[[float], None]
) -> None:
    """A sign-out that close cuts off says so, and the tokens are gone (B13)."""
    session = await clean.session()
    held = clean.emulator.faults.add(route, "hold")
    clean.clock.advance(7201 if route == "POST /token" else 0)
    leaving = asyncio.create_task(session.sign_out())
    await held.arrived
    await _given_up(clean.auth, leap)
    with pytest.raises(errors.ClientClosed):
        await leaving
    with pytest.raises(errors.NotSignedIn):
        _ = session.tokens


@pytest.mark.parametrize("ends", [True, False])
async def test_hook_under_way(clean: Any, leap: Callable[[float], None], *, ends: bool) -> None:
    """A hook may finish in the time allowed, and is cancelled after it (B13)."""
    session = await clean.session()
    told: list[str] = []

    async def hook(_: Any) -> None:
        told.append("began")
        try:
            await asyncio.sleep(0.01 if ends else 100)
            told.append("finished")
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    session.on_change(hook)
    await session.refresh()
    await (_closed_at_once(clean.auth.aclose()) if ends else _given_up(clean.auth, leap))
    assert told == ["began", "finished" if ends else "cancelled"]


async def test_hook_that_cleans_up(clean: Any, leap: Callable[[float], None]) -> None:
    """Close waits for what a cancelled hook still has to put away (B13)."""
    session = await clean.session()
    told: list[str] = []

    async def hook(_: Any) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            for _ in range(50):  # of the second that close waits for a hook it has cancelled
                await asyncio.sleep(0)
            told.append("cleaned up")

    session.on_change(hook)
    await session.refresh()
    await _given_up(clean.auth, leap)
    assert told == ["cleaned up"]


async def test_closed_by_a_hook(clean: Any) -> None:
    """A hook that closes the client closes it, and does not wait for itself (B10, B13)."""
    session = await clean.session()
    closed = asyncio.Event()

    async def hook(_: Any) -> None:
        await clean.auth.aclose()
        closed.set()

    session.on_change(hook)
    await session.refresh()
    async with asyncio.timeout(CLOSE_SECONDS - 1):
        await closed.wait()
    await clean.auth.aclose()
    with pytest.raises(errors.ClientClosed):
        await session.user.me()


async def test_closed_by_two_hooks_and_their_client(
    clean: Any, leap: Callable[[float], None]
) -> None:
    """Two hooks and the program closing at the same moment all come to an end (B13)."""
    sessions = [await clean.session("alice"), await clean.session("bob")]
    for session in sessions:
        session.on_change(lambda _: clean.auth.aclose())
    await asyncio.gather(*(session.refresh() for session in sessions))
    # Each hook waits for the other one, as long as close may.
    await _given_up(clean.auth, leap)


async def test_close_at_each_moment_of_a_refresh(open_world: Any) -> None:
    """Wherever in a refresh close comes, the caller gets a token or a typed error (B13)."""
    for turns in range(25):
        async with open_world() as world:
            session = await world.session()
            world.clock.advance(7201)
            caller = asyncio.create_task(session.user.me())
            for _ in range(turns):
                await asyncio.sleep(0)
            await _closed_at_once(world.auth.aclose())
            outcome = (await asyncio.gather(caller, return_exceptions=True))[0]
            good = isinstance(outcome, errors.CloudBaseAuthError) or hasattr(outcome, "sub")
            assert good, (turns, outcome)
            assert session.tokens.sub


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_cancelled_close(clean: Any, turns: int) -> None:
    """When close itself is cancelled, nobody who waits for a refresh is left hanging (B5, B13)."""
    alice, bob = await clean.session("alice"), await clean.session("bob")
    held = clean.emulator.faults.add("POST /token", "hold", times=2)
    clean.clock.advance(7201)
    first = asyncio.create_task(alice.access_token())
    await held.arrived
    closing = asyncio.create_task(clean.auth.aclose())
    await asyncio.sleep(0)
    second = asyncio.create_task(bob.access_token())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    done, hanging = await asyncio.wait({first, second, closing}, timeout=LONG_SECONDS)
    for task in hanging:
        task.cancel()
    await asyncio.gather(first, second, closing, return_exceptions=True)
    assert not hanging
    assert all(isinstance(task.exception(), errors.CloudBaseAuthError) for task in done - {closing})


async def test_refresh_that_begins_as_time_runs_out(
    clean: Any, leap: Callable[[float], None]
) -> None:
    """A refresh begun in the very turn in which close gives up leaves nobody hanging (B13)."""
    alice, bob = await clean.session("alice"), await clean.session("bob")
    held = clean.emulator.faults.add("POST /token", "hold", times=2)
    clean.clock.advance(7201)
    first = asyncio.create_task(alice.access_token())
    await held.arrived
    began = asyncio.get_running_loop().create_future()
    closing = asyncio.create_task(clean.auth.aclose())

    def start() -> None:
        began.set_result(asyncio.create_task(bob.access_token()))

    asyncio.get_running_loop().call_later(CLOSE_SECONDS, start)
    while not clean.auth._background.closing:  # noqa: ASYNC110 - sets no event
        await asyncio.sleep(0)
    leap(CLOSE_SECONDS + 1)
    second = await began
    done, hanging = await asyncio.wait({first, second, closing}, timeout=LONG_SECONDS)
    for task in hanging:
        task.cancel()
    await asyncio.gather(first, second, closing, return_exceptions=True)
    assert not hanging
    assert len(done) == 3


async def test_session_closes_alone(world: Any) -> None:
    """A session waits for its own refresh, and leaves other sessions and the client alone."""
    alice, bob = await world.session("alice"), await world.session("bob")
    held = world.emulator.faults.add("POST /token", "hold")
    old = alice.tokens
    caller = asyncio.create_task(alice.refresh())
    await held.arrived
    closing = asyncio.create_task(alice.aclose())
    await asyncio.sleep(0.01)  # a window in which it must not end
    assert not closing.done()
    with pytest.raises(errors.ClientClosed):
        await alice.access_token()
    held.release()
    await closing
    assert await caller is alice.tokens is not old
    await alice.aclose()
    await bob.user.me()


async def test_signed_out_session_closes(world: Any) -> None:
    """Closing after a sign-out is no error, and signing out of it again does nothing."""
    session = await world.session()
    await session.sign_out()
    await session.aclose()
    await session.sign_out()


async def test_borrowed_session_stays_open(world: Any) -> None:
    """What was borrowed is not closed, what was made is (B14)."""
    import aiohttp  # noqa: PLC0415 - the only test here that borrows

    async with aiohttp.ClientSession() as http:
        async with world.emulator.client(http=http) as auth:
            session = auth.session(await auth.sign_in.password("alice", "Passw0rd!"))
            await session.refresh()
            await session.user.me()
        assert not http.closed


async def test_too_late(clean: Any) -> None:
    """Work that comes after the close is refused, closed unrun, and leaves no trace (B13)."""
    session = await clean.session()
    await clean.auth.aclose()
    with pytest.raises(errors.ClientClosed):
        session._owned._exchange.join("a refresh token", session._owned)
    assert session._owned._exchange.under_way("a refresh token") is None
    session._owned._announcer.add(print)
    session._owned._announcer.tell(None)


async def test_bug_in_the_background(clean: Any) -> None:
    """A failure that none of our own errors tells of reaches the loop's handler (B40)."""

    async def bug() -> None:
        raise LookupError("ours")

    task = clean.auth._background.spawn(bug(), name="a bug")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert [str(trouble["exception"]) for trouble in clean.troubles] == ["ours"]
    clean.troubles.clear()


async def test_a_closed_client_is_not_entered_again(world: Any) -> None:
    """A client that each request enters anew says so at once, and not at its first call."""
    await world.auth.aclose()
    with pytest.raises(errors.ClientClosed, match="for the length of the program"):
        await world.auth.__aenter__()
