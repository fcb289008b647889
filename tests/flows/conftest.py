"""What the tests of flows share: an emulator on a standing clock, and a person who reads codes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import attrs
import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.models import Verification
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD = "Passw0rd!"


@attrs.define
class Person:
    """
    Somebody who reads the code last sent to a place and types it in.

    Attributes:
        place: a phone number or an e-mail address.
        slips: how often they mistype it first.
        asked: what they were handed each time.
    """

    emulator: Emulator
    place: str
    slips: int = 0
    asked: list[Verification] = attrs.field(factory=list[Verification])

    async def __call__(self, sent: Verification) -> str:
        """Type the code in."""
        self.asked.append(sent)
        if len(self.asked) <= self.slips:
            return "wrong!"
        return self.emulator.codes[self.place]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Return an emulator that speaks both contracts, with alice and her e-mail."""
    async with Emulator(clock=ManualClock(), algorithm="HS256") as running:
        running.add_user(username="alice", password=PASSWORD, email="alice@example.com")
        yield running


@pytest.fixture
async def auth(emulator: Emulator) -> AsyncIterator[AuthClient]:
    """Return a client of it; when it is closed, none of its tasks is left."""
    before = asyncio.all_tasks()
    async with emulator.client() as client:
        yield client
        emulator.faults.release()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left


@pytest.fixture
def person(emulator: Emulator) -> Callable[..., Person]:
    """Return a maker of people."""

    def make(place: str, *, slips: int = 0) -> Person:
        return Person(emulator, place, slips)

    return make


@pytest.fixture
def sent(emulator: Emulator) -> Callable[[], list[str]]:
    """Return what tells which routes were asked for so far, but for the first `skip`."""

    def told(skip: int = 0) -> list[str]:
        return [entry.route for entry in emulator.journal][skip:]

    return told
