"""Wrong arguments of the rest of the user's calls: named, never shown, and nothing is sent."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, TokenSession
from cloudbase_auth_async.endpoints.providers import transfer_call
from cloudbase_auth_async.testing import Emulator

CANARY = "c4nary-value"
PHONE, MAIL = "+86 13800000000", "carol@example.com"

# A value's canary must not come back out.
TEXT: tuple[Any, ...] = ("", 5, b"c4nary-value", ["c4nary-value"], True, f"{CANARY}\ud800")
NEEDED: tuple[Any, ...] = (*TEXT, None)
PART: tuple[Any, ...] = (*NEEDED, ".", "..")
TOKEN: tuple[Any, ...] = (*TEXT, f"{CANARY} x", f"{CANARY}\r\nX-Evil: 1", "c4näry")
PHONES: tuple[Any, ...] = (*TEXT, "13800000000", "+8613800000000", "+86  13800000000")
MAILS: tuple[Any, ...] = (*TEXT, CANARY, f"{CANARY}@", "@c4nary-value", "a@b@c")
FLAG: tuple[Any, ...] = ("true", 1, 0, "", [CANARY])
COUNT: tuple[Any, ...] = (0, -1, 1.0, "20", True, None, float("nan"))
IDS: tuple[Any, ...] = (CANARY, "", b"c4nary", 5, True, [], (), [CANARY, ""], [5], [None], [b"x"])

Case = tuple[
    Callable[[TokenSession], Callable[..., Any]], dict[str, Any], dict[str, tuple[Any, ...]]
]
PROVEN = {"phone_number": PHONE, "sudo_token": CANARY, "verification_token": CANARY}
OPTIONAL = ("redirect_uri", "state", "scope", "sign_out_uri")
CALLS: Mapping[str, Case] = {
    "user.edit": (
        lambda s: s.user.edit,
        {"nickname": "Alice"},
        {"user_id": TEXT, "nickname": (*TEXT, None), "username": TEXT, "phone": PHONES}
        | {"email": MAILS, "description": TEXT, "avatar_url": TEXT, "gender": TEXT}
        | {"new_password": TEXT, "captcha_token": TOKEN},
    ),
    "user.edit password": (
        lambda s: s.user.edit,
        {"password": CANARY, "new_password": CANARY},
        {"password": TEXT, "new_password": NEEDED},
    ),
    "user.edit_profile": (
        lambda s: s.user.edit_profile,
        {"name": "Alice"},
        {"name": NEEDED, "username": TEXT, "picture": TEXT, "gender": TEXT, "locale": TEXT}
        | {"birthdate": TEXT, "zoneinfo": TEXT, "captcha_token": TOKEN},
    ),
    "user.edit_contact": (
        lambda s: s.user.edit_contact,
        PROVEN,
        {"phone_number": (*PHONES, None), "sudo_token": NEEDED, "verification_token": NEEDED}
        | {"conflict_resolution": TEXT, "captcha_token": TOKEN},
    ),
    "user.find": (
        lambda s: s.user.find,
        {"ids": ["1"]},
        {"ids": (*IDS, None), "username": TEXT, "email": MAILS, "phone_number": PHONES},
    ),
    "user.security_history": (
        lambda s: s.user.security_history,
        {},
        {"sign_ins": (*FLAG, None), "limit": COUNT, "page_token": TEXT},
    ),
    "verification.send": (
        lambda s: s.verification.send,
        {"email": MAIL},
        {"email": MAILS, "usage": TEXT, "email_redirect_to": TEXT, "locale": TEXT}
        | {"captcha_token": TOKEN},
    ),
    "providers.bind": (
        lambda s: s.providers.bind,
        {"provider_token": CANARY},
        {"provider_token": NEEDED, "with_user_center": FLAG},
    ),
    "providers.unbind": (
        lambda s: s.providers.unbind,
        {"provider_id": CANARY},
        {"provider_id": PART, "with_user_center": FLAG},
    ),
    "providers.change": (
        lambda s: s.providers.change,
        {"provider_id": "github", "provider_trans_token": CANARY},
        {"provider_id": PART, "provider_trans_token": NEEDED},
    ),
    "devices.revoke": (
        lambda s: s.devices.revoke,
        {"device_id": CANARY},
        {"device_id": PART},
    ),
    "authorization.authorize": (
        lambda s: s.authorization.authorize,
        {"code_challenge": "c" * 43, "code_challenge_method": "S256"},
        {"response_type": NEEDED, "code_challenge": (*TEXT,), "code_challenge_method": TEXT}
        | dict.fromkeys(OPTIONAL, TEXT),
    ),
    "authorization.device": (
        lambda s: s.authorization.device,
        {"user_code": CANARY},
        {"user_code": NEEDED, "scope": TEXT, "state": TEXT},
    ),
    "authorization.info": (
        lambda s: s.authorization.info,
        {},
        {"response_type": TEXT, "locale": TEXT} | dict.fromkeys(OPTIONAL, TEXT),
    ),
}


def check(error: ConfigurationError, argument: str) -> None:
    """Check that an error names its argument and shows no value."""
    assert error.argument == argument
    assert str(error).startswith(argument + ": ")
    for text in (str(error), repr(error), repr(vars(error)), repr(error.args)):
        assert "c4n" not in text
        assert "\n" not in text
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("call", "argument"),
    [(name, argument) for name, (_, _, wrong) in CALLS.items() for argument in wrong],
)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(
    call: str, argument: str, emulator: Emulator, auth: AuthClient, kit: Any
) -> None:
    """Each wrong value of each argument is a ConfigurationError, before anything is sent."""
    find, good, wrong = CALLS[call]
    for value in wrong[argument]:
        with pytest.raises(ConfigurationError) as caught:
            await find(kit.held(auth))(**(good | {argument: value}))
        check(caught.value, argument)
    assert emulator.journal == []


TOGETHER: list[tuple[str, dict[str, Any], str]] = [
    ("user.edit", {}, "nickname"),
    ("user.edit", {"user_id": "1"}, "nickname"),
    ("user.edit", {"password": CANARY}, "new_password"),
    ("user.edit", {"password": CANARY, "nickname": "Al"}, "new_password"),
    ("user.edit_profile", {}, "name"),
    ("user.edit_contact", PROVEN | {"phone_number": None}, "phone_number"),
    ("user.edit_contact", PROVEN | {"email": MAIL}, "phone_number"),
    ("user.find", {}, "ids"),
    ("user.find", {"ids": [], "username": "alice"}, "ids"),
    ("verification.send", {}, "phone_number"),
    ("verification.send", {"phone_number": PHONE, "email": MAIL}, "phone_number"),
    (
        "verification.send",
        {"phone_number": PHONE, "email_redirect_to": "https://a.example"},
        "email_redirect_to",
    ),
    ("authorization.authorize", {"code_challenge_method": "S256"}, "code_challenge_method"),
]


@pytest.mark.parametrize(("call", "arguments", "named"), TOGETHER)
async def test_arguments_that_need_or_exclude_each_other(  # noqa: PLR0917 - fixtures
    call: str,
    arguments: dict[str, Any],
    named: str,
    emulator: Emulator,
    auth: AuthClient,
    kit: Any,
) -> None:
    """A call that asks for nothing, or for what contradicts itself, is not made."""
    with pytest.raises(ConfigurationError) as caught:
        await CALLS[call][0](kit.held(auth))(**arguments)
    check(caught.value, named)
    assert emulator.journal == []


@pytest.mark.parametrize("value", range(len(NEEDED)))
def test_a_transfer_needs_its_token(value: int) -> None:
    """The call for a transfer is not built without a provider token."""
    with pytest.raises(ConfigurationError) as caught:
        transfer_call(NEEDED[value])
    check(caught.value, "provider_token")
