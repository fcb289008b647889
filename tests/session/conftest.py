"""What the session's tests share: one emulated world, on a clock that stands still."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.testing import Emulator, Entry, ManualClock, Request, User

PASSWORD = "Passw0rd!"


@attrs.define(eq=False)
class World:
    """
    A service with the users alice and bob, and one client of it.

    Attributes:
        troubles: what reached the event loop's exception handler; must be empty in the end.
    """

    emulator: Emulator
    clock: ManualClock
    auth: AuthClient
    troubles: list[Mapping[str, Any]]

    async def session(self, name: str = "alice") -> TokenSession:
        """Sign a user in."""
        return self.auth.session(await self.auth.sign_in.password(name, PASSWORD))

    def add(self, name: str) -> User:
        """Add one more user."""
        return self.emulator.add_user(username=name, password=PASSWORD)

    def sent(self, route: str) -> list[Entry]:
        """Return the requests of a route, such as `POST /token`."""
        return [entry for entry in self.emulator.journal if entry.route == route]

    @property
    def asked(self) -> int:
        """Count the refreshes that reached the service."""
        return len(self.sent("POST /token"))

    def lives(self, access_token: str) -> bool:
        """Tell whether the service would take that access token now."""
        request = Request(
            method="GET",
            path="/auth/v1/user/me",
            query={},
            headers=(("Authorization", f"Bearer {access_token}"),),
            body=b"",
        )
        return self.emulator.answer(request).status == 200

    @property
    def signed_in(self) -> int:
        """Count the sessions that live on at the service."""
        return len(self.emulator._control.state.grants)

    @staticmethod
    async def landed(session: TokenSession) -> None:
        """Wait for the refresh under way, if there is one."""
        flight = session._owned._exchange.under_way(session.tokens.refresh_token)
        if flight is not None:
            await flight.wait()

    @staticmethod
    async def until(condition: Callable[[], bool]) -> None:
        """Let the loop turn until something is so."""
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)

    async def drained(self) -> None:
        """Wait until the client has no work of its own left."""
        while tasks := self.auth._background._tasks - {asyncio.current_task()}:
            await asyncio.wait(tasks)


@contextlib.asynccontextmanager
async def opened(client: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[World]:
    """
    Open a world; when it closes, no task may be left and nothing may have failed unseen.

    Args:
        client: arguments of its `AuthClient`.
        options: arguments of its `Emulator`.
    """
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    troubles: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    clock = options.setdefault("clock", ManualClock())
    # Signing with RSA would take most of the suite's time, and nobody here checks a signature.
    async with Emulator(**({"algorithm": "HS256"} | options)) as emulator:
        for name in ("alice", "bob"):
            emulator.add_user(username=name, password=PASSWORD)
        async with emulator.client(**({"close_timeout": 10} | dict(client or {}))) as auth:
            yield World(emulator, clock, auth, troubles)
            emulator.faults.release()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
    assert not troubles, troubles


@pytest.fixture
def open_world() -> Callable[..., contextlib.AbstractAsyncContextManager[World]]:
    """Return a maker of worlds with settings of their own."""
    return opened


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return the usual world."""
    async with opened() as usual:
        yield usual
