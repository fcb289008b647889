"""A seeded explorer: random tasks, cancellations, faults and hours, and what must always hold."""

import asyncio
import collections
import random
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._policy import Verdict

SEEDS = 150
FAULTS = ("hold", "hold", "drop_before", "drop_after", "half_body", "status")
OPERATIONS = ("access_token", "access_token", "me", "me", "refresh", "invalidate", "sign_out")


@attrs.define(eq=False)
class Run:
    """
    One random run.

    Attributes:
        by_hand: how often `session.refresh()` was called while each refresh token was current.
        gave_up: refresh tokens whose access token was dead, or given up, at some moment.
    """

    world: Any
    chance: random.Random
    sent_before: int
    sessions: list[Any] = attrs.field(factory=list[Any])
    subs: list[str] = attrs.field(factory=list[str])
    tasks: list[Any] = attrs.field(factory=list[Any])
    by_hand: collections.Counter[str] = attrs.field(factory=collections.Counter[str])
    gave_up: set[str] = attrs.field(factory=set[str])
    served: list[tuple[str, bool]] = attrs.field(factory=list[Any])

    async def prepare(self) -> None:
        """Sign two users in."""
        for name in ("alice", "bob"):
            self.sessions.append(await self.world.session(name))
            self.subs.append(self.sessions[-1].tokens.sub)

    async def operate(self, number: int, name: str) -> None:
        """Do one thing to one session; only our own errors may come of it."""
        session = self.sessions[number]
        try:
            match name:
                case "access_token":
                    token = await session.access_token()
                    dead = session._owned._clock.monotonic() >= session._owned._life.dies_at
                    self.served.append((token, dead))
                case "me":
                    assert (await session.user.me()).sub == self.subs[number]
                case "refresh":
                    self.by_hand[session.tokens.refresh_token] += 1
                    await session.refresh()
                case "invalidate":
                    self.gave_up.add(session.tokens.refresh_token)
                    session.invalidate(session.tokens.access_token)
                case _:
                    # It may buy a last access token, to end the session with.
                    self.gave_up.add(session.tokens.refresh_token)
                    await session.sign_out()
        except errors.CloudBaseAuthError:
            return
        finally:
            self.look()

    def look(self) -> None:
        """Note whose access token is dead: their refresh token may be asked about again."""
        for session in self.sessions:
            if (
                session._owned._pair
                and self.world.clock.monotonic() >= session._owned._life.dies_at
            ):
                self.gave_up.add(session._owned._pair.refresh_token)

    def step(self) -> None:
        """Start, cancel, break, release or let time pass."""
        world, chance = self.world, self.chance
        match chance.choice(("start", "start", "start", "cancel", "break", "release", "pass")):
            case "start":
                name = chance.choice(OPERATIONS) if chance.random() < 0.3 else "me"
                work = self.operate(chance.randrange(2), name)
                self.tasks.append(asyncio.create_task(work))
            case "cancel" if self.tasks:
                chance.choice(self.tasks).cancel()
            case "break":
                route = chance.choice(("POST /token", "POST /token", "GET /user/me"))
                kind: Any = chance.choice(FAULTS)
                status = chance.choice((401, 429, 500, 503)) if "me" in route else 429
                world.emulator.faults.add(route, kind, status=status)
            case "release":
                world.emulator.faults.release()
            case _:
                world.clock.advance(chance.choice((1, 61, 3000, 6950, 7201)))
        self.look()

    def check(self) -> None:
        """Look whether anything happened that must not."""
        for session, sub in zip(self.sessions, self.subs, strict=True):
            assert session._owned._pair is None or session._owned._pair.sub == sub
            ended = (
                session._owned._setback is not None
                and session._owned._setback.verdict is Verdict.ENDED
            )
            assert not ended or session._owned._setback.error.request_id
        assert not any(dead for _, dead in self.served)
        sent: dict[str, list[int | None]] = {}
        for entry in self.world.sent("POST /token")[self.sent_before :]:
            sent.setdefault(entry.json["refresh_token"], []).append(entry.status)
        for token, statuses in sent.items():
            if token not in self.gave_up:
                # Once by itself; again only by somebody's word (a refusal is not a doubt).
                times, refused = len(statuses), statuses.count(429)
                assert times <= 1 + self.by_hand[token] + refused, (
                    times,
                    self.by_hand[token],
                    refused,
                )


@pytest.mark.parametrize("block", range(10))
async def test_explore(world: Any, block: int) -> None:
    """No schedule serves a dead token, mixes users, or spends a token twice (B1, B4, B5, B8)."""
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        world.emulator.faults.clear()
        run = Run(world, random.Random(seed), world.asked)  # noqa: S311 - a reproducible schedule
        await run.prepare()
        for _ in range(60):
            run.step()
            for _ in range(run.chance.choice((0, 0, 1, 3, 10))):
                await asyncio.sleep(0)
                run.look()
        world.emulator.faults.clear()
        while not all(task.done() for task in run.tasks):
            await asyncio.sleep(0)
            run.look()
        await world.drained()
        for task in run.tasks:
            assert task.cancelled() or task.exception() is None, (seed, task.exception())
        run.check()
        await _recovers(run)


async def _recovers(run: Run) -> None:
    """With the faults gone, each session works, or says definitely why it does not."""
    run.world.clock.advance(7201)
    for session, sub in zip(run.sessions, run.subs, strict=True):
        try:
            assert (await session.user.me()).sub == sub
        except (errors.NotSignedIn, errors.SessionEnded):
            continue
