"""Three clients of one store, twenty callers and one disturbance, in hundreds of orders."""

import random
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import errors

SEEDS = 40
KEY = "the-key-of-alice"
CALLERS = 20
# A run without disturbance takes some eighty steps; the last moments find it over.
MOMENTS = 80
KINDS = ("nothing", "sign out", "put hers", "put his", "drop", "invalidate", "close")


@attrs.define(eq=False)
class Run:
    """
    One run: what was disturbed, and what came of it.

    Attributes:
        found: what each caller got, or None if it was cancelled.
        new: what a disturbance put in the session's place.
    """

    kind: str
    chance: random.Random
    found: list[Any] = attrs.field(factory=list[Any])
    new: list[Any] = attrs.field(factory=list[Any])
    moment: int = 0
    world: Any = None
    sessions: list[Any] = attrs.field(factory=list[Any])
    callers: list[Any] = attrs.field(factory=list[Any])
    cancelled: list[Any] = attrs.field(factory=list[Any])
    quits: int = 0
    disturbed: bool = False

    async def __call__(self, world: Any) -> None:
        """Sign alice in, let her token expire, let everybody ask for one, and disturb them."""
        self.world = world
        for _ in range(3):
            world.join()
        await world.signed_in(world.clients[0])
        self.sessions = [await client.get() for client in world.clients]
        world.expire()
        for number in range(CALLERS):
            work = self._call(self.sessions[number % 3])
            self.callers.append(world.start(work, f"caller {number}"))
        self.moment = world.loop.steps + self.chance.randrange(1, MOMENTS)
        self.cancelled = self.chance.sample(self.callers, 3)
        self.quits = world.loop.steps + self.chance.randrange(1, MOMENTS)
        world.loop.before_step = self._before
        await world.over()
        if not self.disturbed:
            self._disturb()
        await world.over()
        world.loop.before_step = lambda _, __: None
        await self.look()

    async def _call(self, session: Any) -> None:
        self.found.append(await self.world.served(session))

    def _before(self, step: int, _: Any) -> None:
        if step == self.moment and not self.disturbed:
            self._disturb()
        if step == self.quits:
            for caller in self.cancelled:
                caller.cancel()

    def _disturb(self) -> None:
        self.disturbed = True
        work = self._disturbance()
        if work is not None:
            self.world.start(work, self.kind)

    def _disturbance(self) -> Coroutine[Any, Any, Any] | None:
        number = self.chance.randrange(3)
        session, client = self.sessions[number], self.world.clients[number]
        match self.kind:
            case "sign out":
                return session.sign_out()
            case "put hers":
                return self._put(client, self.world.alice)
            case "put his":
                return self._put(client, self.world.bob)
            case "drop":
                return client.auth.sessions.drop(KEY)
            case "close":
                return client.auth.aclose()
            case "invalidate":
                session.invalidate(session.tokens.access_token)
            case _:
                pass
        return None

    async def _put(self, client: Any, user: Any) -> None:
        self.new.append(await self.world.signed_in(client, user))

    async def look(self) -> None:
        """Check the promises."""
        world = self.world
        # A sign-out sends one that another client may have sent: either way the session ends.
        assert self.kind == "sign out" or world.presented_once(), "a token was sent twice"
        assert len(self.found) + len(self.cancelled) >= CALLERS, "a caller's cancellation spread"
        refusals = [each for each in self.found if not isinstance(each, str)]
        getattr(self, "_look_" + self.kind.replace(" ", "_"))(refusals)
        if self.kind in ("nothing", "invalidate", "put hers", "close"):
            client = world.join()
            world.expire()
            assert world.lives(await world.recovered(await client.get()))

    def _look_nothing(self, refusals: list[Any]) -> None:
        assert not refusals, refusals
        assert self.world.emulator.spends == 1
        assert len(set(self.found)) == 1

    def _look_invalidate(self, refusals: list[Any]) -> None:
        assert not refusals, refusals
        assert self.world.emulator.spends <= 2

    def _look_close(self, refusals: list[Any]) -> None:
        assert all(isinstance(each, errors.ClientClosed) for each in refusals), refusals
        assert self.world.emulator.spends == 1

    def _look_put_hers(self, refusals: list[Any]) -> None:
        assert all(isinstance(each, errors.NotSignedIn) for each in refusals), refusals
        assert self.world.lives(self.world.kept().pair.access_token)

    def _look_put_his(self, refusals: list[Any]) -> None:
        assert all(isinstance(each, errors.NotSignedIn) for each in refusals), refusals
        assert self.world.kept().pair.sub == self.world.bob.sub, "his sign-in was overwritten"
        assert self.new[0].tokens.access_token == self.world.kept().pair.access_token

    def _look_sign_out(self, refusals: list[Any]) -> None:
        assert all(isinstance(each, errors.NotSignedIn) for each in refusals), refusals
        assert self.world.kept() is None, "the sign-out was undone"
        assert self.world.living == 0, "a pair outlived the sign-out"

    def _look_drop(self, refusals: list[Any]) -> None:
        assert all(isinstance(each, errors.NotSignedIn) for each in refusals), refusals
        assert self.world.kept() is None, "the drop was undone"


def _played(play: Callable[..., Any], kind: str, seed: int) -> Any:
    run = Run(kind, random.Random(seed))  # noqa: S311 - a reproducible run
    try:
        return play(run, seed=seed)
    except BaseException as failure:
        failure.add_note(f"disturbance {kind!r}, seed {seed}")
        raise


@pytest.mark.parametrize("kind", KINDS)
def test_any_order(play: Callable[..., Any], kind: str) -> None:
    """In no order is a token spent twice, a user crossed, or a sign-out undone (B1, B8, B9)."""
    for seed in range(SEEDS):
        _played(play, kind, seed)


def test_a_seed_is_a_run(play: Callable[..., Any]) -> None:
    """A seed gives the same trace each time, step by step, and another one gives another."""
    for kind in ("sign out", "put his"):
        one, same, other = (_played(play, kind, seed).loop.trace for seed in (3, 3, 4))
        for number, (left, right) in enumerate(zip(one, same, strict=True)):
            assert left == right, number
        assert one != other
