"""
A process of the fleet that forks: what it and its child are told is on its standard input.

Parent and child have the same session then, each in an event loop of its own.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.testing import ManualClock

TOLD: Mapping[str, Any] = json.loads(sys.argv[1])
CLOCK = ManualClock()
STORE = FileStore(TOLD["store"])


def report(**facts: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Half:
    """The parent or the child."""

    def __init__(self, auth: AuthClient, session: TokenSession) -> None:
        self._auth = auth
        self._session = session
        self._child: TextIO | None = None

    async def live(self, commands: TextIO) -> None:
        """Do what each line says until there are no more."""
        while line := await asyncio.to_thread(commands.readline):
            told = json.loads(line)
            if told["do"].startswith("fork"):
                await self._fork(locked=told["do"] == "fork locked")
            elif told.get("who") == "child" and self._child is not None:
                self._child.write(line)
                self._child.flush()
            else:
                await self._token(told["at"])
        await self._auth.aclose()

    async def _token(self, at: float) -> None:
        CLOCK.advance(max(0.0, at - CLOCK.monotonic()))
        try:
            report(token=await self._session.access_token(), pid=os.getpid())
        except errors.CloudBaseAuthError as failure:
            report(error=type(failure).__name__)

    async def _fork(self, *, locked: bool) -> None:
        if locked:
            async with STORE.lock(TOLD["key"], wait_seconds=30, hold_seconds=60):
                self._split()
        else:
            self._split()
        report(forked=True)

    def _split(self) -> None:
        """Fork; the child never comes back from here."""
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(writing)
            status = 1
            try:
                with os.fdopen(reading) as commands:
                    asyncio.run(self.live(commands))
                status = 0
            finally:
                os._exit(status)
        os.close(reading)
        self._child = os.fdopen(writing, "w")

    def wait(self) -> int:
        """Let the child end, and tell how it did."""
        assert self._child is not None
        self._child.close()
        return os.waitstatus_to_exitcode(os.wait()[1])


async def main() -> None:
    """Be the parent."""
    auth = AuthClient("demo-env", base_url=TOLD["base_url"], clock=CLOCK, store=STORE)
    session = await auth.sessions.get(TOLD["key"])
    assert session is not None
    half = Half(auth, session)
    report(ready=os.getpid())
    await half.live(sys.stdin)
    report(child=half.wait())


if __name__ == "__main__":
    asyncio.run(main())
