"""The client calls beyond the seven scenarios: each documented refusal is its typed error."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Emulator, Request

Emulate = Callable[..., Awaitable[Emulator]]

PASSWORD = "Passw0rd!"
PHONE, MAIL = "+86 13800000000", "carol@example.com"
OPERATIONS = ("sign_in.code", "sign_in.anonymously", "sign_in.provider", "sign_in.custom")
OPERATIONS += ("token.password_grant", "token.authorization_code", "providers.redirect_uri")
OPERATIONS += ("providers.grant", "providers.patch", "accounts.reset_password")
OPERATIONS += ("accounts.exists", "authorization.info")
OPERATIONS += ("providers.qr_code", "providers.qr_code_status", "providers.sub_type")

# What an error name means in a call, where it is not what it means elsewhere.
SIGN_IN = {"not_found": errors.UserNotFound, "unimplemented": errors.LoginMethodDisabled}
PROVIDERS = {"unimplemented": errors.LoginMethodDisabled}
MEANS: Mapping[str, Mapping[str, type[errors.ApiError]]] = {
    "sign_in.code": SIGN_IN,
    "sign_in.anonymously": SIGN_IN,
    "sign_in.provider": SIGN_IN,
    "sign_in.custom": SIGN_IN,
    # Of a password grant only the password can be wrong (RFC 6749, 5.2).
    "token.password_grant": SIGN_IN | {"invalid_grant": errors.InvalidCredentials},
    "providers.redirect_uri": PROVIDERS,
    "providers.grant": PROVIDERS,
    "providers.patch": PROVIDERS,
    "providers.qr_code": PROVIDERS,
    "providers.qr_code_status": PROVIDERS,
    "providers.sub_type": PROVIDERS,
    "accounts.reset_password": {"not_found": errors.UserNotFound},
}
# What it means in every other one.
USUALLY: Mapping[str, tuple[int, type[errors.ApiError]]] = {
    "invalid_argument": (400, errors.InvalidArgument),
    "invalid_grant": (400, errors.InvalidGrant),
    "invalid_verification_code": (400, errors.InvalidCode),
    "invalid_username_or_password": (400, errors.InvalidCredentials),
    "invalid_status": (400, errors.TooManyAttempts),
    "failed_precondition": (400, errors.PreconditionFailed),
    "provider_error": (400, errors.ProviderFailed),
    "provider_not_enabled": (400, errors.LoginMethodDisabled),
    "provider_not_found": (404, errors.NotFound),
    "login_type_disabled": (400, errors.LoginMethodDisabled),
    "user_blocked": (403, errors.UserBlocked),
    "user_pending": (403, errors.UserPending),
    "user_not_found": (404, errors.UserNotFound),
    "not_found": (404, errors.NotFound),
    "permission_denied": (403, errors.PermissionDenied),
    "captcha_required": (400, errors.CaptchaRequired),
    "captcha_invalid": (400, errors.CaptchaInvalid),
    "unauthorized_client": (401, errors.InvalidClient),
    "unimplemented": (501, errors.PreconditionFailed),
    "resource_exhausted": (429, errors.RateLimited),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_each_name_is_a_type(
    name: str, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """Each name a service may use is the error that the call documents, with all it said."""
    for error, (status, usual) in USUALLY.items():
        emulator.faults.clear()
        body = {"error": error, "error_description": "so it is", "error_code": 7}
        emulator.faults.add("*", "status", status=status, body=body, times=None)
        failure = await kit.failure(kit.operations[name].run(auth))
        assert type(failure) is MEANS.get(name, {}).get(error, usual), error
        assert (failure.operation, failure.error, failure.status) == (name, error, status)
        assert (failure.description, failure.error_code) == ("so it is", 7)


async def proof(emulator: Emulator, auth: AuthClient, where: str = MAIL) -> str:
    """Return a verification_token for an e-mail address."""
    sent = await auth.verification.send(email=where, target="ANY")
    checked = await auth.verification.verify(sent.verification_id, emulator.codes[where])
    return checked.verification_token


async def test_a_code_that_does_not_fit(emulator: Emulator, auth: AuthClient, kit: Any) -> None:
    """Nobody's address, somebody else's name, a made-up token, and one that was used."""
    token = await proof(emulator, auth)
    assert type(await kit.failure(auth.sign_in.code(token))) is errors.UserNotFound
    emulator.add_user(email=MAIL)
    other = await kit.failure(auth.sign_in.code(token, username="alice"))
    assert type(other) is errors.InvalidArgument
    await auth.sign_in.code(token)
    for dead in (token, "made-up"):
        assert type(await kit.failure(auth.sign_in.code(dead))) is errors.InvalidArgument


async def test_a_third_party_that_says_no(emulator: Emulator, auth: AuthClient, kit: Any) -> None:
    """A wrong or used code fails at the provider; a used, foreign or unknown token here."""
    code = emulator.provider_code("wx_open")
    await auth.providers.grant("wx_open", provider_code=code)
    used = await kit.failure(auth.providers.grant("wx_open", provider_code=code))
    assert type(used) is errors.ProviderFailed
    token = emulator.provider_token("wx_open")
    work = {
        "stranger": auth.sign_in.provider(token, force_disable_sign_up=True),
        "other provider": auth.sign_in.provider(token, provider_id="github"),
        "other params": auth.providers.patch(token, provider_params={"code": "made-up"}),
    }
    assert [type(await kit.failure(each)) for each in work.values()] == [
        errors.UserNotFound,
        errors.InvalidArgument,
        errors.ProviderFailed,
    ]
    await auth.sign_in.provider(token)
    for call in (
        auth.sign_in.provider(token),
        auth.providers.patch(token, provider_params={"iv": "x"}),
        auth.sign_in.provider("made-up"),
    ):
        assert type(await kit.failure(call)) is errors.InvalidGrant


async def test_a_code_that_nobody_has(emulator: Emulator, auth: AuthClient, kit: Any) -> None:
    """A made-up code, one of another mini program, a used one, and one that has expired."""
    used, old = [(await auth.providers.qr_code("wx1")).qr_code_id for _ in range(2)]
    foreign = await kit.failure(auth.providers.qr_code("wx1", env="other-env"))
    assert type(foreign) is errors.InvalidArgument
    emulator.approve_qr_code(used)
    other = await kit.failure(auth.providers.qr_code_status(used, wx_app_id="wx2"))
    assert type(other) is errors.NotFound
    assert (await auth.providers.qr_code_status(used, wx_app_id="wx1")).provider_token
    emulator.time_travel(300)
    for dead in ("made-up", used, old):
        failure = await kit.failure(auth.providers.qr_code_status(dead, wx_app_id="wx1"))
        assert type(failure) is errors.NotFound


async def test_a_ticket_nobody_signed(auth: AuthClient, kit: Any) -> None:
    """A ticket that this environment cannot read is an argument it does not take."""
    for ticket in ("made-up", "key/@@/a.b.c"):
        assert type(await kit.failure(auth.sign_in.custom(ticket))) is errors.InvalidArgument


async def test_a_password_grant_that_is_wrong(auth: AuthClient, kit: Any) -> None:
    """A wrong password, and a name nobody has."""
    wrong = await kit.failure(auth.token.password_grant("alice", "wrong"))
    nobody = await kit.failure(auth.token.password_grant("nobody", PASSWORD))
    assert [type(wrong), type(nobody)] == [errors.InvalidCredentials, errors.UserNotFound]


async def test_a_captcha_after_wrong_passwords(
    emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """After five wrong passwords either form of the sign-in wants a captcha, and takes it (B36)."""
    for sign_in in (auth.sign_in.password, auth.token.password_grant):
        for _ in range(5):
            await kit.failure(sign_in("alice", "wrong"))
        assert type(await kit.failure(sign_in("alice", PASSWORD))) is errors.CaptchaRequired
        bad = await kit.failure(sign_in("alice", PASSWORD, captcha_token="v1.made-up"))
        assert type(bad) is errors.CaptchaInvalid
        assert (await sign_in("alice", PASSWORD, captcha_token=solved(emulator))).access_token


async def test_a_code_grant_that_is_wrong(emulator: Emulator, auth: AuthClient, kit: Any) -> None:
    """A made-up, used or expired code, another address, no verifier: one error for all of them."""
    alice = await auth.sign_in.password("alice", PASSWORD)

    def code(**more: str) -> str:
        body = {"response_type": "code"} | more
        bearer = ("Authorization", f"Bearer {alice.access_token}")
        return str(asked(emulator, "/user/authorize", body, bearer)["code"])

    grant = auth.token.authorization_code
    used, expired = code(), code()
    await grant(used)
    calls = [
        lambda: grant("made-up"),
        lambda: grant(used),
        lambda: grant(code(redirect_uri="https://app.example/")),
        lambda: grant(code(code_challenge="v" * 43)),
        lambda: grant(code(code_challenge="v" * 43), code_verifier="w" * 43),
    ]
    for call in calls:
        assert type(await kit.failure(call())) is errors.InvalidGrant
    emulator.clock.advance(61)
    assert type(await kit.failure(grant(expired))) is errors.InvalidGrant


async def test_a_reset_that_is_refused(emulate: Emulate, kit: Any) -> None:
    """Nobody's address, somebody else's, a weak password, a token that was used."""
    emulator = await emulate(dialect="documented")
    async with emulator.client() as auth:

        async def reset(token: str, **other: str) -> None:
            usual = {"email": MAIL, "new_password": "N3w-passw0rd"}
            await auth.accounts.reset_password(verification_token=token, **(usual | other))

        token = await proof(emulator, auth)
        assert type(await kit.failure(reset(token))) is errors.UserNotFound
        emulator.add_user(email=MAIL, password=PASSWORD)
        for call in (reset(token, email="d@example.com"), reset(token, new_password="weak")):
            assert type(await kit.failure(call)) is errors.InvalidArgument
        await reset(token)
        assert type(await kit.failure(reset(token))) is errors.InvalidArgument


async def test_a_scope_that_is_not_to_be_had(
    emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """A scope beyond the client's own is an argument the service does not take."""
    failure = await kit.failure(auth.authorization.info(scope="user everything"))
    assert type(failure) is errors.InvalidArgument
    assert failure.error == "invalid_scope"
    async with emulator.client(client_secret="wrong") as stranger:
        failure = await kit.failure(stranger.authorization.info())
    assert type(failure) is errors.InvalidClient


@pytest.mark.parametrize("dialect", ["primary", "documented"])
async def test_what_a_service_does_not_have(dialect: str, emulate: Emulate, kit: Any) -> None:
    """A service of the primary contract alone has none of these paths, and it says so once."""
    emulator = await emulate(dialect=dialect)
    async with emulator.client() as auth:
        names = ("providers.redirect_uri", "accounts.exists", "authorization.info")
        names += ("providers.qr_code", "providers.sub_type")
        for name in names:
            if dialect == "primary":
                assert isinstance(
                    await kit.failure(kit.operations[name].run(auth)), errors.NotFound
                )
            else:
                await kit.operations[name].run(auth)
    assert len(emulator.journal) == len(names)


def solved(emulator: Emulator) -> str:
    """Solve a captcha, and return what that is worth."""
    token = asked(emulator, "/captcha/data", {})["token"]
    right = {"token": token, "key": emulator.captchas[token]}
    return str(asked(emulator, "/captcha/data/verify", right)["captcha_token"])


def asked(emulator: Emulator, path: str, body: Mapping[str, str], *headers: tuple[str, str]) -> Any:
    """Ask the service past every client and its journal."""
    request = Request(
        method="POST",
        path="/auth/v1" + path,
        headers=headers,
        body=json.dumps(body).encode(),
    )
    return json.loads(emulator.answer(request).body)
