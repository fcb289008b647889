"""Who refreshes is paused until everybody else has given them up, and then goes on."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async.errors import RefreshOutcomeUnknown
from cloudbase_auth_async.stores.base import Lease, Record
from cloudbase_auth_async.testing import Emulator, ManualClock

_SPEC = importlib.util.spec_from_file_location("fleet_shaky", Path(__file__).with_name("shaky.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
shaky: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shaky)

KEY = "alice"
LIFETIME_SECONDS = 7200


class Paused:
    """A store in which whoever writes next sleeps, while others go on."""

    def __init__(self) -> None:
        self.meanwhile: Any = None
        self._store = shaky.Shaky()
        self.load, self.remove = self._store.load, self._store.remove
        self.lock, self.keys, self.aclose = self._store.lock, self._store.keys, self._store.aclose

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Write; then let happen what happens meanwhile, the lock having lapsed."""
        done = await self._store.replace(key, record, expected=expected, lease=lease)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            self._store.lapse(key)
            await meanwhile()
        return bool(done)


@pytest.mark.parametrize("others", [True, False])
async def test_paused_before_the_request(*, others: bool) -> None:
    """Paused after the claim for minutes, a holder looks again before it sends (B2, B3)."""
    emulator = Emulator(algorithm="HS256", clock=ManualClock())
    store = Paused()
    user = emulator.add_user(username=KEY)
    async with (
        emulator.memory_client(store=store) as paused,
        emulator.memory_client(store=store) as other,
    ):
        sleeper = await paused.sessions.put(KEY, emulator.tokens(user))
        session = await other.sessions.get(KEY)
        assert session is not None
        emulator.expire_access_token()

        async def meanwhile() -> None:
            emulator.time_travel(300)
            if others:
                with pytest.raises(RefreshOutcomeUnknown):
                    await session.access_token()
                emulator.time_travel(16)
                await session.access_token()

        store.meanwhile = meanwhile
        assert await sleeper.access_token() == await session.access_token()
        emulator.assert_spends(1)


async def test_a_pair_got_again() -> None:
    """A pair that a forgiving service gives again lives from when it was made (B4, B17)."""
    emulator = Emulator(algorithm="HS256", clock=ManualClock(), grace_seconds=86400)
    user = emulator.add_user(username=KEY)
    async with emulator.memory_client() as auth:
        session = await auth.sessions.put(KEY, emulator.tokens(user))
        emulator.time_travel(LIFETIME_SECONDS - 100)
        emulator.lose_next_response("POST /token")
        for seconds in (100, LIFETIME_SECONDS - 50, 0):
            access_token = await session.access_token()
            while flight := session._owned._exchange.under_way(session.tokens.refresh_token):
                await flight.wait()
            known = emulator._control.state.access[access_token]
            assert emulator.clock.wall() < known.expires_at
            emulator.time_travel(seconds)
