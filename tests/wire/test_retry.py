"""What is sent again, what never is, and when: the table of `_retry`, on the wire."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator, ManualClock

Emulate = Callable[..., Awaitable[Emulator]]

PASSWORD = "Passw0rd!"
REPEATABLE = ("sign_in.anonymously", "token.introspect", "token.revoke", "user.me")
REPEATABLE += ("providers.list",)
# What a client may ask without anybody, too; a grant, a sign-in or a reset spends what it brings.
REPEATABLE += ("providers.redirect_uri", "accounts.exists", "authorization.info")
# A picture and a device's code that nobody uses expire.
REPEATABLE += ("captcha.create", "device.authorize", "providers.qr_code", "providers.sub_type")
# Of the user's other calls only questions: an edit, a code, a proof or an ending counts each time.
REPEATABLE += ("user.find", "user.security_history", "session.authorization.info")
REPEATABLE += ("user.weda_info",)
# Faults under which a request may have arrived and no usable answer comes.
LOST = ("drop_before", "drop_after", "half_body")


class Diary(ManualClock):
    """A clock that notes each wait, and does something in it."""

    __slots__ = ("meanwhile", "waits")

    def __init__(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.meanwhile = meanwhile

    async def sleep(self, seconds: float) -> None:
        """Note the wait; no real time passes."""
        self.waits.append(seconds)
        if self.meanwhile is not None:
            await self.meanwhile()
        await super().sleep(seconds)


async def signed_in(emulator: Emulator, auth: AuthClient) -> TokenSession:
    """Return alice's session, and forget the sign-in."""
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


async def settled(work: Awaitable[Any]) -> errors.CloudBaseAuthError | None:
    """Return how a call ended."""
    try:
        await work
    except errors.CloudBaseAuthError as error:
        return error
    return None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_passing_trouble_passes(status: int, emulate: Emulate) -> None:
    """A GET refused twice for a passing reason is answered the third time (B18)."""
    clock = Diary()
    emulator = await emulate(clock=clock)
    async with emulator.client() as auth:
        session = await signed_in(emulator, auth)
        emulator.faults.add("GET /user/me", "status", status=status, times=2)
        assert (await session.user.me()).username == "alice"
    assert [e.status for e in emulator.journal[1:]] == [status, status, 200]
    assert 0 <= clock.waits[0] <= 0.2
    assert 0 <= clock.waits[1] <= 0.8


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 423, 500, 501])
async def test_other_refusals_are_final(status: int, emulate: Emulate) -> None:
    """Any other refusal is told at once, of a GET too."""
    emulator = await emulate(clock=Diary())
    async with emulator.client() as auth:
        session = auth.session(access_token="opaque")
        emulator.faults.add("GET /user/me", "status", status=status, times=None)
        error = await settled(session.user.me())
    assert isinstance(error, errors.ApiError)
    assert len(emulator.journal) == 1


@pytest.mark.parametrize("kind", LOST)
async def test_a_lost_get_is_asked_again(kind: Any, emulate: Emulate) -> None:
    """A GET whose answer got lost twice is answered the third time."""
    emulator = await emulate()
    async with emulator.client() as auth:
        session = await signed_in(emulator, auth)
        emulator.faults.add("GET /user/me", kind, times=2)
        assert (await session.user.me()).username == "alice"
    assert len(emulator.journal) == 4


@pytest.mark.parametrize("kind", [*LOST, "429", "502", "503", "504"])
async def test_what_may_have_arrived_is_never_sent_twice(
    kind: Any, operation: Any, emulate: Emulate
) -> None:
    """Sign-ins, sign-ups, codes, refreshes and deletions go out once, whatever comes back (B4)."""
    emulator = await emulate()
    if kind.isdigit():
        emulator.faults.add("*", "status", status=int(kind), times=None)
    else:
        emulator.faults.add("*", kind, times=None)
    async with emulator.client() as auth:
        error = await settled(operation.run(auth))
    wanted = errors.ApiError if kind.isdigit() else errors.TransportError
    if kind == "half_body" and operation.name not in REPEATABLE:
        wanted = (errors.ApiError, errors.TransportError)
    assert isinstance(error, wanted)
    assert len(emulator.journal) == (3 if operation.name in REPEATABLE else 1)


async def test_a_silent_service_is_asked_once(
    operation: Any, emulate: Emulate, leap: Callable[[float], None]
) -> None:
    """A timeout leaves it open whether the request arrived: only repeatable calls go on."""
    emulator = await emulate()
    for _ in range(3):
        emulator.faults.add("*", "hang").arrived.then(lambda: leap(17))
    async with emulator.client(timeout=15) as auth:
        error = await settled(operation.run(auth))
    assert isinstance(error, errors.RequestTimedOut)
    assert error.may_have_reached_server
    assert len(emulator.journal) == 1 or operation.name in REPEATABLE


async def test_what_never_left_is_sent_again(operation: Any, emulate: Emulate) -> None:
    """A refused connection is tried again by every operation, and then the request goes once."""
    emulator = await emulate()
    clock = Diary(emulator.start_listening)
    await emulator.stop_listening()
    async with emulator.client(clock=clock) as auth:
        error = await settled(operation.run(auth))
    assert not isinstance(error, errors.TransportError)
    assert len(clock.waits) == 1
    # A user's call is refused, and so is the refresh that follows: two requests, each sent once.
    sent = [entry.route for entry in emulator.journal]
    assert sent
    assert operation.name in REPEATABLE or len(set(sent)) == len(sent)


async def test_nobody_is_called_for_ever(emulate: Emulate, operation: Any) -> None:
    """A service that stays away is tried three times."""
    emulator = await emulate()
    clock = Diary()
    await emulator.stop_listening()
    async with emulator.client(clock=clock) as auth:
        error = await settled(operation.run(auth))
    assert isinstance(error, errors.ConnectFailed)
    assert len(clock.waits) == 2


@pytest.mark.parametrize("form", ["seconds", "date", "body"])
async def test_retry_after_is_honoured(form: str, emulate: Emulate) -> None:
    """The service's own wait, in each of its forms, is the least that is waited."""
    clock = Diary()
    emulator = await emulate(clock=clock)
    headers = {"seconds": {"Retry-After": "7"}, "body": {}, "date": {}}[form]
    if form == "date":
        headers = {"Retry-After": "Tue, 14 Nov 2023 22:13:27 GMT"}  # the clock's start plus 7
    body = {"error": "unavailable"} | ({"retry_after": 7} if form == "body" else {})
    async with emulator.client() as auth:
        session = await signed_in(emulator, auth)
        emulator.faults.add("GET /user/me", "status", status=503, body=body, headers=headers)
        await session.user.me()
    assert len(clock.waits) == 1
    assert 6 <= clock.waits[0] <= 7.3


@pytest.mark.parametrize("asked", ["100", "30", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_wait_beyond_the_deadline_is_not_begun(asked: str, emulate: Emulate) -> None:
    """A Retry-After that the call's time does not allow is told to the caller at once."""
    clock = Diary()
    emulator = await emulate(clock=clock)
    async with emulator.client(timeout=30) as auth:
        session = await signed_in(emulator, auth)
        emulator.faults.add("GET /user/me", "status", status=429, headers={"Retry-After": asked})
        error = await settled(session.user.me())
    assert isinstance(error, errors.RateLimited)
    assert (error.retry_after or 0) >= 30
    assert clock.waits == []


async def test_the_timeout_covers_all_attempts(emulate: Emulate) -> None:
    """Attempts and waits together stay within the time of one call."""
    clock = Diary()
    emulator = await emulate(clock=clock)
    async with emulator.client(timeout=30) as auth:
        session = await signed_in(emulator, auth)
        headers = {"Retry-After": "20"}
        emulator.faults.add("GET /user/me", "status", status=503, headers=headers, times=None)
        began = clock.monotonic()
        assert isinstance(await settled(session.user.me()), errors.ServerUnavailable)
    assert clock.monotonic() - began < 30
    assert len(clock.waits) == 1


async def test_an_attempt_has_what_time_is_left(emulate: Emulate) -> None:
    """A wait that used the time up is not followed by another request."""
    clock = Diary()
    emulator = await emulate(clock=clock)

    async def oversleep() -> None:
        clock.advance(60)

    clock.meanwhile = oversleep
    async with emulator.client(timeout=30) as auth:
        session = await signed_in(emulator, auth)
        emulator.faults.add("GET /user/me", "status", status=503, times=None)
        error = await settled(session.user.me())
    assert isinstance(error, errors.RequestTimedOut)
    assert len(emulator.journal) == 2


async def test_an_outage_is_not_made_worse(emulate: Emulate) -> None:
    """While a service is down a client spends ten retries, and then one for ten successes."""
    emulator = await emulate()
    async with emulator.client() as auth:
        session = auth.session(access_token="opaque")
        outage = emulator.faults.add("GET /user/me", "status", status=503, times=None)
        for _ in range(20):
            await settled(session.user.me())
        assert outage.hits == 20 + 10
        for _ in range(10):
            await auth.sign_in.password("alice", PASSWORD)
        await settled(session.user.me())
        await settled(session.user.me())
        assert outage.hits in (32, 33)  # ten tenths may be a hair less than one


async def test_the_waits_are_jittered(emulate: Emulate) -> None:
    """Clients that fail together do not come back together (B19)."""
    waits: set[float] = set()
    for _ in range(5):
        clock = Diary()
        emulator = await emulate(clock=clock)
        async with emulator.client() as auth:
            emulator.faults.add("GET /user/me", "status", status=503)
            await settled(auth.session(access_token="opaque").user.me())
        waits.update(clock.waits)
    assert len(waits) >= 5
