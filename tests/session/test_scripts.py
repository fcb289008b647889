"""Promise 14 from outside: a script ends in time and has nothing to complain about."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, logging
from cloudbase_auth_async.testing import Emulator, ManualClock

# Without a handler, Python itself writes the library's warnings to stderr.
logging.getLogger("cloudbase_auth_async").addHandler(logging.NullHandler())

async def main(moment):
    # A busy machine is nothing to complain about.
    asyncio.get_running_loop().slow_callback_duration = 60
    clock = ManualClock()
    async with Emulator(clock=clock, algorithm="HS256") as emulator:
        emulator.add_user(username="alice", password="Passw0rd!")
        async with emulator.client(close_timeout={seconds!r}) as auth:
            session = auth.session(await auth.sign_in.password("alice", "Passw0rd!"))
            session.on_change(lambda pair: asyncio.sleep(0.01))
            if moment == "held":
                held = emulator.faults.add("POST /token", "hold")
                clock.advance(7000)
                await session.access_token()
                await held.arrived
            elif moment == "refreshed":
                await session.refresh()
            elif moment == "signed out":
                await session.sign_out()
            await session.aclose() if moment == "closed" else None

asyncio.run(main({moment!r}))
"""


@pytest.mark.parametrize("moment", ["idle", "held", "refreshed", "signed out", "closed"])
def test_script_exits(moment: str) -> None:
    """Under `-X dev -W error` a script ends in time, with nothing on its stderr (B13, B14)."""
    # Whatever ends by itself has all the time it needs; what is held has none.
    seconds = "0.1" if moment == "held" else "60"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [
            sys.executable,
            "-X",
            "dev",
            "-W",
            "error",
            "-c",
            SCRIPT.replace("{moment!r}", repr(moment)).replace("{seconds!r}", seconds),
        ],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, b"")
