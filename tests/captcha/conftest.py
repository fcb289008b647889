"""What the captcha tests share: a service, a client, and the person who reads its pictures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError
from cloudbase_auth_async.models import CaptchaChallenge
from cloudbase_auth_async.testing import Emulator, Entry, ManualClock

PASSWORD = "Passw0rd!"
MAIL = "carol@example.com"
SEND = "POST /verification"
# Longer than any test may take: a close that waits for something in vain is a failure.
CLOSE_SECONDS = 1000


@attrs.define(eq=False)
class Person:
    """
    Somebody in front of a screen; the client's solver.

    Attributes:
        emulator: knows what the pictures show.
        says: what is answered to the next pictures: "right", "wrong", an exception to raise, a
            function of the picture, or the very value; "right" when there is nothing left.
        shown: every picture so far.
        most_at_once: how many dialogs were ever open at the same time.
        thinks: while it is clear, nobody answers.
    """

    emulator: Emulator
    says: list[Any] = attrs.field(factory=list[Any])
    shown: list[CaptchaChallenge] = attrs.field(factory=list[CaptchaChallenge])
    looking: int = 0
    most_at_once: int = 0
    thinks: asyncio.Event = attrs.field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self.thinks.set()

    async def __call__(self, picture: CaptchaChallenge) -> Any:
        """Answer a picture."""
        self.shown.append(picture)
        self.looking += 1
        self.most_at_once = max(self.most_at_once, self.looking)
        try:
            await self.thinks.wait()
            return await self._answer(picture)
        finally:
            self.looking -= 1

    async def _answer(self, picture: CaptchaChallenge) -> Any:
        saying = self.says.pop(0) if self.says else "right"
        if saying == "right":
            return self.emulator.captchas[picture.token]
        if saying == "wrong":
            return "no"
        if isinstance(saying, BaseException):
            raise saying
        return await saying(picture) if callable(saying) else saying


@attrs.define(eq=False)
class Scene:
    """
    A service that may demand captchas, a client of it, and its person.

    Attributes:
        troubles: what reached the event loop's exception handler.
        expected_troubles: how many there must be in the end.
    """

    emulator: Emulator
    auth: AuthClient
    person: Person
    troubles: list[Mapping[str, Any]]
    expected_troubles: int = 0

    async def send(self, **more: Any) -> Any:
        """Make a call of which the tests demand a captcha."""
        return await self.auth.verification.send(email=MAIL, **more)

    def demand(self, route: str = SEND, **more: Any) -> None:
        """Let the service demand a captcha."""
        self.emulator.require_captcha(route, **more)

    def relent(self, route: str = SEND) -> None:
        """Let the service demand no captcha any more."""
        del self.emulator._control.state.captcha_demands[route]

    def sent(self, route: str = SEND) -> list[Entry]:
        """Return the requests of a route."""
        return [entry for entry in self.emulator.journal if entry.route == route]

    @property
    def tokens(self) -> list[str]:
        """Every captcha token that was sent, once for each request."""
        found = [
            entry.header("x-captcha-token") or entry.query.get("captcha_token")
            for entry in self.emulator.journal
        ]
        return [token for token in found if token]

    async def looking(self) -> None:
        """Wait until a picture is shown."""
        while not self.person.looking:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)

    async def in_line(self, count: int) -> None:
        """Wait until so many calls stand in line, the one at its head counted."""
        desk: Any = self.auth._caller.captcha
        while len(desk._line) + (desk._holder is not None) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def lined_up(self, count: int) -> "list[asyncio.Task[Any]]":
        """Have so many calls stand in line, in this order, before a person who thinks."""
        self.person.thinks.clear()
        tasks: list[asyncio.Task[Any]] = []
        for _ in range(count):
            tasks.append(asyncio.create_task(self.send()))
            await self.in_line(len(tasks))
        await self.looking()
        return tasks

    async def wrong_passwords(self) -> None:
        """Spoil alice's sign-in, so that the next one needs a captcha."""
        for _ in range(5):
            await failure(self.auth.sign_in.password("alice", "wrong"))


async def failure(work: Awaitable[Any]) -> CloudBaseAuthError:
    """Return the error of ours that a call ends in; anything else is the test's failure."""
    try:
        answer = await work
    except CloudBaseAuthError as error:
        return error
    raise AssertionError(f"it answered {answer!r}")


async def cancelled(task: "asyncio.Task[Any]") -> None:
    """Cancel a caller and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


@contextlib.asynccontextmanager
async def opened(client: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[Scene]:
    """
    Open a scene; when it closes, no task may be left and nothing may have failed unseen.

    Args:
        client: arguments of its `AuthClient`; `captcha=None` for no solver.
        options: arguments of its `Emulator`.
    """
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    troubles: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    usual: dict[str, Any] = {"clock": ManualClock(), "algorithm": "HS256"}
    async with Emulator(**(usual | options)) as emulator:
        emulator.add_user(username="alice", password=PASSWORD)
        person = Person(emulator)
        usual = {"captcha": person, "close_timeout": CLOSE_SECONDS}
        async with emulator.client(**(usual | dict(client or {}))) as auth:
            scene = Scene(emulator, auth, person, troubles)
            yield scene
            emulator.faults.release()
        assert person.most_at_once <= 1
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
    assert len(troubles) == scene.expected_troubles, troubles


class Kit:
    """Small functions that many tests need."""

    failure = staticmethod(failure)
    cancelled = staticmethod(cancelled)
    opened = staticmethod(opened)


@pytest.fixture
def kit() -> Kit:
    """Return the small functions."""
    return Kit()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Return the usual scene."""
    async with opened() as usual:
        yield usual
