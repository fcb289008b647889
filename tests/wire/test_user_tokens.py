"""Each group of a user's calls goes out with a valid token, and is repeated once at most."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, TokenSession, errors
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
PHONE = "+86 13800000000"

# One call of each group, repeatable or not: a 401 says that nothing was done.
CALLS: Mapping[str, tuple[str, Callable[[TokenSession], Awaitable[Any]]]] = {
    "user": ("POST /user/basic/edit", lambda s: s.user.edit(nickname="Alice")),
    "user reads": ("GET /user/query", lambda s: s.user.find(username="alice")),
    "verification": ("POST /verification", lambda s: s.verification.send(phone_number=PHONE)),
    "providers": (
        "DELETE /user/providers/{provider_id}",
        lambda s: s.providers.unbind("github", with_user_center=True),
    ),
    "devices": (
        "DELETE /user/authorized/devices/{device_id}",
        lambda s: s.devices.revoke("tablet"),
    ),
    "all devices": ("DELETE /user/revoke/all", lambda s: s.devices.revoke_all()),
    "authorization": ("POST /user/authorize", lambda s: s.authorization.authorize()),
}


@pytest.fixture
async def session(emulator: Emulator, auth: AuthClient) -> TokenSession:
    """Return a session of bob, who also signed in on a tablet and has bound an account."""
    emulator.add_user(username="bob", password=PASSWORD, phone_number=PHONE)
    async with emulator.client(device_id="tablet") as tablet:
        await tablet.sign_in.password("bob", PASSWORD)
    held = auth.session(await auth.sign_in.password("bob", PASSWORD))
    await held.providers.bind(emulator.provider_token("github"))
    return held


def told(emulator: Emulator, before: int) -> list[tuple[str | None, int | None]]:
    """Return what was asked since then, and how it was answered."""
    return [(entry.route, entry.status) for entry in emulator.journal[before:]]


@pytest.mark.parametrize("group", CALLS)
async def test_an_expired_token_is_refreshed_first(
    group: str, emulator: Emulator, session: TokenSession
) -> None:
    """With an expired access token the refresh goes first, and the call once, with the new one."""
    route, call = CALLS[group]
    old, before = session.tokens.access_token, len(emulator.journal)
    emulator.clock.advance(7300)
    await call(session)
    assert told(emulator, before) == [("POST /token", 200), (route, 200)]
    assert session.tokens.access_token != old
    sent = emulator.journal[-1].header("Authorization")
    assert sent == f"Bearer {session.tokens.access_token}"


@pytest.mark.parametrize("group", CALLS)
async def test_a_rejected_token_is_replaced_and_the_call_repeated(
    group: str, emulator: Emulator, session: TokenSession
) -> None:
    """A 401 brings a refresh, and then the same call once more, with the new token."""
    route, call = CALLS[group]
    before = len(emulator.journal)
    emulator.revoke(session.tokens.access_token)
    await call(session)
    assert told(emulator, before) == [(route, 401), ("POST /token", 200), (route, 200)]


@pytest.mark.parametrize("group", CALLS)
async def test_a_call_is_repeated_once_and_no_more(
    group: str, emulator: Emulator, session: TokenSession
) -> None:
    """A service that rejects the new token, too, is not asked a third time."""
    route, call = CALLS[group]
    before = len(emulator.journal)
    emulator.faults.add(route, "status", status=401, times=None)
    with pytest.raises(errors.Unauthenticated):
        await call(session)
    assert told(emulator, before) == [(route, 401), ("POST /token", 200), (route, 401)]
