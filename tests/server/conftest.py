"""What the tests of a server's token share: one emulated world, on a clock that stands still."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.server_tokens import ServerTokens
from cloudbase_auth_async.testing import Emulator, Entry, ManualClock, Request

SECRET_ID = "AKIDcanary"
SECRET_KEY = "canary-of-the-secret-key"
ROUTE = "POST /token/clientCredential"
# Longer than any test may take: a close that waits for something in vain is a failure.
CLOSE_SECONDS = 1000


class WrongClock:
    """The client's clock: the service's, with the wall clock wrong by so many seconds."""

    def __init__(self, true: ManualClock, skew: float = 0.0) -> None:
        self.true = true
        self.skew = skew

    def wall(self) -> float:
        """Return the true time and the error."""
        return self.true.wall() + self.skew

    def monotonic(self) -> float:
        """Return the true time."""
        return self.true.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the true clock."""
        await self.true.sleep(seconds)


@attrs.define(eq=False)
class World:
    """
    A service, one client of it, and the client's token as a server.

    Attributes:
        troubles: what reached the event loop's exception handler; must be empty in the end.
    """

    emulator: Emulator
    clock: ManualClock
    auth: AuthClient
    server: ServerTokens
    troubles: list[Mapping[str, Any]]

    @property
    def sent(self) -> list[Entry]:
        """Return the exchanges that reached the service."""
        return [entry for entry in self.emulator.journal if entry.route == ROUTE]

    @property
    def asked(self) -> int:
        """Count them."""
        return len(self.sent)

    def fails(self, kind: Any = "status", **options: Any) -> Any:
        """Have exchanges go wrong."""
        return self.emulator.faults.add(ROUTE, kind, **options)

    def lives(self, access_token: str) -> bool:
        """Tell whether the service would take that token now."""
        request = Request(
            method="GET",
            path="/auth/v1/token/introspect",
            headers=(("Authorization", f"Bearer {access_token}"),),
            body=b"",
        )
        return b"client_id" in self.emulator.answer(request).body

    async def landed(self) -> None:
        """Wait for the exchange under way, if there is one."""
        while tasks := self.auth._background._tasks - {asyncio.current_task()}:
            await asyncio.wait(tasks)


@contextlib.asynccontextmanager
async def opened(
    client: Mapping[str, Any] | None = None, *, method: Any = "tc3", **options: Any
) -> AsyncIterator[World]:
    """
    Open a world; when it closes, no task may be left and nothing may have failed unseen.

    Args:
        client: arguments of its `AuthClient`.
        method: how its key is shown.
        options: arguments of its `Emulator`.
    """
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    troubles: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    clock = options.setdefault("clock", ManualClock())
    usual = {"algorithm": "HS256", "secret_id": SECRET_ID, "secret_key": SECRET_KEY}
    emulator = Emulator(**(usual | options))
    async with contextlib.AsyncExitStack() as closing:
        await closing.enter_async_context(emulator)
        auth = emulator.client(**({"close_timeout": CLOSE_SECONDS} | dict(client or {})))
        await closing.enter_async_context(auth)
        server = auth.server(SECRET_ID, SECRET_KEY, method=method)
        yield World(emulator, clock, auth, server, troubles)
        emulator.faults.release()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
    assert not troubles, troubles


@pytest.fixture
def open_world() -> Callable[..., contextlib.AbstractAsyncContextManager[World]]:
    """Return a maker of worlds with settings of their own."""
    return opened


@pytest.fixture
def skewed() -> Callable[..., Any]:
    """Return a maker of worlds whose client has a wrong wall clock."""

    def make(skew: float, **options: Any) -> Any:
        true = ManualClock()
        return opened({"clock": WrongClock(true, skew)}, clock=true, **options)

    return make


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return the usual world."""
    async with opened() as usual:
        yield usual
