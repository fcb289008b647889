"""A device that is run twice at once, or again after it was cut short."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.flows import DeviceFlow
from cloudbase_auth_async.models import DeviceAuthorization
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD = "Passw0rd!"
POLL = "POST /token"


class Bedroom(ManualClock):
    """
    A clock that knows how many sleep by it.

    Attributes:
        asleep: how many do now.
        most: how many did at once.
        wakes: how many sleeps may still end.
    """

    __slots__ = ("asleep", "most", "wakes")

    def __init__(self) -> None:
        super().__init__()
        self.asleep = self.most = 0
        self.wakes = asyncio.Semaphore(1000)

    async def sleep(self, seconds: float) -> None:
        """Sleep, and be counted."""
        self.asleep += 1
        self.most = max(self.most, self.asleep)
        try:
            await self.wakes.acquire()
            await asyncio.sleep(0)
            await super().sleep(seconds)
        finally:
            self.asleep -= 1


@pytest.fixture
def clock() -> Bedroom:
    """Return the clock that the client and the service share."""
    return Bedroom()


@pytest.fixture
async def emulator(clock: Bedroom) -> AsyncIterator[Emulator]:
    """Return an emulator on that clock, with alice."""
    async with Emulator(clock=clock, algorithm="HS256") as running:
        running.add_user(username="alice", password=PASSWORD, email="alice@example.com")
        yield running


@attrs.define
class Screen:
    """What shows a code; alice says yes to it when told to."""

    auth: AuthClient
    yes: bool = False
    shown: list[str] = attrs.field(factory=list[str])

    async def __call__(self, codes: DeviceAuthorization) -> None:
        """Show the codes."""
        self.shown.append(codes.user_code)
        if self.yes:
            await self.say_yes(codes.user_code)

    async def say_yes(self, user_code: str) -> None:
        """Let alice say yes."""
        session = self.auth.session(await self.auth.sign_in.password("alice", PASSWORD))
        await session.authorization.device(user_code)


def _polls(emulator: Emulator) -> list[float]:
    return [entry.at for entry in emulator.journal if entry.route == POLL]


async def test_run_twice(auth: AuthClient, emulator: Emulator, clock: Bedroom, sent: Any) -> None:
    """Run twice at once, a device gets one pair of codes, and asks no faster (B5, B39)."""
    flow, first, second = auth.flows.device_sign_in(), Screen(auth), Screen(auth)
    runs = [asyncio.create_task(flow.run(show)) for show in (first, second)]
    while len(_polls(emulator)) < 4:  # noqa: ASYNC110 - until some polls have passed
        await asyncio.sleep(0)
    assert first.shown == second.shown
    await first.say_yes(first.shown[0])
    assert await runs[0] is await runs[1]
    assert sent().count("POST /device/code") == 1
    assert clock.most == 1


async def test_cancelled_over_its_codes(auth: AuthClient, emulator: Emulator) -> None:
    """Cancelled while the codes are on their way, a device shows those, and gets no others (B5)."""
    flow, screen = auth.flows.device_sign_in(), Screen(auth, yes=True)
    held = emulator.faults.add("POST /device/code", "hold", when="after")
    caller = asyncio.create_task(flow.run(screen))
    await held.arrived
    caller.cancel()
    await asyncio.wait({caller})
    held.release()
    assert (await flow.run(screen)).sub
    assert [entry.route for entry in emulator.journal].count("POST /device/code") == 1


async def _slowed_down(flow: DeviceFlow, emulator: Emulator, screen: Screen) -> None:
    """Run a flow until the service says `slow_down`, and cancel it."""
    slow = b'{"error":"slow_down"}'
    fault = emulator.faults.add(POLL, "status", status=400, body=slow)
    caller = asyncio.create_task(flow.run(screen))
    await fault.arrived
    while len(_polls(emulator)) < 3:  # noqa: ASYNC110 - until it is known to have read that
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_that_was_slowed_down(auth: AuthClient, emulator: Emulator, where: str) -> None:
    """Run again, also in another process, it keeps to the pace that the service asked for (B39)."""
    flow, screen = auth.flows.device_sign_in(), Screen(auth)
    await _slowed_down(flow, emulator, screen)
    while auth._background._tasks:  # noqa: ASYNC110 - a poll that is left ends by itself
        await asyncio.sleep(0)
    before, screen.yes = len(_polls(emulator)), True
    if where == "elsewhere":
        flow = auth.flows.device_sign_in(resume=json.loads(json.dumps(flow.to_dict())))
    began = emulator.clock.wall()
    assert (await flow.run(screen)).sub
    assert _polls(emulator)[before] - began >= 10


async def test_slowed_down_without_an_interval(auth: AuthClient, emulator: Emulator) -> None:
    """Where no sensible interval was given, the usual five seconds are made ten (B39)."""
    flow, screen = auth.flows.device_sign_in(), Screen(auth)
    caller = asyncio.create_task(flow.run(screen))
    while not screen.shown:  # noqa: ASYNC110 - until there are codes
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    again = auth.flows.device_sign_in(resume=flow.to_dict() | {"interval": 0})
    await _slowed_down(again, emulator, screen)
    assert again.to_dict()["interval"] == 10


async def test_denied_in_two_runs(auth: AuthClient, emulator: Emulator, clock: Bedroom) -> None:
    """A no is the answer to both runs, and does not undo codes that were got since (B39)."""
    flow, first, second = auth.flows.device_sign_in(), Screen(auth), Screen(auth)
    clock.wakes = asyncio.Semaphore(0)
    runs = [asyncio.create_task(flow.run(show)) for show in (first, second)]
    while not (first.shown and second.shown and clock.asleep):  # noqa: ASYNC110 - both have shown it
        await asyncio.sleep(0)
    emulator.deny_device(first.shown[0])
    clock.wakes.release()
    with pytest.raises(errors.PermissionDenied):
        await runs[0]
    assert flow.authorization is None
    third = Screen(auth)
    again = asyncio.create_task(flow.run(third))
    while not third.shown:  # noqa: ASYNC110 - it has other codes
        await asyncio.sleep(0)
    clock.wakes.release()
    with pytest.raises(errors.PermissionDenied):
        await runs[1]
    assert flow.authorization is not None
    await third.say_yes(third.shown[0])
    clock.wakes.release()
    assert (await again).sub
    assert third.shown != first.shown


async def test_slowed_down_before_the_second_run(auth: AuthClient, emulator: Emulator) -> None:
    """A run that waited for another one's end keeps to the pace that one was asked for (B39)."""
    flow, first, second = auth.flows.device_sign_in(), Screen(auth), Screen(auth)
    slow = b'{"error":"slow_down"}'
    emulator.faults.add(POLL, "status", status=400, body=slow, times=3)
    runs = [asyncio.create_task(flow.run(show)) for show in (first, second)]
    while len(_polls(emulator)) < 4:  # noqa: ASYNC110 - until it is known to have read the third
        await asyncio.sleep(0)
    runs[0].cancel()
    await asyncio.wait({runs[0]})
    seen = len(_polls(emulator))
    while len(_polls(emulator)) < seen + 3:  # noqa: ASYNC110 - of the second run
        await asyncio.sleep(0)
    times = _polls(emulator)[seen - 1 :]
    assert all(later - earlier >= 20 for earlier, later in itertools.pairwise(times))
    runs[1].cancel()
    await asyncio.wait({runs[1]})
