"""Months of virtual time: what a session costs, and how long it may be without a token."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async._lifetime import ADVISORY_SECONDS
from cloudbase_auth_async._policy import LONGEST_PAUSE_SECONDS, PROBE_SECONDS
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.stores.base import Store
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, ManualClock

KEY = "alice"
HOUR, DAY = 3600.0, 86400.0
LIFETIME_SECONDS = 7200
ISSUED_FRESH_SECONDS = LIFETIME_SECONDS - ADVISORY_SECONDS


@attrs.define(eq=False)
class World:
    """
    A service and a store, and clients whose clock is their own.

    Attributes:
        clock: the clients', whose wall may be stepped; the service's is `emulator.clock`.
    """

    emulator: Emulator
    clock: ManualClock
    store: Store
    clients: list[AuthClient]

    def open(self) -> AuthClient:
        """Make one more client."""
        self.clients.append(self.emulator.memory_client(store=self.store, clock=self.clock))
        return self.clients[-1]

    async def sessions(self, count: int) -> list[TokenSession]:
        """Return one user's session in so many clients."""
        user = self.emulator.add_user(username=KEY, password="Passw0rd!")
        await self.open().sessions.put(KEY, self.emulator.tokens(user))
        found = [await self.open().sessions.get(KEY) for _ in range(count)]
        return [session for session in found if session is not None]

    def passes(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.emulator.clock.advance(seconds)
        self.clock.advance(seconds)

    async def drained(self) -> None:
        """Wait until no client has work of its own left."""
        for client in self.clients:
            while tasks := client._background._tasks:
                await asyncio.wait(tasks)

    def asked(self) -> int:
        """Count the refreshes that reached the service."""
        return sum(entry.route == "POST /token" for entry in self.emulator.journal)


@contextlib.asynccontextmanager
async def _world(**options: Any) -> AsyncGenerator[World, None]:
    emulator = Emulator(algorithm="HS256", clock=ManualClock(), **options)
    world = World(emulator, ManualClock(), MemoryStore(), [])
    try:
        yield world
    finally:
        for client in world.clients:
            await client.aclose()


def _load(chance: random.Random, until: float, longest: float) -> list[float]:
    """Return how long each caller comes after the one before, in seconds."""
    pauses = (chance.uniform(1, longest) for _ in itertools.count())
    sums = itertools.accumulate(pauses)
    moments = list(itertools.takewhile(lambda moment: moment < until, sums))
    return [after - before for before, after in itertools.pairwise([0.0, *moments])]


def _ideal(pauses: Sequence[float]) -> int:
    """Count the renewals if the first caller of each advisory window brings one."""
    spends, age = 0, 0.0
    for pause in pauses:
        age += pause
        if age >= ISSUED_FRESH_SECONDS:
            spends, age = spends + 1, 0.0
    return spends


@pytest.mark.parametrize("steps", [False, True], ids=["steady", "stepped"])
async def test_a_month(*, steps: bool) -> None:
    """In thirty days, wall clock set or not, spends are the ideal, one more or less (B17)."""
    chance = random.Random(30)  # noqa: S311 -- a reproducible load
    pauses = _load(chance, 30 * DAY, 600)
    async with _world() as world:
        sessions = await world.sessions(3)
        for session in sessions:
            await session.user.me()  # its answer tells what time it is at the service
        for pause in pauses:
            world.passes(pause)
            if steps and chance.random() < 0.02:
                # Never below 1970: the clock of the service stands in 2023.
                world.clock.step_wall(chance.choice((-DAY, DAY)))
            session = chance.choice(sessions)
            await _served(world, session)
            await world.drained()
        spends = world.emulator.spends
        world.emulator.assert_spends(spends)
        assert abs(spends - _ideal(pauses)) <= 1
        assert spends <= 30 * DAY / ISSUED_FRESH_SECONDS + 1


async def _served(world: World, session: TokenSession) -> None:
    """Ask for a token; it must work."""
    record = world.emulator._control.state.access[await session.access_token()]
    assert world.emulator.clock.wall() < record.expires_at
    assert not record.revoked


@pytest.mark.parametrize("trouble", ["refused", "lost", "no answer"])
async def test_a_dead_token(trouble: str) -> None:
    """Eight clients that are asked each second ask the service at most thrice an hour (B19)."""
    async with _world() as world:
        sessions = await world.sessions(8)
        world.passes(LIFETIME_SECONDS)
        if trouble == "refused":
            world.emulator.revoke(sessions[0].tokens.access_token, session=True)
        else:
            kind: Any = "drop_before" if trouble == "lost" else "drop_after"
            world.emulator.faults.add("POST /token", kind, times=None)
        asked: list[int] = []
        for _ in range(2 * int(HOUR)):
            for session in sessions:
                with pytest.raises((errors.SessionEnded, errors.RefreshOutcomeUnknown)):
                    await session.access_token()
            asked.append(world.asked())
            world.passes(1)
        hours = [after - before for before, after in zip(asked, asked[int(HOUR) :], strict=False)]
        assert max(asked[int(HOUR) - 1], *hours) <= 3
        if trouble == "refused":
            assert asked[-1] == 1


@attrs.define
class Weather:
    """
    Faults that come and go.

    Attributes:
        kinds: what may happen to a refresh.
        bad_until: when the fault of now ends; what it asked clients to wait for counts as fault.
    """

    world: World
    chance: random.Random
    kinds: Sequence[dict[str, Any]]
    bad_until: float = 0.0
    next_at: float = 0.0

    def change(self, now: float) -> None:
        """Begin a fault if it is time, and end one."""
        if self.bad_until <= now:
            self.world.emulator.faults.clear()
        if now >= self.next_at:
            lasts = self.chance.uniform(1, 1200)
            fault = dict(self.chance.choice(self.kinds))
            self.world.emulator.faults.add("POST /token", times=None, **fault)
            self.bad_until = now + lasts
            self.next_at = self.bad_until + self.chance.uniform(60, 3 * HOUR)


KNOWN: Sequence[dict[str, Any]] = (
    {"kind": "rate_limited", "seconds": 60},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 503},
    {"kind": "bad_gateway"},
    {"kind": "refuse"},
)
UNKNOWN: Sequence[dict[str, Any]] = (
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "half_body"},
)


@pytest.mark.parametrize("clients", [1, 2, 8])
@pytest.mark.parametrize(
    ("kinds", "longest"),
    [(KNOWN, ADVISORY_SECONDS), (UNKNOWN, PROBE_SECONDS)],
    ids=["told", "lost"],
)
@pytest.mark.parametrize("seed", range(3))
async def test_a_day_of_faults(
    seed: int, kinds: Sequence[dict[str, Any]], longest: float, clients: int
) -> None:
    """After a fault nobody is without a token for longer than the policy says (B40)."""
    chance = random.Random(seed)  # noqa: S311 -- reproducible faults
    async with _world(grace_seconds=DAY) as world:
        sessions = await world.sessions(clients)
        weather = Weather(world, chance, kinds)
        refused: dict[int, float] = {}
        for pause in _load(chance, DAY, 20):
            world.passes(pause)
            now = world.clock.monotonic()
            weather.change(now)
            number = chance.randrange(clients)
            try:
                await sessions[number].access_token()
            except (errors.SessionEnded, errors.NotSignedIn):
                raise
            except errors.CloudBaseAuthError:
                since = max(refused.setdefault(number, now), weather.bad_until)
                assert now - since <= longest, (seed, now)
            else:
                refused.pop(number, None)
            await world.drained()


@pytest.mark.parametrize("fault", KNOWN, ids=lambda fault: str(fault.get("status", fault["kind"])))
async def test_after_an_outage(fault: dict[str, Any]) -> None:
    """Eight clients whose token dies in an outage all go on within a minute of its end (B40)."""
    chance = random.Random(7)  # noqa: S311 -- a reproducible load
    async with _world() as world:
        sessions = await world.sessions(8)
        world.passes(LIFETIME_SECONDS - 60)
        world.emulator.faults.add("POST /token", times=None, **fault)
        for _ in range(700):
            await _asked_by_some(world, sessions, chance)
        world.emulator.faults.clear()
        for _ in range(int(LONGEST_PAUSE_SECONDS)):
            await _asked_by_some(world, sessions, chance)
        for session in sessions:
            await _served(world, session)
        assert world.emulator.spends == 1


async def _asked_by_some(
    world: World, sessions: Sequence[TokenSession], chance: random.Random
) -> None:
    """Have a third of the sessions asked, and let a second pass."""
    for session in sessions:
        if chance.random() < 1 / 3:
            with contextlib.suppress(errors.CloudBaseAuthError):
                await session.access_token()
    await world.drained()
    world.passes(1)
