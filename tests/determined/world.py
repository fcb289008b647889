"""A service and clients of one store on a determined loop, and the accidents they meet."""

import asyncio
import contextlib
import contextvars
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import attrs

from cloudbase_auth_async import AuthClient, _call, errors
from cloudbase_auth_async import events as told
from cloudbase_auth_async._records import Kept, read
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.stores._turns import Turns
from cloudbase_auth_async.stores.base import Lease, Record
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, User
from cloudbase_auth_async.testing._clock import EmulatorClock
from cloudbase_auth_async.testing._memory import MemoryTransport

KEY = "the-key-of-alice"
# Which client's work this is, where a test has said so; what it starts inherits it.
PROCESS: contextvars.ContextVar[int | None] = contextvars.ContextVar("process", default=None)
LIFE_SECONDS = 7200
# Longer than any pause of the library in which it waits for better times, but for two.
A_WHILE_SECONDS = 10.0


class LoopClock(EmulatorClock):
    """The clock of a determined loop, and what a test adds to it."""

    def __init__(self, loop: Any) -> None:
        super().__init__()
        self._loop = loop

    def _real_wall(self) -> float:
        return 1_700_000_000.0 + self._loop.time()

    def _real_monotonic(self) -> float:
        return self._loop.time()


@attrs.define(eq=False)
class AccidentStore:
    """
    One client's way to the store that all share, with accidents on it.

    Attributes:
        disk: what is shared.
        asked: the operations so far: lock, load, replace, remove and unlock.
        plan: by the number of an operation, from 0: "undone" has it fail, "done" has its answer
            lost.
    """

    disk: MemoryStore
    asked: list[str] = attrs.field(factory=list[str])
    plan: dict[int, str] = attrs.field(factory=dict[int, str])

    @contextlib.asynccontextmanager
    async def _asked(self, name: str) -> AsyncGenerator[None, None]:
        accident = self.plan.get(len(self.asked))
        self.asked.append(name)
        await asyncio.sleep(0)
        if accident == "undone":
            raise errors.StoreError("accident: not to be reached")
        yield
        await asyncio.sleep(0)
        if accident == "done":
            raise errors.StoreError("accident: the answer was lost")

    async def load(self, key: str) -> Record | None:
        """Load."""
        async with self._asked("load"):
            return await self.disk.load(key)

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Replace."""
        async with self._asked("replace"):
            return await self.disk.replace(key, record, expected=expected, lease=lease)

    async def remove(self, key: str, *, expected: int) -> bool:
        """Remove."""
        async with self._asked("remove"):
            return await self.disk.remove(key, expected=expected)

    @contextlib.asynccontextmanager
    async def lock(
        self, key: str, *, wait_seconds: float, hold_seconds: float
    ) -> AsyncGenerator[Lease, None]:
        """Lock."""
        async with self._asked("lock"):
            pass
        async with self.disk.lock(key, wait_seconds=wait_seconds, hold_seconds=hold_seconds) as it:
            yield it
        async with self._asked("unlock"):
            pass

    def keys(self) -> AsyncIterator[str]:
        """List."""
        return self.disk.keys()

    async def aclose(self) -> None:
        """Do nothing."""


@attrs.define(eq=False)
class Wire:
    """
    The way to the service.

    Attributes:
        answered: the steps at which the answer to a refresh had arrived here.
    """

    inner: MemoryTransport
    loop: Any
    answered: list[int] = attrs.field(factory=list[int])

    async def send(self, request: _call.Request, *, timeout: float) -> _call.Response:  # noqa: ASYNC109 -- the protocol's
        """Send."""
        response = await self.inner.send(request, timeout=timeout)
        if request.route.endswith("/token") and response.status == 200:
            self.answered.append(self.loop.steps)
        return response

    async def aclose(self) -> None:
        """Close."""
        await self.inner.aclose()


@attrs.define(eq=False)
class Client:
    """
    One client with its own way to the store and to the service; stands for a process.

    Attributes:
        killed: whether what it could not store is no surprise.
    """

    auth: AuthClient
    store: AccidentStore
    wire: Wire
    events: list[told.Event]
    killed: bool = False

    async def get(self) -> TokenSession:
        """Return a session that must be there."""
        session = await self.auth.sessions.get(KEY)
        assert session is not None
        return session

    def unsaved(self) -> bool:
        """Tell whether it still holds a pair that is in no store."""
        return bool(self.auth._exchange.saving._unsaved)

    def kill(self) -> None:
        """Let it reach the store no more, and end what it does."""
        self.killed = True
        self.store.plan = dict.fromkeys(range(len(self.store.asked), 10_000), "undone")
        self.stop_flights()

    def stop_flights(self) -> None:
        """Cancel the refreshes under way, as a closing client does."""
        for flight in self.auth._exchange._flights.values():
            if flight.task is not None:
                flight.task.cancel()


@attrs.define(eq=False)
class World:
    """A service with the users alice and bob, and clients of it that share a store."""

    loop: Any
    clock: LoopClock
    emulator: Emulator
    alice: User
    bob: User
    disk: MemoryStore = attrs.field(factory=MemoryStore)
    clients: list[Client] = attrs.field(factory=list[Client])
    tasks: list[asyncio.Task[Any]] = attrs.field(factory=list[asyncio.Task[Any]])

    @property
    def _state(self) -> Any:
        return self.emulator._control.state

    def join(self, **options: Any) -> Client:
        """Start one more client."""
        store, events = AccidentStore(self.disk), list[told.Event]()
        inner = MemoryTransport(self.emulator._desk, self.clock, max_answer_bytes=1 << 20)
        wire = Wire(inner, self.loop)
        usual = {"store": store, "transport": wire, "on_event": events.append}
        auth = self.emulator.memory_client(**(usual | options))
        auth._rooms.caller.jitter = random.Random(len(self.clients))  # noqa: S311 - as it must be
        client = Client(auth, store, wire, events)
        self.clients.append(client)
        return client

    async def signed_in(self, client: Client, user: User | None = None) -> TokenSession:
        """Keep a new sign-in, of alice unless told otherwise."""
        return await client.auth.sessions.put(KEY, self.emulator.tokens(user or self.alice))

    def expire(self) -> None:
        """Let every access token die of age."""
        self.clock.advance(LIFE_SECONDS + 1)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task that the world waits for in the end."""
        task = self.loop.create_task(work, name=name)
        self.tasks.append(task)
        return task

    def start_in(
        self, process: int, work: Coroutine[Any, Any, Any], name: str
    ) -> asyncio.Task[Any]:
        """Start a task as a client's own work, which can be paused with all that comes of it."""
        context = contextvars.copy_context()
        context.run(PROCESS.set, process)
        task = self.loop.create_task(work, name=name, context=context)
        self.tasks.append(task)
        return task

    def pause(self, process: int | None) -> None:
        """Stop all work of one client; None lets it go on."""
        self.loop.paused = lambda context: process is not None and context.get(PROCESS) == process

    async def over(self) -> None:
        """Wait for all that was started, then for a while."""
        while waiting := [task for task in self.tasks if not task.done()]:
            await asyncio.wait(waiting)
        await asyncio.sleep(A_WHILE_SECONDS)

    async def served(self, session: TokenSession, user: User | None = None) -> Any:
        """Return an access token or our own error; the token must be that user's and not old."""
        try:
            text = await session.access_token()
        except errors.CloudBaseAuthError as failure:
            return failure
        token = self._state.access[text]
        assert self.clock.wall() < token.expires_at, "an expired token was handed out"
        assert token.grant.sub == (user or self.alice).sub, "another user's token was handed out"
        return text

    async def recovered(self, session: TokenSession, user: User | None = None) -> Any:
        """Ask for a token until there is one, or an error for good; two minutes are enough."""
        found: Any = None
        for _ in range(13):
            found = await self.served(session, user)
            if isinstance(found, str | errors.SessionEnded | errors.NotSignedIn):
                return found
            await asyncio.sleep(A_WHILE_SECONDS)
        raise AssertionError(f"no end of {found!r}")

    def lives(self, text: object) -> bool:
        """Tell whether the service would take that access token now."""
        token = self._state.access.get(text)
        if token is None or token.revoked or token.grant.id not in self._state.grants:
            return False
        return self.clock.wall() < token.expires_at

    def kept(self) -> Kept | None:
        """Read what is in the store."""
        record = self.disk._records.get(KEY)
        return None if record is None else read(record)

    def locked(self) -> bool:
        """Tell whether anybody holds a lock."""
        return len(self.disk._turns) > 0

    def lapse(self) -> None:
        """Let every lock lapse: whoever comes next gets it, and its holder does not notice."""
        self.disk._turns = Turns()

    @property
    def living(self) -> int:
        """Count the sessions that live on at the service."""
        return len(self._state.grants)

    def presented_once(self) -> bool:
        """Tell whether no refresh token was sent to the service twice."""
        sent = [entry.json["refresh_token"] for entry in self._refreshes()]
        return len(sent) == len(set(sent))

    def _refreshes(self) -> list[Any]:
        return [entry for entry in self.emulator.journal if entry.route == "POST /token"]

    def troubles(self) -> list[str]:
        """Return what reached the exception handler, in words."""
        return [f"{each['message']}: {each.get('exception')!r}" for each in self.loop.troubles]


Scenario = Callable[[World], Awaitable[None]]


async def _to_the_end(world: World, scenario: Scenario) -> None:
    """Play a scenario, close all clients, and look whether anything is left of them."""
    await scenario(world)
    await world.over()
    for client in world.clients:
        with contextlib.suppress(*[errors.StoreError] * client.killed):
            await client.auth.aclose()
    assert not world.locked(), "a lock was left behind"
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left


def play(loop: Any, scenario: Scenario, *, troubles: int = 0, **options: Any) -> World:
    """
    Play a scenario on a loop of its own, and return the world as it is afterwards.

    Args:
        loop: new, with the seed of the order in which things happen.
        scenario: what happens.
        troubles: how many errors of foreign code must have reached the exception handler.
        options: arguments of the `Emulator`.
    """
    clock = LoopClock(loop)
    # Opaque: reading JWTs would take half the time.
    usual: dict[str, Any] = {"algorithm": "HS256", "opaque_access_tokens": True, "clock": clock}
    emulator = Emulator(**(usual | options))
    alice, bob = (emulator.add_user(username=name) for name in ("alice", "bob"))
    world = World(loop, clock, emulator, alice, bob)
    try:
        loop.run_until_complete(_to_the_end(world, scenario))
    finally:
        loop.close()
    assert len(loop.troubles) == troubles, world.troubles()
    return world
