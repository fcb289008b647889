"""A seeded explorer: processes, cancellations and a store that fails, and nobody is signed out."""

import asyncio
import random
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import errors

SEEDS = 60
BLOCKS = 6
NAMES = ("alice", "bob")


@attrs.define(eq=False)
class Run:
    """One random run of three processes with two users' sessions each."""

    world: Any
    chance: random.Random
    subs: dict[str, str] = attrs.field(factory=dict[str, str])
    held: list[Any] = attrs.field(factory=list[Any])
    tasks: list[Any] = attrs.field(factory=list[Any])

    async def prepare(self) -> None:
        """Sign both users in, and let each process hold their sessions."""
        fleet = await self.world.joined(3, sockets=False)
        for name in NAMES:
            session = await self.world.kept(fleet[0], name, name)
            self.subs[name] = session.tokens.sub
        for process in fleet:
            self.held.append({name: await process.get(name) for name in NAMES})

    async def operate(self, number: int, name: str, what: str) -> None:
        """Use a session; only our own errors may come of it."""
        process, session = self.world.processes[number], self.held[number][name]
        try:
            match what:
                case "get":
                    found = await process.get(name)
                    assert found is session
                case "give up":
                    session.invalidate(session.tokens.access_token)
                case "token":
                    assert self.world.lives(await session.access_token())
                case _:
                    assert (await session.user.me()).sub == self.subs[name]
        except errors.NotSignedIn:
            raise
        except errors.SessionEnded as failure:
            raise AssertionError("signed out") from failure
        except errors.CloudBaseAuthError:
            return

    async def step(self) -> None:
        """Use, cancel, break or mend something, or let time pass."""
        chance = self.chance
        match chance.choice(
            ("use", "use", "use", "use", "cancel", "break", "break", "mend", "pass")
        ):
            case "use":
                what = chance.choice(("get", "token", "token", "me", "give up"))
                work = self.operate(chance.randrange(3), chance.choice(NAMES), what)
                self.tasks.append(asyncio.create_task(work))
            case "cancel" if self.tasks:
                chance.choice(self.tasks).cancel()
            case "break":
                store, share = chance.choice(self.world.processes).store, chance.choice((0.2, 1))
                accident = chance.choice(("fails", "loses"))
                setattr(store, accident, lambda _, __: chance.random() < share)
            case "mend":
                chance.choice(self.world.processes).store.heal()
            case _:
                await self.settle()
                self.world.clock.advance(chance.choice((1, 61, 6950, 7201)))

    async def settle(self) -> None:
        """Mend the stores, and give what is unsaved the time to be saved."""
        for process in self.world.processes:
            process.store.heal()
        for _ in range(3):
            await self.world.turn(80)
            self.world.clock.advance(5.1)
        await self.world.turn(80)


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_explore(open_world: Any, block: int) -> None:
    """However the store fails, no token is presented twice and nobody is signed out (B2, B6)."""
    for seed in range(block, SEEDS, BLOCKS):
        async with open_world() as world:
            run = Run(world, random.Random(seed))  # noqa: S311 - a reproducible schedule
            await run.prepare()
            for _ in range(80):
                await run.step()
                await world.turn(run.chance.choice((0, 1, 3, 10)))
            await run.settle()
            for task in run.tasks:
                assert task.done(), seed
                assert task.cancelled() or task.exception() is None, (seed, task.exception())
            for seconds in (1801, 7201):
                world.clock.advance(seconds)
                await _all_well(run)
            world.emulator.assert_spends(world.emulator.spends)
            assert world.signed_in == 2, seed


async def _all_well(run: Run) -> None:
    for held in run.held:
        for name, session in held.items():
            try:
                me = await session.user.me()
            except errors.RefreshOutcomeUnknown:
                # A claim of which nobody knows whether it was sent: the warning has to pass.
                run.world.clock.advance(16)
                me = await session.user.me()
            assert me.sub == run.subs[name]
