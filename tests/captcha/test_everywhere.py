"""A captcha on the third attempt, on each route in turn: the solver is asked, the call goes on."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import CloudBaseAuthError, errors

PASSWORD = "Passw0rd!"
NUMBERS = itertools.count()
PHONE, MAIL = "+86 13800000000", "carol@example.com"


def minted(scene: Any) -> Any:
    """Return tokens of alice that no request brought."""
    state = scene.emulator._control.state
    return scene.emulator.tokens(state.find("alice"))


def session(scene: Any) -> Any:
    """Return a session of alice."""
    return scene.auth.session(minted(scene))


async def unbound(scene: Any) -> None:
    """Bind an account, of a third party that no other call has to do with, and unbind it."""
    held, provider_id = session(scene), f"provider-{next(NUMBERS)}"
    await held.providers.bind(scene.emulator.provider_token(provider_id))
    await held.providers.unbind(provider_id)


Work = Callable[[Any], Awaitable[Any]]

# Route and call. What a call ends in does not matter, as long as it is the same with a captcha.
CALLS: Mapping[str, tuple[str, Work]] = {
    "sign_in.password": ("POST /signin", lambda s: s.auth.sign_in.password("alice", PASSWORD)),
    "sign_in.code": ("POST /signin", lambda s: s.auth.sign_in.code("no-proof")),
    "sign_in.anonymously": ("POST /signin-anonymously", lambda s: s.auth.sign_in.anonymously()),
    "sign_in.provider": (
        "POST /signin/with/provider",
        lambda s: s.auth.sign_in.provider(s.emulator.provider_token()),
    ),
    "sign_in.custom": ("POST /signin/custom", lambda s: s.auth.sign_in.custom("no-ticket")),
    "sign_up.register": (
        "POST /signup",
        lambda s: s.auth.sign_up.register(email=MAIL, verification_token="no-proof"),
    ),
    "verification.send": (
        "POST /verification",
        lambda s: s.auth.verification.send(phone_number=PHONE),
    ),
    "verification.verify": (
        "POST /verification/verify",
        lambda s: s.auth.verification.verify("no-id", "123456"),
    ),
    "token.refresh": (
        "POST /token",
        lambda s: s.auth.token.refresh(minted(s)["refresh_token"]),
    ),
    "token.password_grant": (
        "POST /token",
        lambda s: s.auth.token.password_grant("alice", PASSWORD),
    ),
    "token.authorization_code": (
        "POST /token",
        lambda s: s.auth.token.authorization_code("no-code"),
    ),
    "token.client_credentials": (
        "POST /token/clientCredential",
        lambda s: s.auth.token.client_credentials("AKIDdemo", "demo-key"),
    ),
    "token.introspect": (
        "GET /token/introspect",
        lambda s: s.auth.token.introspect(minted(s)["access_token"]),
    ),
    "token.revoke": ("POST /revoke", lambda s: s.auth.token.revoke(minted(s)["access_token"])),
    "providers.redirect_uri": (
        "GET /provider/uri",
        lambda s: s.auth.providers.redirect_uri("github", redirect_uri="https://e.com", state="s"),
    ),
    "providers.grant": (
        "POST /provider/token",
        lambda s: s.auth.providers.grant("github", provider_code=s.emulator.provider_code()),
    ),
    "providers.patch": (
        "PATCH /provider/token",
        lambda s: s.auth.providers.patch(s.emulator.provider_token(), provider_params={"iv": "x"}),
    ),
    "providers.qr_code": ("POST /qrcode/generate", lambda s: s.auth.providers.qr_code("wx1")),
    "providers.qr_code_status": (
        "POST /qrcode/get/status",
        lambda s: s.auth.providers.qr_code_status("no-code", wx_app_id="wx1"),
    ),
    "providers.sub_type": (
        "POST /mgr/provider/providerSubType",
        lambda s: s.auth.providers.sub_type(),
    ),
    "accounts.reset_password": (
        "POST /reset",
        lambda s: s.auth.accounts.reset_password(
            email=MAIL, new_password=PASSWORD, verification_token="no-proof"
        ),
    ),
    "accounts.exists": ("GET /checkIfUserExist", lambda s: s.auth.accounts.exists("alice")),
    "authorization.info": ("GET /user/authorize/info", lambda s: s.auth.authorization.info()),
    "device.authorize": ("POST /device/code", lambda s: s.auth.device.authorize()),
    "device.poll": ("POST /token", lambda s: s.auth.device.poll("no-code")),
    "user.me": ("GET /user/me", lambda s: session(s).user.me()),
    "user.sudo": ("POST /user/sudo", lambda s: session(s).user.sudo(password=PASSWORD)),
    "user.update_password": (
        "PATCH /user/password",
        lambda s: session(s).user.update_password(new_password=PASSWORD, old_password=PASSWORD),
    ),
    "user.edit": ("POST /user/basic/edit", lambda s: session(s).user.edit(nickname="Al")),
    "user.edit_profile": (
        "PATCH /user/profile",
        lambda s: session(s).user.edit_profile(name="Al"),
    ),
    "user.find": ("GET /user/query", lambda s: session(s).user.find(username="alice")),
    "user.security_history": (
        "GET /user/security/history",
        lambda s: session(s).user.security_history(),
    ),
    "user.weda_info": ("GET /plugin/weda/userinfo", lambda s: session(s).user.weda_info()),
    "user.delete": ("DELETE /user/me", lambda s: session(s).user.delete(sudo_token="no-proof")),
    "session.verification.send": (
        "POST /verification",
        lambda s: session(s).verification.send(email=MAIL),
    ),
    "session.providers.list": ("GET /user/providers", lambda s: session(s).providers.list()),
    "session.providers.bind": (
        "POST /user/providers/bind",
        lambda s: session(s).providers.bind(s.emulator.provider_token()),
    ),
    "session.providers.unbind": (
        "DELETE /user/providers/{provider_id}",
        unbound,
    ),
    "session.devices.revoke": (
        "DELETE /user/authorized/devices/{device_id}",
        lambda s: session(s).devices.revoke("no-device"),
    ),
    "session.authorization.authorize": (
        "POST /user/authorize",
        lambda s: session(s).authorization.authorize(redirect_uri="https://example.com"),
    ),
    "session.authorization.device": (
        "POST /user/device/authorize",
        lambda s: session(s).authorization.device("no-code"),
    ),
}


async def outcome(work: Awaitable[Any]) -> type:
    """Return the class of what a call answers or ends in."""
    try:
        return type(await work)
    except CloudBaseAuthError as error:
        return type(error)


@pytest.mark.parametrize("name", CALLS)
async def test_third_attempt(scene: Any, name: str) -> None:
    """The third call is demanded a captcha, has one solved, and ends as the first two (B36)."""
    route, call = CALLS[name]
    scene.demand(route, after=2)
    first, second, third = [await outcome(call(scene)) for _ in range(3)]
    assert first is second is third
    assert first is not errors.CaptchaRequired
    assert len(scene.person.shown) == len(scene.tokens) == 1
    sent = scene.sent(route)
    assert len(sent) == 4
    assert [bool(entry.header("x-captcha-token")) for entry in sent] == [False] * 3 + [True]


# A new password ends the other three calls' sessions.
@pytest.mark.parametrize("name", [name for name in CALLS if name != "user.update_password"])
async def test_parallel_calls(scene: Any, name: str) -> None:
    """Four at once, all of them demanded one: four pictures one after the other (B36)."""
    route, call = CALLS[name]
    usual = await outcome(call(scene))
    scene.demand(route)
    outcomes = await asyncio.gather(*(outcome(call(scene)) for _ in range(4)))
    assert set(outcomes) == {usual}
    assert len(scene.person.shown) == len(set(scene.tokens)) == len(scene.tokens) == 4
    assert scene.person.most_at_once == 1


async def test_session_refresh_is_not_put_to_a_person(scene: Any, kit: Any) -> None:
    """A refresh holds the session's lock, so a captcha there is a refusal for now, not minutes."""
    held = session(scene)
    scene.demand("POST /token")
    error = await kit.failure(held.refresh())
    assert isinstance(error, errors.CaptchaRequired)
    assert not scene.person.shown
    assert (await held.user.me()).username == "alice"
    scene.relent("POST /token")
    scene.emulator.clock.advance(7201)
    assert (await held.user.me()).username == "alice"
    scene.emulator.assert_spends(1)
