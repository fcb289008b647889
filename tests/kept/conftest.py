"""What the tests of kept sessions share: several clients of one service, on one store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async import events as told
from cloudbase_auth_async.errors import RefreshOutcomeUnknown, StoreError
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.stores._turns import Turns
from cloudbase_auth_async.stores.base import Lease, Record
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, Entry, ManualClock, Request

PASSWORD = "Passw0rd!"
KEY = "the-key-of-alice"


class StillClock(ManualClock):
    """A clock that stands still for sleepers, too: only `advance` wakes them."""

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody has moved the clock so far."""
        deadline = self.monotonic() + seconds
        await asyncio.sleep(0)
        while self.monotonic() < deadline:
            moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.add(moved)
            try:
                await moved
            finally:
                self._sleepers.discard(moved)


@attrs.define(eq=False)
class Gate:
    """Where an operation of a store waits: before it is done, or with its answer on the way."""

    arrived: asyncio.Event = attrs.field(factory=asyncio.Event)
    released: asyncio.Event = attrs.field(factory=asyncio.Event)


class FlakyStore:
    """
    One process's way to a store that others share, with accidents on it.

    Attributes:
        disk: what is shared.
        steps: the operations so far: lock, load, replace, remove and unlock.
        fails: told the number and name of an operation, whether it fails undone.
        loses: likewise, whether it is done and its answer lost.
    """

    def __init__(self, disk: MemoryStore) -> None:
        self.disk = disk
        self.heal()

    def heal(self) -> None:
        """End all accidents, let go what waits, and count anew."""
        for gate in getattr(self, "_gates", {}).values():
            gate.released.set()
        self.steps: list[str] = []
        self.fails: Callable[[int, str], bool] = lambda _, __: False
        self.loses: Callable[[int, str], bool] = lambda _, __: False
        self._gates: dict[tuple[str, bool], Gate] = {}

    def down(self) -> None:
        """Fail whatever is asked."""
        self.fails = lambda _, __: True

    def pause(self, step: str, *, done: bool = False) -> Gate:
        """Have the next operation of that name wait: before it, or with its answer."""
        gate = self._gates[step, done] = Gate()
        return gate

    def lapse(self) -> None:
        """Let every lock lapse: whoever comes next gets it, and its holder does not notice."""
        self.disk._turns = Turns()

    @contextlib.asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[None]:
        number = len(self.steps)
        self.steps.append(name)
        await self._wait(name, done=False)
        await asyncio.sleep(0)
        if self.fails(number, name):
            raise StoreError("flaky: not to be reached")
        yield
        await self._wait(name, done=True)
        await asyncio.sleep(0)
        if self.loses(number, name):
            raise StoreError("flaky: the answer was lost")

    async def _wait(self, name: str, *, done: bool) -> None:
        gate = self._gates.pop((name, done), None)
        if gate is not None:
            gate.arrived.set()
            await gate.released.wait()

    async def load(self, key: str) -> Record | None:
        """Load."""
        async with self._step("load"):
            return await self.disk.load(key)

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Replace."""
        async with self._step("replace"):
            return await self.disk.replace(key, record, expected=expected, lease=lease)

    async def remove(self, key: str, *, expected: int) -> bool:
        """Remove."""
        async with self._step("remove"):
            return await self.disk.remove(key, expected=expected)

    @contextlib.asynccontextmanager
    async def lock(
        self, key: str, *, wait_seconds: float, hold_seconds: float
    ) -> AsyncIterator[Lease]:
        """Lock."""
        async with self._step("lock"):
            pass
        async with self.disk.lock(key, wait_seconds=wait_seconds, hold_seconds=hold_seconds) as it:
            yield it
        async with self._step("unlock"):
            pass

    def keys(self) -> AsyncIterator[str]:
        """List."""
        return self.disk.keys()

    async def aclose(self) -> None:
        """Do nothing."""


@attrs.define(eq=False)
class Process:
    """One client with its own way to the store; stands for a process."""

    auth: AuthClient
    store: FlakyStore
    events: list[told.Event]

    async def get(self, key: str = KEY) -> TokenSession:
        """Return a session that must be there."""
        session = await self.auth.sessions.get(key)
        assert session is not None
        return session

    def told(self, kind: type[told.Event]) -> list[Any]:
        """Return the events of a kind so far."""
        return [event for event in self.events if type(event) is kind]

    def flight(self, session: TokenSession) -> Any:
        """Return the refresh of a session that is under way."""
        return self.auth._exchange.under_way(session.tokens.refresh_token)


@attrs.define(eq=False)
class World:
    """
    A service with the users alice and bob, and clients of it that share a store.

    Attributes:
        troubles: what reached the event loop's exception handler; must be empty in the end.
    """

    emulator: Emulator
    clock: ManualClock
    troubles: list[Mapping[str, Any]]
    stack: contextlib.AsyncExitStack
    options: Mapping[str, Any]
    disk: MemoryStore = attrs.field(factory=MemoryStore)
    processes: list[Process] = attrs.field(factory=list[Process])

    async def join(self, *, sockets: bool = True, **options: Any) -> Process:
        """Start one more process."""
        store, events = FlakyStore(self.disk), list[told.Event]()
        make = self.emulator.client if sockets else self.emulator.memory_client
        usual = {"close_timeout": 10, "store": store, "on_event": events.append}
        auth = make(**(usual | dict(self.options) | options))
        await self.stack.enter_async_context(auth)
        self.stack.callback(store.heal)  # before the client is closed
        process = Process(auth, store, events)
        self.processes.append(process)
        return process

    async def joined(self, count: int, **options: Any) -> list[Process]:
        """Start several."""
        return [await self.join(**options) for _ in range(count)]

    async def kept(self, process: Process, name: str = "alice", key: str = KEY) -> TokenSession:
        """Sign a user in and keep the session."""
        tokens = await process.auth.sign_in.password(name, PASSWORD)
        return await process.auth.sessions.put(key, tokens)

    def sent(self, route: str) -> list[Entry]:
        """Return the requests of a route, such as `POST /token`."""
        return [entry for entry in self.emulator.journal if entry.route == route]

    @property
    def asked(self) -> int:
        """Count the refreshes that reached the service."""
        return len(self.sent("POST /token"))

    def lives(self, access_token: str) -> bool:
        """Tell whether the service would take that access token now."""
        request = Request(
            method="GET",
            path="/auth/v1/user/me",
            query={},
            headers=(("Authorization", f"Bearer {access_token}"),),
            body=b"",
        )
        return self.emulator.answer(request).status == 200

    @property
    def signed_in(self) -> int:
        """Count the sessions that live on at the service."""
        return len(self.emulator._control.state.grants)

    @staticmethod
    async def until(condition: Callable[[], object]) -> None:
        """Let the loop turn until something is so."""
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)

    async def warned(self, session: TokenSession) -> None:
        """Be told that a token of unknown standing will be sent again, and let the warning pass."""
        with pytest.raises(RefreshOutcomeUnknown):
            await session.access_token()
        self.clock.advance(16)

    @staticmethod
    async def turn(times: int) -> None:
        """Let the loop turn so many times."""
        for _ in range(times):
            await asyncio.sleep(0)

    async def closed(self, process: Process, leap: Callable[[float], None]) -> None:
        """Close a client over what does not end by itself; let the time allowed pass."""
        closing = asyncio.create_task(process.auth.aclose())
        await self.until(lambda: process.auth._background.closing)
        assert not process.auth._background.closed
        leap(11)
        await closing

    @staticmethod
    async def landed(process: Process, session: TokenSession) -> None:
        """Wait for the refresh under way, if there is one."""
        flight = process.flight(session)
        if flight is not None:
            await flight.wait()


@contextlib.asynccontextmanager
async def opened(client: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[World]:
    """
    Open a world; when it closes, no task may be left and nothing may have failed unseen.

    Args:
        client: arguments of its clients.
        options: arguments of its `Emulator`.
    """
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    troubles: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    clock = options.setdefault("clock", StillClock())
    async with Emulator(**({"algorithm": "HS256"} | options)) as emulator:
        for name in ("alice", "bob"):
            emulator.add_user(username=name, password=PASSWORD)
        async with contextlib.AsyncExitStack() as stack:
            yield World(emulator, clock, troubles, stack, client or {})
            emulator.faults.release()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
    assert not troubles, troubles


@pytest.fixture
def open_world() -> Callable[..., contextlib.AbstractAsyncContextManager[World]]:
    """Return a maker of worlds with settings of their own."""
    return opened


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return the usual world."""
    async with opened() as usual:
        yield usual
