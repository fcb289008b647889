"""
What it costs to find a user's session and token in each request, beside the floor, in one run.

    python tests/benchmarks/sessions.py

A request is `await auth.sessions.get(key)` and `await session.access_token()`. The floor is what
a program could do least with the same tokens in the same sort of place: look the text up in a
dict, or read a file in a thread, and `json.loads`. "Held" is measured while the program holds
every session, "made anew" while it holds none, so that each request makes its own.

Figures are CPU time, threads included. Floor and library take turns. The ratios are asserted,
with room for a machine that does other things as well.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.stores.base import Store
from cloudbase_auth_async.stores.file import FileStore
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, ManualClock

SESSIONS = 100
ROUNDS = 15
# As multiples of the floor.
MOST_IN_MEMORY = 80.0
MOST_IN_FILES = 6.0

Request = Callable[[str], Awaitable[object]]


def _users() -> tuple[Emulator, dict[str, str]]:
    """Return a service, and what a program would keep of each user's sign-in."""
    emulator = Emulator(clock=ManualClock())
    answers: dict[str, str] = {}
    for number in range(SESSIONS):
        user = emulator.add_user(username=f"user-{number}", password="Passw0rd!")
        answers[f"session-{number}"] = json.dumps(dict(emulator.tokens(user)))
    return emulator, answers


def _request(auth: AuthClient) -> Request:
    async def request(key: str) -> object:
        session = await auth.sessions.get(key)
        assert session is not None
        return await session.access_token()

    return request


async def _microseconds(request: Request, keys: list[str]) -> float:
    before = time.process_time()
    for key in keys:
        await request(key)
    return (time.process_time() - before) / len(keys) * 1e6


async def _turns(name: str, floor: Request, request: Request, keys: list[str]) -> float:
    rows = [
        (await _microseconds(floor, keys), await _microseconds(request, keys))
        for _ in range(ROUNDS)
    ][1:]
    low = statistics.median(row[0] for row in rows)
    ratio = statistics.median(row[1] / row[0] for row in rows)
    print(f"{name:<24} {ratio:6.2f} times the floor of {low:6.1f} us")
    return ratio


async def _compare(name: str, store: Store, floor: Request, most: float) -> None:
    emulator, answers = _users()
    keys = list(answers)
    async with emulator.memory_client(store=store) as auth:
        for key, text in answers.items():
            await auth.sessions.put(key, json.loads(text))
        anew = await _turns(f"{name}, made anew", floor, _request(auth), keys)
        sessions = [await auth.sessions.get(key) for key in keys]
        held = await _turns(f"{name}, held", floor, _request(auth), keys)
        assert None not in sessions
    assert anew < most
    assert held < most


async def _in_memory(texts: dict[str, str]) -> None:
    async def floor(key: str) -> object:
        return json.loads(texts[key])["access_token"]

    await _compare("MemoryStore", MemoryStore(), floor, MOST_IN_MEMORY)


async def _in_files(texts: dict[str, str], directory: Path) -> None:
    for key, text in texts.items():
        (directory / key).write_text(text)

    async def floor(key: str) -> object:
        text = await asyncio.to_thread((directory / key).read_bytes)
        return json.loads(text)["access_token"]

    await _compare("FileStore", FileStore(directory / "sessions"), floor, MOST_IN_FILES)


def main() -> None:
    """Measure one store after the other."""
    _, texts = _users()
    asyncio.run(_in_memory(texts))
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_in_files(texts, Path(directory)))


if __name__ == "__main__":
    main()
