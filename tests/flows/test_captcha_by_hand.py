"""A captcha that the last step demands, solved by hand: nobody has to read another code for it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.flows import CodeFlow
from cloudbase_auth_async.testing import Emulator

PASSWORD = "Passw0rd!"
MAIL = "alice@example.com"
NEW_MAIL = "bob@example.com"


async def _solved(auth: AuthClient, emulator: Emulator) -> str:
    picture = await auth.captcha.create()
    return (
        await auth.captcha.verify(picture.token, emulator.captchas[picture.token])
    ).captcha_token


async def _sign_in(auth: AuthClient) -> CodeFlow[Any]:
    return auth.flows.sign_in_or_up(email=MAIL)


async def _sign_up(auth: AuthClient) -> CodeFlow[Any]:
    return auth.flows.sign_in_or_up(email=NEW_MAIL)


async def _reset(auth: AuthClient) -> CodeFlow[Any]:
    return auth.flows.reset_password(email=MAIL, new_password="N3w-passw0rd")


async def _upgrade(auth: AuthClient) -> CodeFlow[Any]:
    guest = auth.session(await auth.sign_in.anonymously())
    return guest.flows.upgrade(email=NEW_MAIL)


async def _sudo(auth: AuthClient) -> CodeFlow[Any]:
    session = auth.session(await auth.sign_in.password("alice", PASSWORD))
    return session.flows.sudo_by_code(email=MAIL)


Make = Callable[[AuthClient], Awaitable[CodeFlow[Any]]]
LAST: dict[str, tuple[Make, str, str]] = {
    "sign in": (_sign_in, "POST /signin", MAIL),
    "sign up": (_sign_up, "POST /signup", NEW_MAIL),
    "new password": (_reset, "POST /reset", MAIL),
    "upgrade": (_upgrade, "POST /signup", NEW_MAIL),
    "sudo": (_sudo, "POST /user/sudo", MAIL),
}


@pytest.mark.parametrize("step", LAST)
async def test_the_last_step(auth: AuthClient, emulator: Emulator, sent: Any, step: str) -> None:
    """The token goes with the last step, and what was proven stays (B36)."""
    make, route, place = LAST[step]
    flow = await make(auth)
    await flow.send()
    emulator.require_captcha(route)
    with pytest.raises(errors.CaptchaRequired):
        await flow.complete(emulator.codes[place])
    assert flow.proven
    await flow.complete("not looked at", captcha_token=await _solved(auth, emulator))
    assert sent().count("POST /verification") == 1
    assert sent().count("POST /verification/verify") == 1


async def test_the_check(auth: AuthClient, emulator: Emulator, sent: Any) -> None:
    """Where the check of the code demands one, the token goes there, and a second to the rest."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    emulator.require_captcha("POST /verification/verify")
    emulator.require_captcha("POST /signin")
    code = emulator.codes[MAIL]
    with pytest.raises(errors.CaptchaRequired):
        await flow.complete(code)
    assert not flow.proven
    with pytest.raises(errors.CaptchaRequired):
        await flow.complete(code, captcha_token=await _solved(auth, emulator))
    assert flow.proven
    assert (await flow.complete(code, captcha_token=await _solved(auth, emulator))).sub
    assert sent().count("POST /verification") == 1


async def test_before_it_is_demanded(auth: AuthClient, emulator: Emulator) -> None:
    """A token that is given at once is for the last step, not for the check."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    emulator.require_captcha("POST /signin")
    token = await _solved(auth, emulator)
    assert (await flow.complete(emulator.codes[MAIL], captcha_token=token)).sub


async def test_a_third_party(auth: AuthClient, emulator: Emulator) -> None:
    """An upgrade with a third-party account takes a token, too (B36)."""
    guest = auth.session(await auth.sign_in.anonymously())
    provider_token = emulator.provider_token("github")
    emulator.require_captcha("POST /signup")
    with pytest.raises(errors.CaptchaRequired):
        await guest.flows.upgrade_with_provider(provider_token)
    assert await guest.flows.upgrade_with_provider(
        provider_token, captcha_token=await _solved(auth, emulator)
    )


async def test_no_token(auth: AuthClient, sent: Any) -> None:
    """What can be no token is named, and nothing is sent."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    for wrong in ("", "two words", 5):
        with pytest.raises(errors.ConfigurationError, match="captcha_token"):
            await flow.complete("123456", captcha_token=wrong)  # type: ignore[arg-type]
    assert sent() == ["POST /verification"]
    assert flow.sent


async def test_known_to_somebody_since(auth: AuthClient, emulator: Emulator, person: Any) -> None:
    """Who is somebody by now, and may not come in yet, is told that, and not "taken"."""
    flow = auth.flows.sign_in_or_up(email=NEW_MAIL)
    await flow.send()
    emulator.add_user(username="bob_1", email=NEW_MAIL)
    emulator.require_captcha("POST /signin")
    with pytest.raises(errors.CaptchaRequired):
        await flow.run(person(NEW_MAIL))
    assert flow.proven
    body = b'{"error":"user_blocked"}'
    emulator.faults.add("POST /signin", "status", status=403, body=body)
    with pytest.raises(errors.UserBlocked):
        await flow.run(person(NEW_MAIL))
    token = await _solved(auth, emulator)
    assert (await flow.complete("not looked at", captcha_token=token)).sub
