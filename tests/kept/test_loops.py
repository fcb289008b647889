"""Promise 13: a second loop or a fork keeps the pair and drops the rest; a thread is told."""

import asyncio
import json
import os
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, ManualClock

KEY = "the-key-of-alice"
PASSWORD = "Passw0rd!"
LONGEST_SECONDS = 60
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def emulator() -> Emulator:
    """Return a service without sockets: it may be used in any loop."""
    service = Emulator(clock=ManualClock(), algorithm="HS256")
    service.add_user(username="alice", password=PASSWORD)
    return service


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run in a loop of its own, for a bounded time, and see that nothing fails unseen."""
    troubles: list[Any] = []

    async def bounded() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, it: troubles.append(it))
        async with asyncio.timeout(LONGEST_SECONDS):
            return await work

    result = asyncio.run(bounded())
    assert not troubles, troubles
    return result


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    while not condition():  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0)


def leave_a_loop_behind(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run in a loop that is then closed as it is, with whatever is under way in it."""
    loop = asyncio.new_event_loop()
    result = loop.run_until_complete(asyncio.wait_for(work(), LONGEST_SECONDS))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined] # that is the accident
    loop.close()
    return result


async def kept(auth: AuthClient) -> Any:
    """Sign in and keep the session."""
    return await auth.sessions.put(KEY, await auth.sign_in.password("alice", PASSWORD))


async def contention(emulator: Emulator, auth: AuthClient) -> Any:
    """Let twenty callers meet a dead token."""
    session = await auth.sessions.get(KEY) or await kept(auth)
    emulator.clock.advance(7201)
    await asyncio.gather(*(session.user.me() for _ in range(20)))
    return session


def test_two_loops(emulator: Emulator) -> None:
    """`asyncio.run` twice, with contention both times, costs a spend each (B15)."""
    auth = emulator.memory_client()
    first = run(contention(emulator, auth))
    second = run(contention(emulator, auth))
    assert first is second
    emulator.assert_spends(2)
    run(auth.aclose())


def test_two_loops_with_sockets() -> None:
    """The same between sockets: those of the first loop are forgotten (B15)."""
    clock = ManualClock()
    store = MemoryStore()
    emulator = Emulator(clock=clock, algorithm="HS256")
    emulator.add_user(username="alice", password=PASSWORD)
    clients: list[AuthClient] = []

    async def once() -> None:
        async with emulator:
            auth = clients[0] if clients else emulator.client(store=store)
            clients[:] = [auth]
            await contention(emulator, auth)
            await auth._transport.aclose()
            auth._transport._closed = False  # type: ignore[attr-defined] # another port next time

    run(once())
    emulator.assert_spends(1)
    run(clients[0].aclose())


async def _begun(emulator: Emulator, session: Any) -> asyncio.Task[Any]:
    """Begin a refresh, and return when the service has it in hand."""
    held = emulator.faults.add("POST /token", "hold", when="after")
    emulator.clock.advance(7201)
    caller = asyncio.create_task(session.access_token())
    await held.arrived
    return caller


def _left_in_the_middle(
    emulator: Emulator, auth: AuthClient, keep: list[Any], kind: str = "kept"
) -> Any:
    async def work() -> Any:
        session = await kept(auth)
        if kind != "kept":
            session = auth.session(session.tokens)
            await auth.sessions.drop(KEY)
        keep.append(await _begun(emulator, session))
        return session

    return leave_a_loop_behind(work)


@pytest.mark.parametrize("kind", ["kept", "not kept"])
def test_loop_closed_in_the_middle(emulator: Emulator, kind: str) -> None:
    """A refresh whose loop was closed over it is unknown in the next, then asked about (B15)."""
    auth, keep = emulator.memory_client(), list[Any]()
    session = _left_in_the_middle(emulator, auth, keep, kind)

    async def later() -> None:
        for _ in range(3):
            with pytest.raises(errors.RefreshOutcomeUnknown):
                await session.access_token()
        assert session.tokens.sub
        assert emulator.refresh_attempts == 1
        emulator.clock.advance(61)
        with pytest.raises(errors.SessionEnded):  # the service had rotated
            await session.access_token()
        again = await kept(auth)
        assert (again is session) == (kind == "kept")
        assert (await again.user.me()).sub
        await auth.aclose()

    run(later())
    keep.clear()


def test_close_after_a_loop_was_left(emulator: Emulator) -> None:
    """`aclose` in the next loop neither hangs nor raises, and wakes nobody of the first (B13)."""
    auth, keep = emulator.memory_client(), list[Any]()
    session = _left_in_the_middle(emulator, auth, keep)
    run(auth.aclose())
    run(auth.aclose())
    assert session.tokens.sub
    assert not keep[0].done()
    keep.clear()


def test_unsaved_pair_in_the_next_loop(emulator: Emulator) -> None:
    """A pair that the store would not take is offered to it again in the next loop (B6, B15)."""
    auth, disk = emulator.memory_client(), MemoryStore()
    broken = _Broken(disk)
    auth.sessions._store = broken  # type: ignore[assignment] # it lacks what is not used here

    async def first() -> Any:
        session = await kept(auth)
        broken.broken = True
        await session.refresh()
        return session

    session = run(first())
    broken.broken = False

    async def second() -> None:
        assert await auth.sessions.get(KEY) is session
        await until(lambda: not auth._exchange.saving._unsaved)
        assert broken.saved == 3
        await auth.aclose()

    run(second())


class _Broken:
    """A store that takes a claim, and what comes after it only when it is whole."""

    def __init__(self, disk: MemoryStore) -> None:
        self._disk = disk
        self.broken = False
        self.saved = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    async def replace(self, key: str, record: Any, **options: Any) -> bool:
        """Write, perhaps."""
        if self.broken and self.saved > 1:
            raise errors.StoreError("broken")
        self.saved += 1
        return await self._disk.replace(key, record, **options)


async def _use(auth: AuthClient, session: Any, what: str) -> None:
    uses: dict[str, Callable[[], Any]] = {
        "get": lambda: auth.sessions.get(KEY),
        "put": lambda: auth.sessions.put(KEY, session.tokens),
        "drop": lambda: auth.sessions.drop(KEY),
        "refresh": session.refresh,
        "call": session.access_token,
        "renew": auth.sessions.renew_in_background,
        "close": auth.aclose,
    }
    await uses[what]()


@pytest.mark.parametrize("what", ["get", "put", "drop", "refresh", "call", "close", "renew"])
def test_foreign_thread(emulator: Emulator, what: str) -> None:
    """Use in another thread while the first loop lives is a clear error, and harms nothing."""
    auth = emulator.memory_client()

    async def here() -> None:
        session = await kept(auth)
        emulator.clock.advance(7201)
        outcome: list[Exception] = []

        def thread() -> None:
            try:
                asyncio.run(_use(auth, session, what))
            except Exception as failure:  # noqa: BLE001 - it is looked at below
                outcome.append(failure)

        other = threading.Thread(target=thread)
        other.start()
        await asyncio.to_thread(other.join)
        assert isinstance(outcome[0], errors.ClientClosed)
        assert "event loop" in str(outcome[0])
        await session.user.me()
        emulator.assert_spends(1)
        await auth.aclose()

    run(here())


def test_hooks_events_and_renewal_in_the_next_loop(emulator: Emulator) -> None:
    """Hooks, events and background renewal go on in the second loop (B15, B40)."""
    news: list[Any] = []
    events: list[Any] = []
    auth = emulator.memory_client(on_event=events.append)

    async def once(session: Any = None) -> Any:
        if session is None:
            session = await kept(auth)
            session.on_change(news.append)
            auth.sessions.renew_in_background()
        count = len(news)
        emulator.clock.advance(6950)
        assert (await session.user.me()).sub
        await until(lambda: len(news) > count)
        assert [task.get_name() for task in auth._background._idle] == ["cloudbase-auth renewal"]
        return session

    session = run(once())
    news.clear()
    emulator.clock.advance(7201)
    run(once(session))
    assert any(isinstance(event, told.RefreshCommitted) for event in events)
    run(auth.aclose())
    assert not auth._background._tasks


def in_a_child(
    work: Callable[[], Coroutine[Any, Any, Any]], loop: asyncio.AbstractEventLoop | None = None
) -> Any:
    """Fork, run something in the child, in a loop of its own or a copy, and return its result."""
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        result = "ended early"
        try:
            # Never closed: what is the parent's stays as it is.
            loop = loop or asyncio.new_event_loop()
            result = loop.run_until_complete(asyncio.wait_for(work(), LONGEST_SECONDS))
        except Exception as failure:  # noqa: BLE001 - told to the parent
            result = f"{type(failure).__name__}: {failure}"
        finally:  # whatever happens: there must not be two test runs
            os.write(write_end, json.dumps(result).encode())
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        result = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return result


@forks
def test_children_part_ways(emulator: Emulator) -> None:
    """Two children of one fork server do not pause for the same time again and again (B19)."""
    auth = emulator.memory_client()
    session = run(kept(auth))

    async def child() -> list[float]:
        await session.user.me()
        await session.refresh()
        return [auth._caller.jitter.random() for _ in range(3)]

    assert in_a_child(child) != in_a_child(child)
    run(auth.aclose())


@forks
def test_fork_between_loops(emulator: Emulator) -> None:
    """A child forked between two loops has the pair and can use it (B15)."""
    auth = emulator.memory_client()
    session = run(kept(auth))
    refresh_token = session.tokens.refresh_token

    async def child() -> list[Any]:
        emulator.clock.advance(7201)
        sub = (await session.user.me()).sub
        await auth.aclose()
        return [sub, session.tokens.refresh_token != refresh_token, emulator.spends]

    assert in_a_child(child) == [session.tokens.sub, True, 1]
    assert session.tokens.refresh_token == refresh_token  # the parent has a life of its own
    run(contention(emulator, auth))
    run(auth.aclose())


@forks
@pytest.mark.parametrize("sockets", [True, False])
def test_fork_in_the_middle(emulator: Emulator, sockets: bool) -> None:  # noqa: FBT001
    """A child forked during a refresh has the pair and no refresh; the parent's goes on (B15)."""

    async def parent(auth: AuthClient) -> None:
        async with auth:
            session = await kept(auth)
            caller = await _begun(emulator, session)
            assert _what_a_child_sees(auth, session) == ["RefreshOutcomeUnknown", True, 0]
            emulator.faults.release()
            await caller
            await session.user.me()
            emulator.assert_spends(1)

    async def with_sockets() -> None:
        async with emulator:
            await parent(emulator.client())

    run(with_sockets() if sockets else parent(emulator.memory_client()))


@forks
def test_fork_with_a_copy_of_the_loop(emulator: Emulator) -> None:
    """A child that goes on in its copy of the parent's loop drops the refresh, too (B15)."""
    auth = emulator.memory_client()
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(kept(auth))
    caller = loop.run_until_complete(_begun(emulator, session))
    assert _what_a_child_sees(auth, session, loop) == ["RefreshOutcomeUnknown", True, 0]
    emulator.faults.release()
    loop.run_until_complete(caller)
    emulator.assert_spends(1)
    loop.run_until_complete(auth.aclose())
    loop.close()


def _what_a_child_sees(
    auth: AuthClient, session: Any, loop: asyncio.AbstractEventLoop | None = None
) -> Any:
    async def child() -> list[Any]:
        try:
            await session.access_token()
            outcome = "served"
        except errors.CloudBaseAuthError as failure:
            outcome = type(failure).__name__
        await auth.aclose()
        return [outcome, bool(session.tokens.refresh_token), len(auth._exchange._flights)]

    return in_a_child(child, loop)
