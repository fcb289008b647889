"""The emulator without sockets: waiting, leaving, closing and loops."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Emulator, EmulatorClock, ManualClock

PASSWORD = "Passw0rd!"
EMAIL = "bob@example.com"


@pytest.fixture
def emulator() -> Emulator:
    """Return an emulator that was made with no loop running, and the user alice."""
    made = Emulator(clock=ManualClock(), algorithm="HS256")
    made.add_user(username="alice", password=PASSWORD)
    return made


@pytest.fixture
def auth(emulator: Emulator) -> AuthClient:
    """Return a client of it, made with no loop running."""
    return emulator.memory_client()


def test_a_loop_each(emulator: Emulator, auth: AuthClient) -> None:
    """One emulator and one client serve several loops, one after the other."""
    tokens = asyncio.run(auth.sign_in.password("alice", PASSWORD))
    session = auth.session(tokens)
    emulator.expire_access_token()
    assert asyncio.run(session.user.me()).username == "alice"
    emulator.time_travel(7200)
    assert asyncio.run(session.user.me()).username == "alice"
    emulator.assert_spends(2)


async def test_hundred_callers(emulator: Emulator, auth: AuthClient) -> None:
    """Requests overlap in memory as on sockets, and one refresh serves them all."""
    session = auth.session(emulator.tokens(emulator.add_user(username="carol")))
    emulator.expire_access_token()
    profiles = await asyncio.gather(*(session.user.me() for _ in range(100)))
    assert {profile.username for profile in profiles} == {"carol"}
    statuses = [entry.status for entry in emulator.journal]
    assert statuses == [200] * 101
    emulator.assert_spends(1)
    await emulator.assert_no_tasks()


async def test_opaque_tokens_know_their_end() -> None:
    """A session of tokens without a request refreshes in time even if they tell nothing."""
    emulator = Emulator(clock=ManualClock(), opaque_access_tokens=True)
    auth = emulator.memory_client()
    session = auth.session(emulator.tokens(emulator.add_user(username="alice")))
    assert (await session.user.me()).username == "alice"
    emulator.expire_access_token()
    assert (await session.user.me()).username == "alice"
    assert [entry.status for entry in emulator.journal] == [200, 200, 200]


@pytest.mark.parametrize("kind", ["hold", "hang"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_release(kind: Any, when: Any) -> None:
    """What is held is let go by its release, handled before or after the wait."""
    emulator = Emulator(clock=EmulatorClock())
    auth = emulator.memory_client()
    fault = emulator.faults.add("POST /verification", kind, when=when)
    waiting = asyncio.create_task(auth.verification.send(email=EMAIL))
    await fault.arrived
    await asyncio.sleep(0)
    assert (EMAIL in emulator.codes) is (when == "after")
    assert emulator.journal[-1].status is None
    fault.release()
    assert (await waiting).verification_id
    assert emulator.journal[-1].status == 200


async def test_hang_ends_by_the_clock() -> None:
    """A hanging call times out when a test moves the clock past the client's patience."""
    emulator = Emulator()
    auth = emulator.memory_client(timeout=3600)
    fault = emulator.faults.add("*", "hang")
    waiting = asyncio.create_task(auth.verification.send(email=EMAIL))
    await fault.arrived
    await asyncio.sleep(0)
    emulator.time_travel(1800)
    await asyncio.sleep(0.01)
    assert not waiting.done()
    emulator.time_travel(1800)
    with pytest.raises(errors.RequestTimedOut):
        await waiting


async def test_hang_on_a_clock_that_stands(emulator: Emulator, auth: AuthClient) -> None:
    """On a clock that its sleepers move, a hang takes no real time but all of the patience."""
    emulator.faults.add("*", "hang")
    before = emulator.clock.monotonic()
    with pytest.raises(errors.RequestTimedOut):
        await auth.verification.send(email=EMAIL)
    assert emulator.clock.monotonic() - before == pytest.approx(30)


@pytest.mark.parametrize("kind", ["hold", "hang", "delay"])
async def test_who_leaves_takes_nothing_back(kind: Any) -> None:
    """A request whose client was cancelled is handled all the same."""
    emulator = Emulator()
    auth = emulator.memory_client()
    fault = emulator.faults.add("*", kind, seconds=60)
    waiting = asyncio.create_task(auth.verification.send(email=EMAIL))
    await fault.arrived
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    emulator.faults.release()
    assert EMAIL in emulator.codes
    assert len(asyncio.all_tasks()) == 1


async def test_delay_beyond_patience(leap: Callable[[float], None]) -> None:
    """A delay longer than the client's patience is a timeout after which the work is done."""
    emulator = Emulator()
    auth = emulator.memory_client()
    fault = emulator.faults.add("*", "delay", seconds=3600)
    waiting = asyncio.create_task(auth.verification.send(email=EMAIL))
    await fault.arrived
    leap(31)
    with pytest.raises(errors.RequestTimedOut):
        await waiting
    assert EMAIL in emulator.codes


async def test_released_already(emulator: Emulator, auth: AuthClient) -> None:
    """A fault that was released holds nobody."""
    fault = emulator.faults.add("*", "hang", times=None)
    fault.release()
    assert await auth.verification.send(email=EMAIL)


async def test_reset_forgets_what_is_held(emulator: Emulator) -> None:
    """A request that a reset lets go leaves nothing in the new state."""
    auth = emulator.memory_client(timeout=0.01)
    emulator.faults.add("*", "hold")
    with pytest.raises(errors.RequestTimedOut):
        await auth.verification.send(email=EMAIL)
    emulator.reset()
    assert not emulator.codes
    assert not emulator.journal


async def test_limits_of_an_answer(emulator: Emulator) -> None:
    """The client's limit holds for every answer, and what is below it gets through."""
    narrow = emulator.memory_client(max_answer_bytes=50)
    with pytest.raises(errors.AnswerTooLarge):
        await narrow.sign_in.password("alice", PASSWORD)
    emulator.faults.add("POST /revoke", "huge", megabytes=1)
    wide = emulator.memory_client(max_answer_bytes=3_000_000)
    await wide.token.revoke("unknown")
    assert emulator.journal[-1].status == 200


async def test_closed(emulator: Emulator) -> None:
    """A closed client sends nothing."""
    async with emulator.memory_client() as auth:
        assert await auth.sign_in.password("alice", PASSWORD)
    with pytest.raises(errors.ClientClosed):
        await auth.sign_in.password("alice", PASSWORD)
    assert len(emulator.journal) == 1


async def test_client_without_a_secret(emulator: Emulator) -> None:
    """The client id goes in the query, and no Authorization goes at all."""
    auth = emulator.memory_client(client_secret=None)
    assert await auth.sign_in.password("alice", PASSWORD)
    (entry,) = emulator.journal
    assert entry.query == {"client_id": emulator.client_id}
    assert entry.header("authorization") is None


async def test_codes_are_shown() -> None:
    """`on_code` hears of codes that clients in memory have sent."""
    shown: list[str] = []
    emulator = Emulator(on_code=lambda place, _: shown.append(place))
    await emulator.memory_client().verification.send(email=EMAIL)
    assert shown == [EMAIL]


async def test_date_header(emulator: Emulator) -> None:
    """The skew of the Date header reaches the client in memory, too."""
    skewed = Emulator(clock=emulator.clock, date_skew_seconds=-3600)
    auth = skewed.memory_client()
    await auth.verification.send(email=EMAIL)
    assert auth._caller.server_time.now() == pytest.approx(emulator.clock.wall() - 3600, abs=1)


async def test_one_transport(emulator: Emulator) -> None:
    """A client is given a session to borrow or a transport, not both."""
    async with aiohttp.ClientSession() as http:
        with pytest.raises(errors.ConfigurationError, match="transport"):
            emulator.memory_client(http=http)


async def test_both_skins_share_a_service(emulator: Emulator, auth: AuthClient) -> None:
    """A user who signed in over sockets is known in memory."""
    async with emulator, emulator.client() as other:
        tokens = await other.sign_in.password("alice", PASSWORD)
        assert (await auth.session(json.loads(json.dumps(tokens.to_dict()))).user.me()).sub
    assert len(emulator.journal) == 2
