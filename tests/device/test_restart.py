"""A device that is switched off and on while its user looks for the telephone."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudbase_auth_async import ConfigurationError, errors
from cloudbase_auth_async.models import DeviceAuthorization

GOOD = {
    "device_code": "c4nary-code",
    "user_code": "ABCD",
    "expires_in": 600,
    "interval": 5,
    "verification_uri": "https://example.com/device",
    "verification_uri_complete": "https://example.com/device?user_code=ABCD",
    "expires_at": 1_700_000_600.5,
    "more": ["x"],
}


def test_there_and_back() -> None:
    """What is written out is read back, unknown fields included."""
    read = DeviceAuthorization.from_dict(json.loads(json.dumps(GOOD)))
    assert read.to_dict() == GOOD
    assert DeviceAuthorization.from_dict(read.to_dict()) == read
    assert read.expires_at == datetime.fromtimestamp(1_700_000_600.5, UTC)
    assert read.extra == {"more": ["x"]}
    assert "c4nary" not in repr(read)


def test_what_may_be_left_out() -> None:
    """The service's own answer is read, too."""
    needed = ("device_code", "user_code", "expires_in", "verification_uri")
    read = DeviceAuthorization.from_dict({name: GOOD[name] for name in needed})
    assert (read.interval, read.expires_at, read.verification_uri_complete) == (5, None, None)
    assert read.to_dict()["expires_at"] is None


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("device_code", None, "must be of type str"),
        ("device_code", "", "must not be empty"),
        ("device_code", 5, "must be of type str"),
        ("user_code", None, "must be of type str"),
        ("verification_uri", ["c4nary"], "must be of type str"),
        ("verification_uri_complete", 5, "must be of type str"),
        ("expires_in", "600", "must be of type int"),
        ("expires_in", True, "must be of type int"),
        ("expires_in", 10**30, "must be a reasonable number"),
        ("interval", 5.5, "must be of type int"),
        ("expires_at", "c4nary", "must be of type float"),
        ("expires_at", float("nan"), "must be a reasonable number"),
        ("expires_at", -1, "must be seconds since the epoch"),
        ("expires_at", 1e15, "must be seconds since the epoch"),
    ],
)
def test_what_cannot_be_read(name: str, value: Any, problem: str) -> None:
    """A wrong field is named, and no frame of ours holds the secret."""
    with pytest.raises(ConfigurationError) as caught:
        DeviceAuthorization.from_dict(GOOD | {name: value})
    assert (caught.value.argument, str(caught.value)) == (name, f"{name}: {problem}")
    frames = caught.value.__traceback__
    assert frames is not None
    assert frames.tb_next is not None
    assert "c4nary" not in repr(frames.tb_next.tb_frame.f_locals)


@pytest.mark.parametrize("value", [None, [], "c4nary"], ids=repr)
def test_no_mapping(value: Any) -> None:
    """What is no mapping is named."""
    with pytest.raises(ConfigurationError, match=r"^data: must be a mapping$"):
        DeviceAuthorization.from_dict(value)


async def test_resumed(scene: Any) -> None:
    """After a restart another client goes on, and waits an interval first (B39)."""
    started = await scene.auth.device.authorize()
    scene.emulator.faults.add("POST /token", "drop_before")
    with pytest.raises(errors.TransportError):
        await scene.auth.device.poll(started.device_code)
    stored = json.dumps(started.to_dict())
    await scene.say_yes(started)
    async with scene.emulator.client() as auth:
        tokens = await auth.device.wait(DeviceAuthorization.from_dict(json.loads(stored)))
        assert tokens.access_token
    assert scene.gaps == [0, 5]


@pytest.mark.parametrize("off", [-86_400.0, -300.0, 0.0, 300.0, 86_400.0])
async def test_resumed_with_a_wrong_clock(scene: Any, kit: Any, off: float) -> None:
    """A wall clock that is wrong costs nothing: the first answer says what time it is (B39)."""
    started = await scene.auth.device.authorize()
    wrong = kit.Diary(scene.clock.wall() + off)
    wrong.follows = scene.clock
    async with scene.emulator.client(clock=wrong) as auth:

        async def later() -> None:
            if scene.clock.wall() >= scene.emulator.journal[0].at + 400:
                wrong.meanwhile = None
                await scene.say_yes(started)

        wrong.meanwhile = later
        assert await auth.device.wait(DeviceAuthorization.from_dict(started.to_dict()))
    assert min(scene.gaps) >= 5


@pytest.mark.parametrize("off", [-86_400.0, 0.0, 86_400.0])
async def test_resumed_too_late(scene: Any, kit: Any, off: float) -> None:
    """A code that is dead by then is asked for once, and the service says so (B39)."""
    started = await scene.auth.device.authorize()
    scene.clock.advance(700)
    wrong = kit.Diary(scene.clock.wall() + off)
    wrong.follows = scene.clock
    async with scene.emulator.client(clock=wrong) as auth:
        again = DeviceAuthorization.from_dict(started.to_dict())
        error = await kit.failure(auth.device.wait(again))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert error.status == 400
    assert len(scene.polls) == 1


async def test_made_by_hand(scene: Any, kit: Any) -> None:
    """One that does not say when it dies lives as long as it says from now on."""
    started = await scene.auth.device.authorize()
    scene.emulator.faults.add("POST /token", "bad_gateway", times=None)
    fields = started.to_dict() | {"expires_at": None, "expires_in": 60}
    error = await kit.failure(scene.auth.device.wait(DeviceAuthorization.from_dict(fields)))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert len(scene.polls) == 12


@pytest.mark.parametrize(("off", "polls"), [(0.0, 4), (-86_400.0, 120)])
async def test_resumed_where_nobody_answers(scene: Any, kit: Any, off: float, polls: int) -> None:
    """It ends when the code does, and after its whole life if the clock is a day behind (B39)."""
    started = await scene.auth.device.authorize()
    scene.clock.advance(580)
    scene.emulator.faults.add("POST /token", "drop_before", times=None)
    wrong = kit.Diary(scene.clock.wall() + off)
    wrong.follows = scene.clock
    async with scene.emulator.client(clock=wrong) as auth:
        again = DeviceAuthorization.from_dict(started.to_dict())
        error = await kit.failure(auth.device.wait(again))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert error.status == 0
    assert len(scene.polls) == polls


async def test_time_that_the_service_sends(scene: Any) -> None:
    """When the code dies is our own reckoning: a field of that name is kept beside it."""
    answer = {name: value for name, value in GOOD.items() if name != "more"} | {"expires_at": "x"}
    scene.emulator.faults.add("POST /device/code", "status", status=200, body=answer)
    started = await scene.auth.device.authorize()
    assert started.extra == {"expires_at": "x"}
    assert started.expires_at.timestamp() - scene.clock.wall() == pytest.approx(600, abs=1)
    assert started.to_dict()["expires_at"] == started.expires_at.timestamp()
