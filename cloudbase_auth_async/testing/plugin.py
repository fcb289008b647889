"""
The pytest plugin: an emulated CloudBase Auth, a client of it and a signed-in session.

```python
async def test_greeting(cloudbase_session, cloudbase_emulator):
    cloudbase_emulator.expire_access_token()
    assert await greeting(cloudbase_session) == "Hello, alice!"
    cloudbase_emulator.assert_spends(1)
```

The fixtures are plain functions without a loop of their own. What they return binds to the loop
of its first await, so they work under pytest-asyncio in either mode and under anyio's plugin
with its asyncio backend. The client is closed when its test is over; whether anything was left
running then, `await cloudbase_emulator.assert_no_tasks()` tells at the end of the test.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudbase_auth_async import AuthClient, TokenSession
    from cloudbase_auth_async.testing import Emulator, EmulatorThread, User

MARKER: Final = "cloudbase_emulator"

_PASSWORD: Final = "Passw0rd!"  # noqa: S105 -- it guards nothing


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): arguments of the Emulator behind the cloudbase fixtures",
    )


@pytest.fixture
def cloudbase_emulator(request: pytest.FixtureRequest) -> Emulator:
    """
    An emulated CloudBase Auth without sockets, on a clock that only moves when told.

    `@pytest.mark.cloudbase_emulator(dialect="documented")` hands arguments to the `Emulator`.
    Move time with `time_travel` or `expire_access_token`, lose an answer with
    `lose_next_response`, script other faults with `faults.add`. In the end ask
    `assert_spends(1)`, `assert_no_secrets(caplog)` and `await assert_no_tasks()`.
    """
    # Imported when a test asks for it: a run that does not pays nothing for the service.
    from cloudbase_auth_async.testing import Emulator, ManualClock  # noqa: PLC0415

    # Today, for apps that look at a token's `exp` with a clock of their own.
    today = ManualClock(time.time())
    return Emulator(**_options(request, clock=today))


@pytest.fixture
def cloudbase_auth(cloudbase_emulator: Emulator) -> Iterator[AuthClient]:
    """
    An `AuthClient` of the emulator.

    Hand it to the app under test. It holds no socket. After the test it is closed: a refresh or
    a hook that still runs finishes or is cancelled, in the loop of the test, and an app that
    keeps the client for the next test gets `ClientClosed`.
    """
    from cloudbase_auth_async.testing._closing import close  # noqa: PLC0415 -- see above

    auth = cloudbase_emulator.memory_client()
    yield auth
    close(auth, cloudbase_emulator)


@pytest.fixture
def cloudbase_user(cloudbase_emulator: Emulator) -> User:
    """
    The user behind `cloudbase_session`: alice, with a password.

    Override it in a conftest.py to have somebody else.
    """
    return cloudbase_emulator.add_user(username="alice", password=_PASSWORD)


@pytest.fixture
def cloudbase_session(
    cloudbase_auth: AuthClient, cloudbase_emulator: Emulator, cloudbase_user: User
) -> TokenSession:
    """A `TokenSession` of `cloudbase_user`, signed in a moment ago."""
    return cloudbase_auth.session(cloudbase_emulator.tokens(cloudbase_user))


@pytest.fixture
def cloudbase_server(request: pytest.FixtureRequest) -> Iterator[EmulatorThread]:
    """
    An emulator of its own on a loopback port, for apps that run in another process or thread.

    Start the app with `{**os.environ, **cloudbase_server.environ}`, or tell it the `base_url`.
    Arrange and check with `cloudbase_server.run(lambda emulator: ...)`: the emulator belongs to
    a thread, which ends with the test. Its clock ticks unless the marker says otherwise; the
    other fixtures do not know it.
    """
    from cloudbase_auth_async.testing import Emulator, EmulatorThread  # noqa: PLC0415 -- see above

    with EmulatorThread(Emulator(**_options(request))) as server:
        yield server


def _options(request: pytest.FixtureRequest, **options: Any) -> dict[str, Any]:
    """Return the usual options, and what the markers say instead."""
    # The nearest marker comes first, and wins.
    for mark in reversed(list(request.node.iter_markers(MARKER))):
        options.update(mark.kwargs)
    return options
