"""
Clients that want a new pair, an accident before one step, and what must hold afterwards.

The first run counts the steps; the next ones play it again, each with one accident before one
step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from cloudbase_auth_async import errors

# None is the usual order; the others are drawn.
ORDERS = (None, 1, 2)
_WORKERS = ("caller", "cloudbase-auth refresh", "cloudbase-auth hooks")


async def calm(_: Any) -> None:
    """Judge nothing."""


@attrs.define(eq=False)
class Scene:
    """
    Two clients hold a kept session whose access token is dead, and one or both want a new one.

    Attributes:
        judge: called when all has come to rest.
        accident: called before the step.
        step: which; counted from the callers' start.
        prepare: called before they start.
        callers: how many clients' callers there are.
        tasks: of the callers.
        found: what each got.
        told: what a test wants to remember.
        outcome: what the accident's own work came to.
        steps: how many there were until the callers' work was over.
        done_at: the step at which the accident's own work had ended.
    """

    judge: Callable[[Any], Any] = calm
    accident: Callable[[Any], Any] = lambda _: None
    step: int = 0
    prepare: Callable[[Any], Any] = lambda _: None
    callers: int = 1
    world: Any = None
    clients: list[Any] = attrs.field(factory=list[Any])
    sessions: list[Any] = attrs.field(factory=list[Any])
    tasks: list[Any] = attrs.field(factory=list[Any])
    found: list[Any] = attrs.field(factory=lambda: [None, None])
    told: list[Any] = attrs.field(factory=list[Any])
    outcome: Any = None
    steps: int = 0
    done_at: int = 0
    _begun: int = 0
    _happened: bool = False

    async def __call__(self, world: Any) -> None:
        """Play it."""
        self.world = world
        self.clients = [world.join(), world.join()]
        await world.signed_in(self.clients[0])
        self.sessions = [await client.get() for client in self.clients]
        world.expire()
        for client in self.clients:
            client.store.asked.clear()
        self.prepare(self)
        self._begun = world.loop.steps
        for number in range(self.callers):
            self.tasks.append(world.start_in(number, self._call(number), "caller"))
        world.loop.before_step = self._before
        await world.over()
        if self.step:
            self._happen()
        await world.over()
        await self.judge(self)

    async def _call(self, number: int) -> None:
        self.found[number] = await self.world.served(self.sessions[number])

    def _before(self, step: int, task: Any) -> None:
        if task.get_name() in _WORKERS and not self._happened:
            self.steps = step - self._begun
        if step - self._begun == self.step:
            self._happen()

    def _happen(self) -> None:
        if not self._happened:
            self._happened = True
            self.accident(self)

    def does(self, work: Any) -> None:
        """Start what an accident consists of."""

        async def does() -> None:
            try:
                self.outcome = await work
            except errors.CloudBaseAuthError as failure:
                self.outcome = failure
            self.done_at = self.world.loop.steps

        self.world.start(does(), "accident")

    @property
    def answered(self) -> list[int]:
        """The steps at which answers to refreshes arrived."""
        return [step for client in self.clients for step in client.wire.answered]

    @property
    def came_too_late(self) -> bool:
        """Whether a new pair arrived after the accident's own work had ended."""
        return bool(self.answered) and self.answered[-1] > self.done_at

    async def restarted(self, user: Any = None) -> Any:
        """Return what a new client of the same store is served, with its old token dead."""
        self.world.expire()
        return await self.world.recovered(await self.world.join().get(), user)

    async def saved(self) -> None:
        """Check that all go on with the pair that the service honours, and that it is stored."""
        world = self.world
        assert not any(client.unsaved() for client in self.clients), "a pair is in memory only"
        for session in self.sessions:
            found = await world.recovered(session)
            assert world.lives(found), found
        assert world.lives(world.kept().pair.access_token), "a newer pair is not in the store"
        tokens = {await self.restarted()}
        tokens |= {await world.recovered(session) for session in self.sessions}
        assert len(tokens) == 1, "the clients parted ways"
        assert world.lives(tokens.pop()), "the session was lost"

    def refused_in_doubt(self) -> None:
        """Check that each caller got a token that works, or was told that nobody knows."""
        for found in self.found[: self.callers]:
            unknown = isinstance(found, errors.RefreshOutcomeUnknown)
            assert unknown or self.world.lives(found), found


@attrs.define
class Every:
    """Plays a scene once with the accident before each of its steps, in several orders."""

    play: Callable[..., Any]

    def __call__(
        self,
        accident: Callable[[Any], Any],
        judge: Callable[[Any], Any],
        *,
        seeds: Sequence[int | None] = ORDERS,
        prepare: Callable[[Any], Any] = lambda _: None,
        callers: int = 1,
        **options: Any,
    ) -> None:
        """Play; the options are the emulator's."""
        for seed in seeds:
            counted = Scene(prepare=prepare, callers=callers)
            self.play(counted, seed=seed, **options)
            for step in range(1, counted.steps + 2):
                scene = Scene(judge, accident, step, prepare, callers)
                try:
                    self.play(scene, seed=seed, **options)
                except BaseException as failure:
                    failure.add_note(f"before step {step} of {counted.steps}, seed {seed}")
                    raise
