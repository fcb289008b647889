"""
What the emulator costs a test suite: requests a second in memory and over sockets, in one run.

    python tests/benchmarks/skins.py

Client and service share the process and the loop, as in a test; figures are in turns, so that
what else the machine does falls on both. The last lines are what a test waits for at its start.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from cloudbase_auth_async import AuthClient, TokenSession
from cloudbase_auth_async.testing import Emulator, ManualClock

CALLS = 500
ROUNDS = 9
PASSWORD = "Passw0rd!"

Work = Callable[[], Awaitable[object]]


def _emulator() -> Emulator:
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    emulator.add_user(username="alice", password=PASSWORD)
    return emulator


async def _rate(work: Work) -> float:
    before = time.perf_counter()
    for _ in range(CALLS):
        await work()
    return CALLS / (time.perf_counter() - before)


async def _compare(name: str, sockets: Work, memory: Work) -> None:
    rows = [(await _rate(sockets), await _rate(memory)) for _ in range(ROUNDS)][1:]
    slow = statistics.median(row[0] for row in rows)
    fast = statistics.median(row[1] for row in rows)
    ratio = statistics.median(row[1] / row[0] for row in rows)
    print(f"{name:<28} {slow:8.0f}/s sockets {fast:8.0f}/s memory {ratio:6.1f} times")


async def _compare_all() -> None:
    emulator = _emulator()
    async with emulator, emulator.client() as far, emulator.memory_client() as near:
        sessions = [await _session(auth) for auth in (far, near)]
        await _compare("session.user.me()", *(session.user.me for session in sessions))
        await _compare("session.refresh()", *(session.refresh for session in sessions))

        async def whole(auth: AuthClient) -> None:
            await (await _session(auth)).user.me()

        await _compare("sign in and user.me()", lambda: whole(far), lambda: whole(near))


async def _session(auth: AuthClient) -> TokenSession:
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


async def _starts() -> None:
    made, started = [], []
    for _ in range(50):
        before = time.perf_counter()
        emulator = Emulator()
        made.append(time.perf_counter() - before)
        async with emulator:
            started.append(time.perf_counter() - before)
    print(f"Emulator()                   {statistics.median(made) * 1e3:8.2f} ms")
    print(f"async with Emulator()        {statistics.median(started) * 1e3:8.2f} ms")


async def _first_sign_in() -> None:
    """Sign in with RS256 for the first time, and watch how long the loop stands still."""
    gaps = [0.0]

    async def watch() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    async with Emulator() as emulator, emulator.client() as auth:
        emulator.add_user(username="alice", password=PASSWORD)
        watching = asyncio.create_task(watch())
        before = time.perf_counter()
        await auth.sign_in.password("alice", PASSWORD)
        took = time.perf_counter() - before
        watching.cancel()
    print(f"first sign-in, RS256         {took * 1e3:8.2f} ms")
    print(f"  the loop stood still for   {max(gaps) * 1e3:8.2f} ms at most")


def main() -> None:
    """Measure, the first sign-in in a process where no key was made yet."""
    if sys.argv[1:] == ["first"]:
        asyncio.run(_first_sign_in())
        return
    asyncio.run(_compare_all())
    asyncio.run(_starts())
    subprocess.run([sys.executable, __file__, "first"], check=True)  # noqa: S603 -- ourselves


if __name__ == "__main__":
    main()
