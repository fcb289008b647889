"""Ten minutes of bad weather: the wait outlives it, and never asks too often."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from cloudbase_auth_async import errors

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("drop_before", {}),
    ("half_body", {}),
    ("hang", {}),
    ("bad_gateway", {}),
    ("status", {"status": 503}),
    ("status", {"status": 500, "body": {"error": "internal", "error_code": 13}}),
    ("status", {"status": 200, "body": "<html>log in to this network</html>"}),
    ("rate_limited", {"seconds": 7}),
    ("rate_limited_until", {"seconds": 9}),
    ("huge", {"megabytes": 2}),
    ("empty", {}),
    ("wrong_types", {}),
)
Leap = Callable[[float], None]
# Of these a poll that would bring tokens is lost together with them.
SPENDING = ("half_body", "huge", "empty", "wrong_types")


def _spoil(scene: Any, leap: Leap, kind: str, more: Any) -> None:
    if kind == "hang":
        scene.hangs(leap)
    else:
        scene.emulator.faults.add("POST /token", kind, **more)


@pytest.mark.parametrize("seed", range(8))
async def test_thirty_percent_faults(scene: Any, leap: Leap, seed: int) -> None:
    """600 s with every third poll spoilt: it succeeds, and the interval is kept to (B39)."""
    chance = random.Random(seed)  # noqa: S311 - weather
    started = await scene.auth.device.authorize()
    said, spoilt = [False], 0

    async def weather() -> None:
        nonlocal spoilt
        if not said[0] and scene.clock.wall() >= scene.emulator.journal[0].at + 530:
            said[0] = True
            await scene.say_yes(started)
        if chance.random() < 0.3:
            kind, more = chance.choice(FAULTS)
            if not (said[0] and kind in SPENDING):
                spoilt += 1
                _spoil(scene, leap, kind, more)

    scene.clock.meanwhile = weather
    tokens = await scene.auth.device.wait(started)
    assert (await scene.auth.session(tokens).user.me()).username == "alice"
    assert min(scene.gaps) >= 5
    assert spoilt >= len(scene.polls) * 0.2
    assert len(scene.polls) > 60
    assert not scene.slowed_down()
    assert scene.clock.wall() < started.expires_at.timestamp()


@pytest.mark.parametrize(("kind", "more"), FAULTS, ids=[f"{n}" for n in range(len(FAULTS))])
async def test_each_blip(scene: Any, leap: Leap, kind: str, more: Any) -> None:
    """After each kind of trouble alone the wait goes on (B39)."""
    _spoil(scene, leap, kind, more)
    started = await scene.auth.device.authorize()
    scene.after(19, lambda: scene.say_yes(started))
    assert await scene.auth.device.wait(started)
    wanted = {"hang": 10, "rate_limited": 7, "rate_limited_until": 9}.get(kind, 5)
    assert scene.gaps[:2] == pytest.approx([5, wanted], abs=1)
    assert min(scene.gaps) >= 5


async def test_time_outs_in_a_row(scene: Any, kit: Any, leap: Leap) -> None:
    """Time-outs in a row double the pause; the last poll is at the end, not after it (B39)."""
    scene.hangs(leap, times=8)
    started = await scene.auth.device.authorize()
    error = await kit.failure(scene.auth.device.wait(started))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert scene.gaps == [5, 10, 20, 40, 80, 160, 600 - 315]
    assert error.status == 0


async def test_an_answer_ends_the_doubling(scene: Any, leap: Leap) -> None:
    """After any answer the pause is the interval again."""
    scene.hangs(leap, times=3)
    started = await scene.auth.device.authorize()
    scene.after(90, lambda: scene.say_yes(started))
    assert await scene.auth.device.wait(started)
    assert scene.gaps == [5, 10, 20, 40, 5, 5, 5]


async def test_no_connection(scene: Any) -> None:
    """A service that is away for a minute is waited for."""
    started = await scene.auth.device.authorize()
    await scene.say_yes(started)
    await scene.emulator.stop_listening()
    scene.after(60, scene.emulator.start_listening)
    assert await scene.auth.device.wait(started)
    assert len(scene.polls) == 1


async def test_nothing_is_repeated_behind_its_back(scene: Any) -> None:
    """A poll that may have arrived is not sent again by itself, and each has its own connection."""
    started = await scene.auth.device.authorize()
    scene.emulator.faults.add("POST /token", "drop_before", times=3)
    scene.after(30, lambda: scene.say_yes(started))
    assert await scene.auth.device.wait(started)
    assert min(scene.gaps) >= 5
    connections = [entry.connection for entry in scene.polls]
    assert len(set(connections)) == len(connections)
