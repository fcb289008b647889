"""
What an idle session costs in memory, beside a dict of the same two tokens, in one run.

    python tests/benchmarks/memory.py

The floor is the least a program could keep to go on with its users: a dict by key of
`{"access_token": ..., "refresh_token": ...}`. "Stored" is a session that was put into a
`MemoryStore` and that nobody holds; "held" is a `TokenSession` which the program keeps, without
what its store keeps, that would be on disk or in Redis with another store. Every user has tokens
of their own, with the claims and the lengths of the emulator's, which would take long to sign.

The ratios are asserted. The bytes are those of this Python, as tracemalloc counts them.
"""

import asyncio
import base64
import gc
import json
import platform
import secrets
import tracemalloc
from typing import Any

from cloudbase_auth_async import AuthClient, TokenSession
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, ManualClock

SESSIONS = 5_000
# As multiples of the floor. A copy of the tokens alone is 1, and a held session has one.
MOST_STORED = 1.3
MOST_HELD = 2.4
# Once it is dropped nothing is left of it but the room its key had in emptied dicts.
MOST_LEFT = 0.1


def _answers(emulator: Emulator) -> list[str]:
    """Return what a program would have got of each user's sign-in, as JSON text."""
    model = dict(emulator.tokens(emulator.add_user(username="alice", password="Passw0rd!")))
    head, payload, signature = model["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return [json.dumps(_answer(model, head, claims, len(signature))) for _ in range(SESSIONS)]


def _answer(
    model: dict[str, Any], head: str, claims: dict[str, Any], signature_length: int
) -> dict[str, Any]:
    sub = str(10**18 + secrets.randbelow(10**18))
    payload = json.dumps(claims | {"sub": sub}, separators=(",", ":")).encode()
    body = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    access_token = f"{head}.{body}.{secrets.token_urlsafe(signature_length)[:signature_length]}"
    length = len(model["refresh_token"])
    refresh_token = secrets.token_urlsafe(length)[:length]
    return model | {"access_token": access_token, "refresh_token": refresh_token, "sub": sub}


def _key(number: int) -> str:
    return f"session-{number:032d}"  # as long as the random value of a cookie


def _bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _floor(answers: list[str]) -> float:
    before = _bytes()
    kept: dict[str, dict[str, str]] = {}
    for number, text in enumerate(answers):
        answer = json.loads(text)
        kept[_key(number)] = {
            "access_token": answer["access_token"],
            "refresh_token": answer["refresh_token"],
        }
    return (_bytes() - before) / len(kept)


async def _got(auth: AuthClient, number: int) -> TokenSession:
    session = await auth.sessions.get(_key(number))
    assert session is not None
    await session.access_token()
    return session


async def _ours(auth: AuthClient, answers: list[str]) -> tuple[float, float, float]:
    """Return the bytes of a session that is stored, that is held, and that is gone again."""
    empty = _bytes()
    for number, text in enumerate(answers):
        await auth.sessions.put(_key(number), json.loads(text))
    stored = _bytes() - empty
    held = [await _got(auth, number) for number in range(SESSIONS)]
    both = _bytes() - empty
    assert len({session.tokens.access_token for session in held}) == SESSIONS
    held.clear()
    for number in range(SESSIONS):
        assert await auth.sessions.drop(_key(number))
    left = _bytes() - empty
    return stored / SESSIONS, (both - stored) / SESSIONS, left / SESSIONS


async def _measure() -> None:
    emulator = Emulator(clock=ManualClock())
    answers = _answers(emulator)
    async with emulator.memory_client(store=MemoryStore()) as auth:
        # What is made once, such as parsers and caches, is nobody's session.
        await auth.sessions.put("first", json.loads(answers[0]))
        await auth.sessions.drop("first")
        tracemalloc.start()
        floor = _floor(answers)
        stored, held, left = await _ours(auth, answers)
        tracemalloc.stop()
    print(f"{SESSIONS} sessions, CPython {platform.python_version()}")
    print(f"a dict of the two tokens     {floor:7.0f} bytes")
    for name, size in (("stored, not held", stored), ("held, beside its store", held)):
        print(f"{name:<28} {size:7.0f} bytes {size / floor:7.2f} times")
    print(f"{'left after drop':<28} {left:7.0f} bytes {left / floor:7.2f} times")
    assert stored / floor < MOST_STORED
    assert held / floor < MOST_HELD
    assert left / floor < MOST_LEFT


if __name__ == "__main__":
    asyncio.run(_measure())
