"""When a new password costs a code, and when it does not: a code is money, and somebody's time."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, CloudBaseAuthError, TokenSession, errors
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD, NEW = "Passw0rd!", "N3w-passw0rd"
MAIL = "alice@example.com"


@pytest.fixture
async def strict() -> AsyncIterator[Emulator]:
    """Return an emulator that speaks the documented contract alone, and so demands sudo."""
    async with Emulator(clock=ManualClock(), algorithm="HS256", dialect="documented") as running:
        running.add_user(username="alice", password=PASSWORD, email=MAIL)
        yield running


@pytest.fixture
async def session(strict: Emulator) -> AsyncIterator[TokenSession]:
    """Return alice's session."""
    async with strict.client() as auth:
        yield auth.session(await auth.sign_in.password("alice", PASSWORD))


@pytest.fixture
def reader(strict: Emulator, person: Callable[..., Any]) -> Any:
    """Return somebody who reads what that emulator sends to alice."""
    asked = person(MAIL)
    asked.emulator = strict
    return asked


# What the service, or something on the way, says of the old password for sudo.
TROUBLE: dict[str, tuple[type[CloudBaseAuthError], int, bytes]] = {
    "503": (errors.ServerUnavailable, 503, b'{"error":"unavailable","error_code":14}'),
    "502": (errors.ServerUnavailable, 502, b"<html>bad gateway</html>"),
    "429": (errors.RateLimited, 429, b'{"error":"resource_exhausted","error_code":8}'),
    "too many": (errors.TooManyAttempts, 400, b'{"error":"invalid_status"}'),
    "blocked": (errors.UserBlocked, 403, b'{"error":"user_blocked"}'),
    "pending": (errors.UserPending, 403, b'{"error":"user_pending"}'),
    "captcha": (errors.CaptchaRequired, 400, b'{"error":"captcha_required","error_code":4001}'),
    "no such call": (errors.NotFound, 404, b'{"error":"not_found","error_code":5}'),
    "not offered": (errors.PreconditionFailed, 501, b'{"error":"unimplemented","error_code":12}'),
    "aborted": (errors.PreconditionFailed, 409, b'{"error":"aborted","error_code":10}'),
    "a proxy's 403": (errors.PermissionDenied, 403, b"<html>forbidden</html>"),
    "a proxy's 400": (errors.InvalidArgument, 400, b"<html>bad request</html>"),
    "wrong password": (errors.InvalidCredentials, 400, b'{"error":"wrong_password"}'),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_costs_no_code(
    session: TokenSession, strict: Emulator, reader: Any, trouble: str
) -> None:
    """Whatever does not say that the old password is not taken is raised, and no code is sent."""
    kind, status, body = TROUBLE[trouble]
    strict.faults.add("POST /user/sudo", "status", status=status, body=body)
    with pytest.raises(kind) as caught:
        await session.flows.change_password(old_password=PASSWORD, new_password=NEW, ask=reader)
    assert type(caught.value) is kind
    assert not reader.asked
    assert not strict.codes


async def test_unauthenticated_costs_no_code(
    session: TokenSession, strict: Emulator, reader: Any
) -> None:
    """Nor does a token that is refused, and refused again when it was renewed."""
    strict.faults.add(
        "POST /user/sudo", "status", times=2, status=401, body=b'{"error":"unauthenticated"}'
    )
    with pytest.raises(errors.Unauthenticated):
        await session.flows.change_password(old_password=PASSWORD, new_password=NEW, ask=reader)
    assert not reader.asked
    assert not strict.codes


NOT_TAKEN = {
    "argument": (400, b'{"error":"invalid_argument","error_code":3}'),
    "permission": (403, b'{"error":"permission_denied","error_code":7}'),
    "precondition": (400, b'{"error":"failed_precondition","error_code":9}'),
    "number alone": (400, b'{"error_code":9}'),
}


@pytest.mark.parametrize("refusal", NOT_TAKEN)
async def test_proof_that_is_not_taken(
    session: TokenSession, strict: Emulator, reader: Any, refusal: str
) -> None:
    """What says that the old password is not taken for sudo is answered with a code."""
    status, body = NOT_TAKEN[refusal]
    strict.faults.add("POST /user/sudo", "status", status=status, body=body)
    await session.flows.change_password(old_password=PASSWORD, new_password=NEW, ask=reader)
    assert len(reader.asked) == 1


@pytest.mark.parametrize("trouble", ["503", "429", "blocked", "a proxy's 400"])
async def test_trouble_at_once(
    session: TokenSession, strict: Emulator, reader: Any, trouble: str
) -> None:
    """So it is with the very first call, where no old password is given."""
    kind, status, body = TROUBLE[trouble]
    strict.faults.add("PATCH /user/password", "status", status=status, body=body)
    with pytest.raises(kind):
        await session.flows.change_password(new_password=NEW, ask=reader)
    assert not strict.codes


@pytest.mark.parametrize("name", ["invalid_argument", "invalid_password"])
async def test_old_password_that_is_missed(
    session: TokenSession, strict: Emulator, reader: Any, name: str
) -> None:
    """In whichever words the old password is missed, a code takes its place; once."""
    body = f'{{"error":"{name}"}}'.encode()
    strict.faults.add("PATCH /user/password", "status", status=400, body=body)
    await session.flows.change_password(new_password=NEW, ask=reader)
    assert len(reader.asked) == 1
    strict.faults.add("PATCH /user/password", "status", status=400, body=body)
    with pytest.raises((errors.InvalidArgument, errors.InvalidCredentials)):
        await session.flows.change_password(new_password=PASSWORD)


async def test_user_without_a_password(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """Who has no old password cannot be asked for it: then it is the new one that is refused."""
    emulator.add_user(username="dave", email="dave@example.com")
    tokens = await auth.flows.sign_in_or_up(email="dave@example.com").run(
        person("dave@example.com")
    )
    emulator.faults.add(
        "PATCH /user/password", "status", status=400, body=b'{"error":"invalid_argument"}'
    )
    asked = person("dave@example.com")
    with pytest.raises(errors.InvalidArgument):
        await auth.session(tokens).flows.change_password(new_password="x", ask=asked)
    assert not asked.asked


@pytest.mark.parametrize("phone", ["+86 139****0000", "13900000000", ""])
async def test_masked_phone_number(
    session: TokenSession, strict: Emulator, reader: Any, phone: str
) -> None:
    """A phone number that no code can be sent to is passed over, and the e-mail is taken."""
    body = f'{{"sub":"alice","phone_number":"{phone}","email":"{MAIL}"}}'.encode()
    strict.faults.add("GET /user/me", "status", status=200, body=body)
    await session.flows.change_password(new_password=NEW, ask=reader)
    assert len(reader.asked) == 1
