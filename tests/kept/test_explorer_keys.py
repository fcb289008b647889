"""A seeded explorer: one key, two users, sign-ins and sign-outs everywhere, and nobody crossed."""

import asyncio
import random
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._records import read

SEEDS = 60
BLOCKS = 6
KEY = "the-key-of-alice"
USES = ("token", "me", "me", "refresh", "sign out")


@attrs.define(eq=False)
class Run:
    """
    One random run of three processes on one key.

    Attributes:
        whose: each session object ever seen, and its user.
    """

    world: Any
    chance: random.Random
    whose: dict[int, tuple[Any, str]] = attrs.field(factory=dict[int, Any])
    tasks: list[Any] = attrs.field(factory=list[Any])

    def seen(self, session: Any) -> None:
        """Note whose a session is, or check that it still is."""
        try:
            sub = session.tokens.sub
        except errors.NotSignedIn:
            return
        assert self.whose.setdefault(id(session), (session, sub))[1] == sub

    async def operate(self, number: int, what: str) -> None:
        """Do one thing; only our own errors may come of it."""
        process = self.world.processes[number]
        try:
            match what:
                case "alice" | "bob":
                    self.seen(await self.world.kept(process, what))
                case "drop":
                    await process.auth.sessions.drop(KEY)
                case "get":
                    session = await process.auth.sessions.get(KEY)
                    if session is not None:
                        self.seen(session)
                case _ if self.whose:
                    await self.use(*self.chance.choice(list(self.whose.values())), what)
        except errors.CloudBaseAuthError:
            return

    async def use(self, session: Any, sub: str, what: str) -> None:
        """Use a session, whichever process it is of."""
        match what:
            case "token":
                await session.access_token()
            case "me":
                assert (await session.user.me()).sub == sub
            case "refresh":
                await session.refresh()
            case _:
                await session.sign_out()
        self.seen(session)

    def step(self) -> None:
        """Use, sign in, drop, cancel or let time pass."""
        chance = self.chance
        match chance.choice(
            ("use", "use", "use", "use", "get", "sign in", "drop", "cancel", "pass")
        ):
            case "use":
                self.start(chance.choice(USES))
            case "get":
                self.start("get")
            case "sign in":
                self.start(chance.choice(("alice", "alice", "bob")))
            case "drop" if chance.random() < 0.3:
                self.start("drop")
            case "cancel" if self.tasks:
                chance.choice(self.tasks).cancel()
            case _:
                self.world.clock.advance(chance.choice((1, 61, 6950, 7201)))

    def start(self, what: str) -> None:
        """Begin something in some process."""
        self.tasks.append(asyncio.create_task(self.operate(self.chance.randrange(3), what)))


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_explore(open_world: Any, block: int) -> None:
    """Whoever signs in and out under a key, no session changes its user (B8, B9, B30)."""
    for seed in range(block, SEEDS, BLOCKS):
        async with open_world() as world:
            run = Run(world, random.Random(seed))  # noqa: S311 - a reproducible schedule
            await world.joined(3, sockets=False)
            for _ in range(80):
                run.step()
                await world.turn(run.chance.choice((0, 1, 3, 10)))
                for session, _ in tuple(run.whose.values()):
                    run.seen(session)
            await world.turn(300)
            for task in run.tasks:
                assert task.done(), seed
                assert task.cancelled() or task.exception() is None, (seed, task.exception())
            await _agree(run, seed)


async def _agree(run: Run, seed: int) -> None:
    """What the store holds is what every process gets, and it works; nothing else lives on."""
    world = run.world
    record = world.disk._records.get(KEY)
    world.clock.advance(7201)
    for process in world.processes:
        session = await process.auth.sessions.get(KEY)
        assert (session is None) == (record is None), seed
        if session is not None:
            run.seen(session)
            kept = read(record)
            assert session.tokens.sub == kept.pair.sub, seed
            assert (await session.user.me()).sub == kept.pair.sub, seed
    assert not any(process.auth._exchange._flights for process in world.processes), seed
