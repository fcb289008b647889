"""Wrong arguments of the client calls beyond the seven scenarios: named, never shown, not sent."""

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError
from cloudbase_auth_async.testing import Emulator

CANARY = "c4nary-value"
PHONE, MAIL = "+86 13800000000", "carol@example.com"

# For each argument, values that it may not have. A value's canary must not come back out.
TEXT: tuple[Any, ...] = ("", 5, b"c4nary-value", ["c4nary-value"], True, f"{CANARY}\ud800")
NEEDED: tuple[Any, ...] = (*TEXT, None)
TOKEN: tuple[Any, ...] = (*TEXT, f"{CANARY} x", f"{CANARY}\r\nX-Evil: 1", f"{CANARY}\0", "c4näry")
FLAG: tuple[Any, ...] = ("true", "c4nary", 0, 1, [])
PHONES: tuple[Any, ...] = (*TEXT, "13800000000", "+8613800000000")
MAILS: tuple[Any, ...] = (*TEXT, CANARY, f"{CANARY}@", "a@b@c")
TEXTS: tuple[Any, ...] = (
    *("", CANARY, 5, [("c4nary", "x")], True),
    *({"name": wrong} for wrong in TEXT),
    *({wrong: CANARY} for wrong in ("", 5, b"c4nary", None, f"{CANARY}\ud800")),
    {"name": None},
    {"good": "value", "bad": {CANARY: CANARY}},
)
WHERE = {"phone_number": PHONE}
PROVED = {"new_password": CANARY, "verification_token": CANARY}

# Call, its good arguments, and for each argument what it may not be.
Case = tuple[Callable[[AuthClient], Callable[..., Any]], dict[str, Any], dict[str, tuple[Any, ...]]]
CALLS: Mapping[str, Case] = {
    "sign_in.password": (
        lambda a: a.sign_in.password,
        {"username": CANARY, "password": CANARY},
        {"captcha_token": TOKEN},
    ),
    "sign_in.code": (
        lambda a: a.sign_in.code,
        {"verification_token": CANARY},
        {"verification_token": NEEDED, "username": TEXT, "captcha_token": TOKEN},
    ),
    "sign_in.anonymously": (
        lambda a: a.sign_in.anonymously,
        {},
        {"provider_token": TEXT, "captcha_token": TOKEN},
    ),
    "sign_in.provider": (
        lambda a: a.sign_in.provider,
        {"provider_token": CANARY},
        {
            "provider_token": NEEDED,
            "provider_id": TEXT,
            "force_disable_sign_up": FLAG,
            "sync_profile": FLAG,
            "captcha_token": TOKEN,
        },
    ),
    "sign_in.custom": (
        lambda a: a.sign_in.custom,
        {"ticket": CANARY},
        {"ticket": NEEDED, "captcha_token": TOKEN},
    ),
    "verification.send": (
        lambda a: a.verification.send,
        {"email": MAIL},
        {
            "email_redirect_to": TEXT,
            "locale": TEXT,
            "destination": TEXT,
            "captcha_token": TOKEN,
        },
    ),
    "token.password_grant": (
        lambda a: a.token.password_grant,
        {"username": CANARY, "password": CANARY},
        {"username": NEEDED, "password": NEEDED, "captcha_token": TOKEN},
    ),
    "token.authorization_code": (
        lambda a: a.token.authorization_code,
        {"code": CANARY},
        {"code": NEEDED, "redirect_uri": TEXT, "code_verifier": TEXT},
    ),
    "providers.redirect_uri": (
        lambda a: a.providers.redirect_uri,
        {"provider_id": CANARY},
        {
            "provider_id": NEEDED,
            "redirect_uri": TEXT,
            "state": TEXT,
            "scope": TEXT,
            "response_type": TEXT,
            "other_params": TEXTS,
        },
    ),
    "providers.grant": (
        lambda a: a.providers.grant,
        {"provider_id": CANARY, "provider_code": CANARY},
        {
            "provider_id": NEEDED,
            "provider_code": NEEDED,
            "provider_redirect_uri": TEXT,
            "provider_access_token": TEXT,
            "provider_id_token": TEXT,
            "provider_params": TEXTS,
        },
    ),
    "providers.patch": (
        lambda a: a.providers.patch,
        {"provider_token": CANARY, "provider_params": {"iv": CANARY}},
        {
            "provider_token": NEEDED,
            "provider_id": TEXT,
            "provider_params": (*TEXTS, None, {}),
        },
    ),
    "providers.qr_code": (
        lambda a: a.providers.qr_code,
        {"wx_app_id": CANARY},
        {"wx_app_id": NEEDED, "env": TEXT},
    ),
    "providers.qr_code_status": (
        lambda a: a.providers.qr_code_status,
        {"qr_code_id": CANARY, "wx_app_id": CANARY},
        {"qr_code_id": NEEDED, "wx_app_id": NEEDED, "env": TEXT},
    ),
    "providers.sub_type": (lambda a: a.providers.sub_type, {}, {"provider_id": NEEDED}),
    "accounts.reset_password": (
        lambda a: a.accounts.reset_password,
        WHERE | PROVED,
        {
            "phone_number": (*PHONES, None),
            "new_password": NEEDED,
            "verification_token": NEEDED,
            "captcha_token": TOKEN,
        },
    ),
    "accounts.reset_password by mail": (
        lambda a: a.accounts.reset_password,
        {"email": MAIL} | PROVED,
        {"email": MAILS},
    ),
    "accounts.exists": (
        lambda a: a.accounts.exists,
        {"username": CANARY},
        {"username": NEEDED, "captcha_token": TOKEN},
    ),
    "authorization.info": (
        lambda a: a.authorization.info,
        {},
        {
            "response_type": TEXT,
            "redirect_uri": TEXT,
            "state": TEXT,
            "scope": TEXT,
            "sign_out_uri": TEXT,
            "locale": TEXT,
        },
    ),
}


def check(error: ConfigurationError, argument: str) -> None:
    """Check that an error names its argument and shows no value."""
    assert error.argument == argument
    assert str(error).startswith(argument + ": ")
    for text in (str(error), repr(error), repr(vars(error)), str(pickle.dumps(error))):
        assert "c4n" not in text
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("call", "argument"),
    [(name, argument) for name, (_, _, wrong) in CALLS.items() for argument in wrong],
)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(
    call: str, argument: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Each wrong value of each argument is a ConfigurationError, before anything is sent."""
    find, good, wrong = CALLS[call]
    for value in wrong[argument]:
        with pytest.raises(ConfigurationError) as caught:
            await find(auth)(**(good | {argument: value}))
        check(caught.value, argument)
    assert emulator.journal == []


CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("accounts.reset_password", PROVED, "phone_number"),
    ("accounts.reset_password", PROVED | WHERE | {"email": MAIL}, "phone_number"),
    ("providers.grant", {"provider_id": "github"}, "provider_code"),
    ("providers.grant", {"provider_id": "github", "provider_params": {}}, "provider_code"),
    (
        "providers.grant",
        {"provider_id": "github", "provider_redirect_uri": CANARY},
        "provider_code",
    ),
    ("verification.send", WHERE | {"email_redirect_to": CANARY}, "email_redirect_to"),
]


@pytest.mark.parametrize(("call", "arguments", "named"), CONTRADICTIONS)
async def test_what_makes_no_sense_together_is_not_sent(
    call: str, arguments: dict[str, Any], named: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Both or neither of two, nothing to be exchanged, a link without a mail: refused here."""
    with pytest.raises(ConfigurationError) as caught:
        await CALLS[call][0](auth)(**arguments)
    check(caught.value, named)
    assert emulator.journal == []


PROOFS: list[dict[str, Any]] = [
    {"provider_code": "x"},
    {"provider_access_token": "x"},
    {"provider_id_token": "x"},
    {"provider_params": {"code": "x"}},
]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: next(iter(proof)))
async def test_any_one_proof_is_enough(
    proof: dict[str, Any], emulator: Emulator, auth: AuthClient
) -> None:
    """Whichever of its four forms a third party's word has, it is sent as it was given."""
    emulator.faults.add("*", "status", status=200, body={"provider_token": "t"})
    await auth.providers.grant("wx_open", **proof)
    assert emulator.journal[-1].json == {"provider_id": "wx_open", **proof}
