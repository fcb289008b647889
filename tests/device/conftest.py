"""What the device tests share: a service, a client that waits on a clock which runs by itself."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError
from cloudbase_auth_async.models import DeviceAuthorization
from cloudbase_auth_async.testing import Emulator, Entry, ManualClock

PASSWORD = "Passw0rd!"
# A healthy request never comes near it; where it is to run out, the loop's time leaps over it.
PATIENCE_SECONDS = 10.0


class Diary(ManualClock):
    """
    A clock that runs when somebody sleeps on it, and tells of it.

    Attributes:
        waits: how long each sleep was.
        meanwhile: called at the end of each sleep.
        follows: a clock that runs along, such as the service's.
        held: while it is clear, nobody wakes.
        first: what is called once, before the next sleep.
    """

    __slots__ = ("first", "follows", "held", "meanwhile", "waits")

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        super().__init__(wall)
        self.waits: list[float] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.follows: ManualClock | None = None
        self.held = asyncio.Event()
        self.held.set()
        self.first: list[Callable[[], object]] = []

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, then let happen what happens in it."""
        while self.first:
            self.first.pop()()
        self.waits.append(seconds)
        await self.held.wait()
        await super().sleep(seconds)
        if self.follows is not None:
            self.follows.advance(max(seconds, 0.0))
        if self.meanwhile is not None:
            await self.meanwhile()


@attrs.define(eq=False)
class Scene:
    """A service with the user alice, and a device's client of it."""

    emulator: Emulator
    clock: Diary
    auth: AuthClient

    @property
    def polls(self) -> list[Entry]:
        """Return the polls that reached the service."""
        return [e for e in self.emulator.journal if e.route == "POST /token"]

    @property
    def gaps(self) -> list[float]:
        """Return the seconds between the polls, and before the first one."""
        (start,) = [e.at for e in self.emulator.journal if e.route == "POST /device/code"]
        moments = [start, *(entry.at for entry in self.polls)]
        return [after - before for before, after in itertools.pairwise(moments)]

    async def say_yes(self, started: DeviceAuthorization) -> None:
        """Let alice say yes on her telephone."""
        alice = self.emulator._control.state.find("alice")
        assert alice is not None
        session = self.auth.session(self.emulator.tokens(alice))
        await session.authorization.device(started.user_code)

    def after(self, seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
        """Have something happen once so many seconds have passed."""
        due, done = self.clock.monotonic() + seconds, list[bool]()

        async def look() -> None:
            if self.clock.monotonic() >= due and not done:
                done.append(True)
                await work()

        self.clock.meanwhile = look

    def hangs(self, leap: Callable[[float], None], *, times: int = 1) -> None:
        """Have polls hang until the client's patience ends, which takes no real time."""

        def out_of_time() -> None:
            leap(PATIENCE_SECONDS + 2)
            # And back: many leaps would reach the end of what a whole test may take.
            self.clock.first.append(lambda: leap(-PATIENCE_SECONDS - 2))

        for _ in range(times):
            self.emulator.faults.add("POST /token", "hang").arrived.then(out_of_time)

    def slowed_down(self) -> bool:
        """Tell whether the service ever had to ask for more patience."""
        codes = self.emulator._control.state.device_codes.values()
        return any(code.interval_seconds != 5 for code in codes)


async def failure(work: Awaitable[Any]) -> CloudBaseAuthError:
    """Return the error of ours that a call ends in; anything else is the test's failure."""
    try:
        answer = await work
    except CloudBaseAuthError as error:
        return error
    raise AssertionError(f"it answered {answer!r}")


@contextlib.asynccontextmanager
async def opened(timeout: float = PATIENCE_SECONDS, **client: Any) -> AsyncIterator[Scene]:  # noqa: ASYNC109 - the client's
    """Open a scene; when it closes, no task may be left and nothing may have failed unseen."""
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    troubles: list[Any] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    clock = Diary()
    async with Emulator(clock=clock, algorithm="HS256") as emulator:
        emulator.add_user(username="alice", password=PASSWORD)
        async with emulator.client(timeout=timeout, **client) as auth:
            yield Scene(emulator, clock, auth)
            emulator.faults.release()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
    assert not troubles, troubles


class Kit:
    """Small functions that many tests need."""

    failure = staticmethod(failure)
    opened = staticmethod(opened)
    Diary = Diary


@pytest.fixture
def kit() -> Kit:
    """Return the small functions."""
    return Kit()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Return the usual scene."""
    async with opened() as usual:
        yield usual
