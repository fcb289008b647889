"""The emulator's start: nothing slow stands in its way, and nothing slow holds the loop up."""

import asyncio
import threading
from typing import Any

import jwt
import pytest

from cloudbase_auth_async.testing import Emulator, _keys

PASSWORD = "Passw0rd!"


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Forget the process's keys, and note which thread makes each new one."""
    threads: list[threading.Thread] = []
    make = _keys._rsa

    def noted() -> Any:
        threads.append(threading.current_thread())
        return make()

    monkeypatch.setattr(_keys, "_rsa", noted)
    _keys._key.cache_clear()
    return threads


async def test_first_key_is_made_beside_the_loop(makers: list[threading.Thread]) -> None:
    """Whoever signs in first waits for the key, which a thread makes, and there is one key."""
    async with Emulator() as emulator, emulator.client() as auth:
        emulator.add_user(username="alice", password=PASSWORD)
        sign_ins = (auth.sign_in.password("alice", PASSWORD) for _ in range(5))
        pairs = await asyncio.gather(*sign_ins)
        kids = {jwt.get_unverified_header(pair.access_token)["kid"] for pair in pairs}
    async with Emulator():
        pass
    (thread,) = makers
    assert thread is not threading.main_thread()
    assert kids == {_keys.key("RS256", 0).kid}


async def test_closed_before_the_key_is_made(makers: list[threading.Thread]) -> None:
    """An emulator may be closed while its key is being made; the next one has that key."""
    async with Emulator():
        pass
    async with Emulator() as emulator, emulator.client() as auth:
        assert (await auth.sign_in.anonymously()).access_token
    assert len(makers) == 1


async def test_no_key_without_need(makers: list[threading.Thread]) -> None:
    """Making an emulator makes no key, and without RSA none is ever made."""
    Emulator()
    async with Emulator(algorithm="HS256") as emulator, emulator.client() as auth:
        assert (await auth.sign_in.anonymously()).access_token
    assert not makers
