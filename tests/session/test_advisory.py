"""Promise 10: nobody waits for a routine refresh."""

import asyncio
import itertools
from typing import Any

import pytest

TOKEN = "POST /token"


async def test_calls_go_on(world: Any) -> None:
    """In the advisory window calls return with the live token while a refresh is held (B1)."""
    session = await world.session()
    old = session.tokens
    held = world.emulator.faults.add(TOKEN, "hold")
    world.clock.advance(6901)
    for _ in range(20):
        assert await session.access_token() == old.access_token
        await session.user.me()
    await held.arrived
    assert world.asked == 1
    held.release()
    await world.landed(session)
    assert session.tokens != old
    assert await session.access_token() == session.tokens.access_token
    assert world.asked == 1


async def test_mandatory_window_waits(world: Any) -> None:
    """In the last thirty seconds callers wait for the refresh that the advisory window began."""
    session = await world.session()
    held = world.emulator.faults.add(TOKEN, "hold")
    world.clock.advance(6901)
    await session.access_token()
    await held.arrived
    world.clock.advance(270)
    waiting = asyncio.create_task(session.access_token())
    await asyncio.sleep(0.01)  # a window in which it must not end
    assert not waiting.done()
    held.release()
    assert await waiting == session.tokens.access_token
    assert world.asked == 1


async def test_mandatory_window_and_a_failure(world: Any) -> None:
    """If that refresh fails, the old token is still good until it dies."""
    session = await world.session()
    old = session.tokens
    world.emulator.faults.add(TOKEN, "status", status=429)
    world.clock.advance(7180)
    assert await session.access_token() == old.access_token
    assert world.asked == 1


async def test_failed_early_attempts_are_spaced(world: Any) -> None:
    """A service that is down during the whole window hears of it now and then (B19, B40)."""
    session = await world.session()
    old = session.tokens
    world.emulator.faults.add(TOKEN, "status", times=None, status=429)
    world.clock.advance(6900)
    instants: list[float] = []
    for _ in range(299):
        asked = world.asked
        assert await session.access_token() == old.access_token
        await world.landed(session)
        if world.asked > asked:
            instants.append(world.clock.monotonic())
        world.clock.advance(1)
    assert 5 <= len(instants) <= 16
    gaps = [late - early for early, late in itertools.pairwise(instants)]
    assert max(gaps) <= 61
    assert gaps[-1] > gaps[0]
    world.emulator.faults.clear()
    world.clock.advance(61)
    assert world.lives(await session.access_token())


async def test_spacing_has_jitter(world: Any) -> None:
    """Sessions that failed together do not all come back in the same second (B19)."""
    sessions = []
    for number in range(20):
        world.add(f"user-{number}")
        sessions.append(await world.session(f"user-{number}"))
    world.emulator.faults.add(TOKEN, "status", times=None, status=429)
    world.clock.advance(6900)
    for _ in range(4):
        for session in sessions:
            await session.access_token()
            await world.landed(session)
        world.clock.advance(8)
    assert len({session._owned._setback.until for session in sessions}) == len(sessions)


async def test_failure_is_logged(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A failed early attempt leaves one line in the log, without a secret in it (B23)."""
    session = await world.session()
    world.emulator.faults.add(TOKEN, "status", status=429)
    world.clock.advance(7000)
    await session.access_token()
    await world.landed(session)
    assert [record.levelname for record in caplog.records if record.name.startswith("cloudb")] == [
        "WARNING"
    ]
    assert "RateLimited" in caplog.text
    assert session.tokens.refresh_token not in caplog.text
    assert session.tokens.access_token not in caplog.text


async def test_success_forgets_the_failure(world: Any) -> None:
    """After a success the next failure is a first one again: one failure ends nothing (B40)."""
    session = await world.session()
    for _ in range(5):
        world.emulator.faults.add(TOKEN, "status", times=3, status=429)
        world.clock.advance(6950)
        for _ in range(60):
            assert world.lives(await session.access_token())
            await world.landed(session)
            world.clock.advance(1)
        assert session._owned._setback is None
    assert world.emulator.spends == 5
