"""A service of the primary contract alone sends a user no code in their own name; so what?"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD, NEW = "Passw0rd!", "N3w-passw0rd"
MAIL = "alice@example.com"
CODE = "POST /verification"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Return an emulator that speaks the primary contract alone, in place of both."""
    async with Emulator(clock=ManualClock(), algorithm="HS256", dialect="primary") as running:
        running.add_user(username="alice", password=PASSWORD, email=MAIL)
        yield running


@pytest.fixture
async def session(auth: AuthClient) -> TokenSession:
    """Return alice's session."""
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


async def test_a_password_by_code(
    session: TokenSession, emulator: Emulator, person: Any, sent: Any
) -> None:
    """What is told is that the old password is missing; the session is good, and as it was."""
    asked, before = person(MAIL), session.tokens
    with pytest.raises(errors.InvalidArgument, match="old_password is required"):
        await session.flows.change_password(new_password=NEW, ask=asked)
    assert not asked.asked
    assert session.tokens is before
    emulator.assert_spends(0)
    assert sent(1) == ["PATCH /user/password", "GET /user/me", CODE, "GET /user/me"]
    await session.flows.change_password(new_password=NEW, old_password=PASSWORD, ask=asked)


async def test_sudo_by_code(session: TokenSession, emulator: Emulator, person: Any) -> None:
    """Of the single flow, it is the error of the code; no refresh is spent in vain."""
    before = session.tokens
    with pytest.raises(errors.Unauthenticated) as caught:
        await session.flows.sudo_by_code(email=MAIL).run(person(MAIL))
    assert caught.value.operation == "session.verification.send"
    assert session.tokens is before
    emulator.assert_spends(0)


REJECTED = b'{"error":"unauthenticated","error_code":16}'


async def _at_both(running: Emulator, auth: AuthClient) -> TokenSession:
    running.add_user(username="alice", password=PASSWORD, email=MAIL)
    return auth.session(await auth.sign_in.password("alice", PASSWORD))


@pytest.mark.parametrize("reads", [1, 2], ids=["rejected by all", "rejected again"])
async def test_a_token_that_is_dead(person: Any, reads: int) -> None:
    """Where it is the token, it is renewed and the code sent; or that is the error, if it is."""
    async with Emulator(clock=ManualClock(), algorithm="HS256") as both, both.client() as auth:
        session = await _at_both(both, auth)
        asked = person(MAIL)
        asked.emulator = both
        both.faults.add(CODE, "status", status=401, body=REJECTED)
        both.faults.add("GET /user/me", "status", times=reads, status=401, body=REJECTED)
        if reads == 1:
            assert (await session.flows.sudo_by_code(email=MAIL).run(asked)).sudo_token
            both.assert_spends(1)
            return
        with pytest.raises(errors.Unauthenticated) as caught:
            await session.flows.sudo_by_code(email=MAIL).run(asked)
        assert caught.value.operation == "user.me"
        assert not asked.asked


async def test_a_token_that_died_while_it_was_typed(person: Any) -> None:
    """What a later step says of the token is told as it is: that is not about sending codes."""
    async with (
        Emulator(clock=ManualClock(), algorithm="HS256", dialect="documented") as strict,
        strict.client() as auth,
    ):
        session = await _at_both(strict, auth)
        asked = person(MAIL)
        asked.emulator = strict
        strict.faults.add("POST /user/sudo", "status", times=2, status=401, body=REJECTED)
        with pytest.raises(errors.Unauthenticated) as caught:
            await session.flows.change_password(new_password=NEW, ask=asked)
        assert caught.value.operation == "user.sudo"
        assert len(asked.asked) == 1
