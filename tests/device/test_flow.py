"""The device flow from the codes to the tokens, and every way it may end."""

import asyncio
import base64
import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudbase_auth_async import ConfigurationError, errors
from cloudbase_auth_async.models import DeviceAuthorization

URN = "urn:ietf:params:oauth:grant-type:device_code"


async def test_from_codes_to_tokens(scene: Any) -> None:
    """One interval, a poll, and again, until the user says yes; then tokens that work (B39)."""
    started = await scene.auth.device.authorize()
    assert (started.expires_in, started.interval) == (600, 5)
    assert started.verification_uri_complete.endswith(started.user_code)
    scene.after(17, lambda: scene.say_yes(started))
    tokens = await scene.auth.device.wait(started)
    assert (await scene.auth.session(tokens).user.me()).username == "alice"
    assert tokens.refresh_token
    assert scene.gaps == [5, 5, 5, 5]
    assert scene.polls[0].json == {"grant_type": URN, "device_code": started.device_code}
    assert not scene.slowed_down()


async def test_requests(scene: Any) -> None:
    """They carry the client's name, never a user's bearer (B27)."""
    scene.emulator.faults.add("POST /token", "status", status=400, body={"error": "access_denied"})
    started = await scene.auth.device.authorize(scope="user")
    scene.auth.session(access_token="dead", refresh_token="dead")
    with pytest.raises(errors.PermissionDenied):
        await scene.auth.device.wait(started)
    code, poll = scene.emulator.journal
    assert code.json == {"scope": "user"}
    basic = "Basic " + base64.b64encode(b"demo-env:demo-secret").decode()
    assert code.header("authorization") == poll.header("authorization") == basic
    assert poll.header("x-device-id") == scene.auth.device_id


async def test_without_a_secret(kit: Any) -> None:
    """Without one the client is named in the query."""
    async with kit.opened(client_secret=None) as scene:
        started = await scene.auth.device.authorize()
        await scene.say_yes(started)
        assert await scene.auth.device.wait(started)
        code = scene.emulator.journal[0]
        assert (code.query, code.header("authorization")) == ({"client_id": "demo-env"}, None)
        assert code.json == {}


async def test_expires_at(scene: Any) -> None:
    """When the codes die is said on the service's clock."""
    scene.emulator._desk._date_skew = 7200.0
    started = await scene.auth.device.authorize()
    service_now = datetime.fromtimestamp(scene.clock.wall() + 7200, UTC)
    assert abs((started.expires_at - service_now).total_seconds() - 600) < 1


async def test_representation(scene: Any) -> None:
    """The device's secret is in no representation and in no pickle."""
    started = await scene.auth.device.authorize()
    assert started.device_code not in repr(started)
    assert started.user_code in repr(started)
    with pytest.raises(TypeError, match="to_dict"):
        pickle.dumps(started)
    assert copy.copy(started) is copy.deepcopy(started) is started


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("authorization_pending", errors.AuthorizationPending),
        ("slow_down", errors.SlowDown),
        ("expired_token", errors.DeviceCodeExpired),
        ("access_denied", errors.PermissionDenied),
        ("invalid_grant", errors.InvalidGrant),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 428])
async def test_outcomes_of_a_poll(scene: Any, kit: Any, name: str, kind: Any, status: int) -> None:
    """Each outcome has its error, whatever the HTTP status (B39)."""
    scene.emulator.faults.add("POST /token", "status", status=status, body={"error": name})
    assert type(await kit.failure(scene.auth.device.poll("a-code"))) is kind
    assert len(scene.polls) == 1


async def test_polls_of_the_emulator(scene: Any, kit: Any) -> None:
    """The same from a service that keeps count."""
    started = await scene.auth.device.authorize()
    poll = scene.auth.device.poll
    assert type(await kit.failure(poll(started.device_code))) is errors.AuthorizationPending
    assert type(await kit.failure(poll(started.device_code))) is errors.SlowDown
    await scene.say_yes(started)
    scene.clock.advance(10)
    assert (await poll(started.device_code)).access_token
    scene.clock.advance(10)
    assert type(await kit.failure(poll(started.device_code))) is errors.InvalidGrant


async def test_slow_down_is_for_good(scene: Any) -> None:
    """After `slow_down` every pause has five seconds more (B39)."""
    body = {"error": "slow_down"}
    scene.emulator.faults.add("POST /token", "status", status=400, body=body)
    started = await scene.auth.device.authorize()
    scene.after(50, lambda: scene.say_yes(started))
    await scene.auth.device.wait(started)
    assert scene.gaps == [5, 10, 10, 10, 10, 10]


@pytest.mark.parametrize(("asked", "gap"), [(42, 42), (2, 5)])
async def test_retry_after(scene: Any, asked: int, gap: int) -> None:
    """`Retry-After` is kept to, once, and never shortens a pause."""
    scene.emulator.faults.add("POST /token", "rate_limited", seconds=asked)
    started = await scene.auth.device.authorize()
    scene.after(60, lambda: scene.say_yes(started))
    await scene.auth.device.wait(started)
    assert scene.gaps[:3] == [5, gap, 5]


async def test_nobody_says_yes(scene: Any, kit: Any) -> None:
    """It ends when the code does, by the service's own word (B39)."""
    started = await scene.auth.device.authorize()
    error = await kit.failure(scene.auth.device.wait(started))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert (error.status, error.error, error.operation) == (400, "expired_token", "device.poll")
    assert scene.gaps == [5] * 120
    assert scene.clock.wall() <= started.expires_at.timestamp()


async def test_nobody_answers(scene: Any, kit: Any) -> None:
    """Where the service says nothing to the end, our clock does, and the error says so (B39)."""
    scene.emulator.faults.add("POST /token", "bad_gateway", times=None)
    started = await scene.auth.device.authorize()
    error = await kit.failure(scene.auth.device.wait(started))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert (error.status, error.error, error.operation) == (0, None, "device.wait")
    assert error.request_id == scene.polls[-1].request_id
    assert 600 <= scene.clock.wall() - scene.polls[0].at + 5 <= 601
    assert pickle.loads(pickle.dumps(error)).status == 0  # noqa: S301 - our own
    assert "nobody has said yes" in str(error)


async def test_retry_after_beyond_the_end(scene: Any, kit: Any) -> None:
    """A pause that ends after the code is the end of the wait, at the code's own end."""
    scene.emulator.faults.add("POST /token", "rate_limited", seconds=3600)
    started = await scene.auth.device.authorize()
    error = await kit.failure(scene.auth.device.wait(started))
    assert isinstance(error, errors.DeviceCodeExpired)
    assert len(scene.polls) == 1
    assert 0 <= started.expires_at.timestamp() - scene.clock.wall() < 1


async def test_denied(scene: Any, kit: Any) -> None:
    """A no is final."""
    started = await scene.auth.device.authorize()

    async def no() -> None:
        scene.emulator.deny_device(started.user_code)

    scene.after(10, no)
    assert type(await kit.failure(scene.auth.device.wait(started))) is errors.PermissionDenied
    assert len(scene.polls) == 2


async def test_lost_tokens(scene: Any, kit: Any) -> None:
    """The one limit: the code works once, so a lost answer ends it; nothing is sent blindly."""
    started = await scene.auth.device.authorize()
    await scene.say_yes(started)
    scene.emulator.lose_next_response("POST /token")
    assert type(await kit.failure(scene.auth.device.wait(started))) is errors.InvalidGrant
    assert scene.gaps == [5, 5]


async def test_salvaged_tokens(scene: Any) -> None:
    """Tokens in an answer that is partly malformed are not lost."""
    body = {"access_token": "an-access-token", "refresh_token": "m.refresh", "scope": 5}
    scene.emulator.faults.add("POST /token", "status", status=200, body=body)
    tokens = await scene.auth.device.wait(await scene.auth.device.authorize())
    assert (tokens.access_token, tokens.refresh_token) == ("an-access-token", "m.refresh")


@pytest.mark.parametrize("when", ["asleep", "polling"])
async def test_cancelled(scene: Any, when: str) -> None:
    """A wait can be cancelled wherever it is, and the next one goes on from there (B39)."""
    started = await scene.auth.device.authorize()
    held = scene.emulator.faults.add("POST /token", "hold")
    if when == "asleep":
        scene.clock.held.clear()
    waiting = asyncio.create_task(scene.auth.device.wait(started))
    if when == "polling":
        await held.arrived
    while not scene.clock.waits:  # noqa: ASYNC110 - the clock sets no event
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    scene.clock.held.set()
    held.release()
    await scene.say_yes(started)
    assert await scene.auth.device.wait(started)


async def test_closed(scene: Any, kit: Any) -> None:
    """A client that is closed meanwhile ends the wait (B13)."""
    started = await scene.auth.device.authorize()
    scene.after(20, scene.auth.aclose)
    assert type(await kit.failure(scene.auth.device.wait(started))) is errors.ClientClosed
    assert len(scene.polls) == 3


async def test_longer_than_the_timeout(scene: Any) -> None:
    """The client's timeout is for one poll, not for the wait."""
    started = await scene.auth.device.authorize()
    scene.after(300, lambda: scene.say_yes(started))
    assert await scene.auth.device.wait(started)


@pytest.mark.parametrize(("told", "gap"), [(None, 5), (0, 5), (-3, 5), (1, 1), (30, 30)])
async def test_interval(scene: Any, told: int | None, gap: int) -> None:
    """The service's interval is kept to; without one that makes sense, five seconds."""
    answer = {
        "device_code": "a-code",
        "user_code": "ABCD",
        "expires_in": 600,
        "interval": told,
        "verification_uri": "https://example.com/device",
    }
    scene.emulator.faults.add("POST /device/code", "status", status=200, body=answer)
    started = await scene.auth.device.authorize()
    assert started.verification_uri_complete is None
    pending = {"error": "authorization_pending"}
    scene.emulator.faults.add("POST /token", "status", status=400, body=pending, times=3)
    with pytest.raises(errors.InvalidGrant):
        await scene.auth.device.wait(started)
    assert scene.gaps == [gap] * 4


@pytest.mark.parametrize("expires_in", [0, -1, 10**17])
async def test_odd_lives(scene: Any, kit: Any, expires_in: int) -> None:
    """A code that is dead on arrival is asked for once; one that lives for ever is not odd."""
    answer = {"device_code": "a-code", "user_code": "A", "expires_in": expires_in}
    answer["verification_uri"] = "https://example.com/device"
    scene.emulator.faults.add("POST /device/code", "status", status=200, body=answer)
    pending = {"error": "authorization_pending"}
    scene.emulator.faults.add("POST /token", "status", status=400, body=pending, times=3)
    error = await kit.failure(
        scene.auth.device.wait(await scene.auth.device.authorize()),
    )
    lives = expires_in > 0
    assert type(error) is (errors.InvalidGrant if lives else errors.DeviceCodeExpired)
    assert len(scene.polls) == (4 if lives else 1)


@pytest.mark.parametrize("value", [None, "a-code", {"device_code": "c4nary"}, 5], ids=repr)
async def test_argument(scene: Any, kit: Any, value: Any) -> None:
    """Only an authorization is waited for."""
    error = await kit.failure(scene.auth.device.wait(value))
    assert isinstance(error, ConfigurationError)
    assert str(error) == "authorization: must be a DeviceAuthorization"
    empty = DeviceAuthorization(device_code="", user_code="", expires_in=1, verification_uri="")
    assert (await kit.failure(scene.auth.device.wait(empty))).argument == "device_code"
    assert not scene.emulator.journal
