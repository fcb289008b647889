"""
A proxy that spoils connections, seeded, and a session that has to live behind it.

The proxy carries bytes between a client and an emulator and invents none. What it spoils is drawn
for each connection, so the same seed spoils the same connections.

| draw | what the client sees |
| --- | --- |
| pass | what the service says |
| refuse | its connection reset before a byte is carried |
| lose | its request arrives, its connection is reset before a byte of the answer |
| truncate | some bytes of the answer, then a reset |
| half-close | some bytes of the answer, then an orderly end |
| stall | some bytes of the answer, then nothing until its patience ends |
| slow | the answer in small pieces |
| reorder | the answer after the one that another connection gets later |

Nobody's patience ends because the machine is busy: the loop's own time leaps over it as soon as
all that is still on its way has stalled.

`python -m tests.fleet.chaos --minutes 3` runs for longer and prints what happened.
"""

import argparse
import asyncio
import collections
import contextlib
import itertools
import math
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from cloudbase_auth_async import AuthClient, _call, _policy, errors
from cloudbase_auth_async._records import read
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._transport import Transport
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.stores.base import Store
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, ManualClock

KEY: Final = "alice"
LIFETIME_SECONDS: Final = 7200
# Longer than the longest pause between two requests about one refresh token.
FORGIVING_SECONDS: Final = 30 * 86400.0
PATIENCE_SECONDS: Final = 60.0  # nothing healthy takes so long
SPOILED: Final = ("refuse", "lose", "truncate", "half-close", "stall", "slow", "reorder")
# How many callers ask the service, too; and what connecting again may take of virtual time.
_ME_SHARE: Final = 0.1
_RETRY_SECONDS: Final = 10.0


@attrs.define(eq=False)
class Proxy:
    """
    The way to a service.

    Attributes:
        target: the port of the service.
        chance: where the draws come from.
        share: how many connections are spoiled, from 0 to 1.
        drawn: how often each draw came.
        under_way: how many requests have no answer yet, as those who sent them see it.
    """

    target: int
    chance: random.Random
    share: float
    drawn: "collections.Counter[str]" = attrs.field(factory=collections.Counter[str])
    under_way: int = 0
    port: int = 0
    _carried: int = 0
    _last: int = 0
    _stalled: int = 0
    _ahead: float = 0.0

    async def others(self) -> None:
        """Wait for somebody else's answer, if there is one to come."""
        carried = self._carried
        self._last += 1
        while self._carried == carried and self._stalled + self._last < self.under_way:  # noqa: ASYNC110 -- either sets no event
            await asyncio.sleep(0.001)
        self._last -= 1

    async def stall(self, hung_up: "asyncio.Task[None]") -> None:
        """Say nothing more until the client has lost patience."""
        self._stalled += 1
        # Who still waits for an answer that comes must not lose patience, too.
        while self._stalled and self._stalled < self.under_way:  # noqa: ASYNC110 -- likewise
            await asyncio.sleep(0.001)
        if self._stalled:
            self._stalled = 0
            self._ahead += PATIENCE_SECONDS + 2  # aiohttp rounds up
        await asyncio.wait([hung_up])

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Take connections for a block."""
        tasks: set[asyncio.Task[Any]] = set()
        told = (loop := asyncio.get_running_loop()).time
        loop.time = lambda: told() + self._ahead  # type: ignore[method-assign]

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await self._carry(reader, writer)
            writer.transport.abort()
            tasks.discard(task)

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        draw = self.chance.choice(SPOILED) if self.chance.random() < self.share else "pass"
        after = self.chance.randrange(1, 1200)
        self.drawn[draw] += 1
        if draw == "refuse":
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        asking = asyncio.create_task(_pass(reader, far_writer))
        try:
            await self._answer(far_reader, writer, draw, after, asking)
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            far_writer.close()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        draw: str,
        after: int,
        asking: "asyncio.Task[None]",
    ) -> None:
        """Carry the answers of one connection, spoiled as drawn."""
        carried = 0
        while data := await reader.read(2**16):
            match draw:
                case "reorder":
                    await self.others()
                case "lose":
                    return
                case "slow":
                    for start in range(0, len(data), 200):
                        writer.write(data[start : start + 200])
                        await asyncio.sleep(0)
                    continue
                case "truncate" | "half-close" | "stall" if carried + len(data) > after:
                    writer.write(data[: after - carried])
                    await writer.drain()
                    if draw == "half-close":
                        writer.write_eof()
                        await asyncio.wait([asking])
                    if draw == "stall":
                        await self.stall(asking)
                    return
                case _:
                    pass
            carried += len(data)
            writer.write(data)
            self._carried += 1
            await writer.drain()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)


@attrs.frozen
class Counted:
    """A transport that lets the proxy know what is under way."""

    inner: Transport
    proxy: Proxy

    async def send(self, request: _call.Request, *, timeout: float) -> _call.Response:  # noqa: ASYNC109 -- the protocol's
        """Send, and be counted meanwhile."""
        self.proxy.under_way += 1
        try:
            return await self.inner.send(request, timeout=timeout)
        finally:
            self.proxy.under_way -= 1

    async def aclose(self) -> None:
        """Close."""
        await self.inner.aclose()


@attrs.define(eq=False)
class Run:
    """
    A session behind the proxy, under random load.

    Attributes:
        forgiving: whether the service gives a spent refresh token its new pair again. Then a lost
            answer is never the end, and the session has to outlive everything. Otherwise it may
            end, but only by a lost answer: with the pair in the store honoured by nobody.
        outcomes: what callers saw, by name.
        ends: how many sessions the service ended.
        sent: when each refresh token was sent, in seconds of the service's clock.
    """

    emulator: Emulator
    proxy: Proxy
    chance: random.Random
    forgiving: bool
    store: Store = attrs.field(factory=MemoryStore)
    outcomes: "collections.Counter[str]" = attrs.field(factory=collections.Counter[str])
    ends: int = 0
    sent: dict[str, list[float]] = attrs.field(factory=dict[str, list[float]])
    _dead_at: dict[str, float] = attrs.field(factory=dict[str, float])

    @property
    def generations(self) -> int:
        """Count the refresh tokens that were exchanged."""
        return self.emulator.spends

    @property
    def hours(self) -> float:
        """Return the virtual hours that have passed."""
        return self.emulator.clock.monotonic() / 3600

    def client(self) -> AuthClient:
        """Return a client whose way leads through the proxy."""
        auth = self.emulator.client(
            base_url=f"http://127.0.0.1:{self.proxy.port}/auth/v1",
            store=self.store,
            timeout=PATIENCE_SECONDS,
        )
        auth._caller._transport = Counted(auth._transport, self.proxy)
        return auth

    async def go(self, generations: int, *, until: float = math.inf) -> None:
        """Live through so many generations, or until that time of `time.monotonic`."""
        user = self.emulator.add_user(username=KEY)
        sessions: list[TokenSession] = []
        ended = True
        async with self.client() as one, self.client() as other:
            while self.generations < generations and time.monotonic() < until:
                tokens = self.emulator.tokens(user)
                found = [await one.sessions.put(KEY, tokens), await other.sessions.get(KEY)]
                sessions = [session for session in found if session is not None]
                ended = False
                while not ended and self.generations < generations and time.monotonic() < until:
                    ended = await self._step(sessions)
                self.ends += ended
            if not ended:
                await self._works(sessions)

    async def _step(self, sessions: Sequence[TokenSession]) -> bool:
        """Let time pass and have all sessions asked; tell whether they have ended."""
        self.emulator.time_travel(self.chance.choice((1, 30, 300, 1800, 3600)))
        pair = await self._kept()
        if pair.refresh_token is not None and pair.expires_at is not None:
            self._dead_at.setdefault(pair.refresh_token, pair.expires_at.timestamp())
        found = await asyncio.gather(*(self._call(each) for each in sessions))
        for session in sessions:
            await self._landed(session)  # no hours pass within a request
        self._check_sent()
        return any(found)

    async def _works(self, sessions: Sequence[TokenSession]) -> None:
        """With a good way to the service, everybody has a token again in time."""
        self.proxy.share = 0.0
        deadline = self.hours + 2 * (LIFETIME_SECONDS + _policy.PROBE_SECONDS) / 3600
        working: set[int] = set()
        while len(working) < len(sessions):
            assert self.hours < deadline
            self.emulator.time_travel(60)
            for number, session in enumerate(sessions):
                if await self._call(session):
                    assert not self.forgiving
                    return
                if session._owned._setback is None:
                    working.add(number)

    async def _call(self, session: TokenSession) -> bool:
        """Ask for a token, or whose it is; tell whether the session has ended."""
        try:
            if self.chance.random() < _ME_SHARE:
                await session.user.me()
            else:
                self._check_alive(await session.access_token())
        except errors.SessionEnded as failure:
            await self._check_ended()
            self.outcomes[type(failure).__name__] += 1
            return True
        except errors.NotSignedIn:
            raise
        except errors.CloudBaseAuthError as failure:
            self.outcomes[type(failure).__name__] += 1
        else:
            self.outcomes["served"] += 1
        return False

    async def _landed(self, session: TokenSession) -> None:
        token = None if session._owned._pair is None else session._owned._pair.refresh_token
        if (flight := session._owned._exchange.under_way(token)) is not None:
            await flight.wait()

    async def _kept(self) -> TokenPair:
        record = await self.store.load(KEY)
        assert record is not None
        return read(record).pair

    # What must hold

    def _check_alive(self, access_token: str) -> None:
        """No dead token is handed out, not even one that was got again long after it was made."""
        state = self.emulator._control.state
        assert self.emulator.clock.wall() < state.access[access_token].expires_at

    async def _check_ended(self) -> None:
        """A session ends only where the service honours nothing of it, by a lost answer."""
        assert not self.forgiving
        token = (await self._kept()).refresh_token or ""
        state = self.emulator._control.state
        record = state.refresh[token]
        assert record.spent
        assert record.grant.id not in state.grants
        self._note_sent()
        assert len(self.sent[token]) > 1

    def _note_sent(self) -> None:
        journal = self.emulator._control.journal
        for entry in journal.entries():
            if entry.route == "POST /token":
                token: str = entry.json["refresh_token"]
                self.sent.setdefault(token, []).append(self.emulator.clock.wall())
        journal.clear()

    def _check_sent(self) -> None:
        """A token is sent again only when that is due: its access token dead, and a minute on."""
        self._note_sent()
        for token, moments in self.sent.items():
            for before, after in itertools.pairwise(moments):
                assert after - before >= _policy.FIRST_PROBE_SECONDS - _RETRY_SECONDS
                assert after >= self._dead_at[token]


@asynccontextmanager
async def behind_chaos(*, seed: int, share: float, forgiving: bool) -> AsyncGenerator[Run, None]:
    """
    Open a service, a proxy and what lives behind it.

    Args:
        seed: of everything that is drawn.
        share: how many connections are spoiled, from 0 to 1.
        forgiving: whether the service takes a spent refresh token again.
    """
    chance = random.Random(seed)  # noqa: S311 -- reproducible accidents
    grace = FORGIVING_SECONDS if forgiving else 0.0
    emulator = Emulator(algorithm="HS256", clock=ManualClock(), grace_seconds=grace)
    async with emulator:
        target = int(emulator.origin.rpartition(":")[2])
        proxy = Proxy(target, chance, share)
        async with proxy.open():
            yield Run(emulator, proxy, chance, forgiving)


async def _main(minutes: float, share: float, seed: int) -> None:
    until = time.monotonic() + 60 * minutes
    for forgiving in (True, False):
        async with behind_chaos(seed=seed, share=share, forgiving=forgiving) as run:
            await run.go(10**9, until=until - 30 * minutes * forgiving)
        figures = {"hours": int(run.hours), "generations": run.generations, "ended": run.ends}
        print(f"{forgiving=}", figures)  # noqa: T201 -- figures are for people
        print(dict(run.proxy.drawn), dict(run.outcomes))  # noqa: T201 -- likewise


def main() -> None:
    """Run for some minutes and tell what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    asyncio.run(_main(told.minutes, told.share, told.seed))


if __name__ == "__main__":
    main()
