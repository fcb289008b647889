"""Wrong arguments: named, never shown, and nothing is sent."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, TokenPair
from cloudbase_auth_async.testing import Emulator

CANARY = "c4nary-value"
PHONE, MAIL = "+86 13800000000", "carol@example.com"

# For each argument, values that it may not have. A value's canary must not come back out.
TEXT: tuple[Any, ...] = ("", 5, b"c4nary-value", ["c4nary-value"], True, f"{CANARY}\ud800")
TOKEN: tuple[Any, ...] = (*TEXT, f"{CANARY} x", f"{CANARY}\r\nX-Evil: 1", f"{CANARY}\0", "c4näry")
PHONES: tuple[Any, ...] = (*TEXT, "13800000000", "+8613800000000", "+86  13800000000", "+86 1380x")
PHONES += (
    "86 13800000000",
    "+86 13800000000\n",
    " +86 13800000000",
    "+86 \u0661\u0662\u0663\u0664",
)
MAILS: tuple[Any, ...] = (*TEXT, CANARY, f"{CANARY}@", "@c4nary-value", f"a@{CANARY}\n", "a@b@c")
LABEL: tuple[Any, ...] = (*TEXT, "c4nary/value", "c4nary.value", "c4nary value", "c4nary\n")
LABEL += (
    "c4nary_value",
    "-c4nary",
    "c4nary-",
    "c" * 64,
    "c4näry",
    "..",
    "c4nary:value",
    "c4nary@x",
)
SECONDS: tuple[Any, ...] = ("5", 0, -1, float("nan"), float("inf"), True, 1e9, None, 10**400)


def session(auth: AuthClient) -> Any:
    """Return a session whose token the client believes in."""
    return auth.session(TokenPair(access_token="opaque", refresh_token="m.1"))


def without_none(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Add None, for arguments that may not be left out."""
    return (*values, None)


# Call, its good arguments, and for each argument what it may not be.
Case = tuple[Callable[[AuthClient], Callable[..., Any]], dict[str, Any], dict[str, tuple[Any, ...]]]
CALLS: Mapping[str, Case] = {
    "sign_in.password": (
        lambda a: a.sign_in.password,
        {"username": "alice", "password": CANARY},
        {"username": without_none(TEXT), "password": without_none(TEXT)},
    ),
    "sign_up.register": (
        lambda a: a.sign_up.register,
        {"phone_number": PHONE, "verification_token": CANARY},
        {
            "phone_number": PHONES,
            "verification_token": without_none(TEXT),
            "verification_code": TEXT,
            "username": TEXT,
            "password": TEXT,
            "name": TEXT,
            "gender": TEXT,
            "picture": TEXT,
            "locale": TEXT,
            "provider_token": TEXT,
            "anonymous_token": TEXT,
            "captcha_token": TOKEN,
        },
    ),
    "sign_up.register by mail": (
        lambda a: a.sign_up.register,
        {"email": MAIL, "verification_token": CANARY},
        {"email": MAILS},
    ),
    "verification.send": (
        lambda a: a.verification.send,
        {"phone_number": PHONE},
        {"phone_number": without_none(PHONES), "target": TEXT, "usage": TEXT},
    ),
    "verification.send by mail": (
        lambda a: a.verification.send,
        {"email": MAIL},
        {"email": MAILS},
    ),
    "verification.verify": (
        lambda a: a.verification.verify,
        {"verification_id": CANARY, "verification_code": CANARY},
        {"verification_id": without_none(TEXT), "verification_code": without_none(TEXT)}
        | {"captcha_token": TOKEN},
    ),
    "device.authorize": (
        lambda a: a.device.authorize,
        {"scope": CANARY},
        {"scope": TEXT},
    ),
    "device.poll": (
        lambda a: a.device.poll,
        {"device_code": CANARY},
        {"device_code": without_none(TEXT)},
    ),
    "token.refresh": (
        lambda a: a.token.refresh,
        {"refresh_token": CANARY},
        {"refresh_token": without_none(TEXT)},
    ),
    "token.introspect": (
        lambda a: a.token.introspect,
        {"access_token": CANARY},
        {"access_token": without_none(TOKEN)},
    ),
    "token.revoke": (lambda a: a.token.revoke, {"token": CANARY}, {"token": without_none(TOKEN)}),
    "user.update_password": (
        lambda a: session(a).user.update_password,
        {"new_password": CANARY, "old_password": CANARY, "sudo_token": CANARY},
        {"new_password": without_none(TEXT), "old_password": TEXT, "sudo_token": TEXT}
        | {"confirm_password": (*TEXT, f"{CANARY}-2"), "captcha_token": TOKEN},
    ),
    "user.delete": (
        lambda a: session(a).user.delete,
        {"sudo_token": CANARY},
        {"sudo_token": TEXT, "captcha_token": TOKEN},
    ),
    "user.sudo": (
        lambda a: session(a).user.sudo,
        {"password": CANARY},
        {"password": without_none(TEXT), "captcha_token": TOKEN},
    ),
    "user.sudo by code": (
        lambda a: session(a).user.sudo,
        {"verification_token": CANARY},
        {"verification_token": TEXT},
    ),
    "providers.bind": (
        lambda a: session(a).providers.bind,
        {"provider_token": CANARY},
        {"provider_token": without_none(TEXT)},
    ),
    "providers.unbind": (
        lambda a: session(a).providers.unbind,
        {"provider_id": CANARY},
        {"provider_id": (*without_none(TEXT), ".", "..")},
    ),
}


def check(error: ConfigurationError, argument: str) -> None:
    """Check that an error names its argument and shows no value."""
    assert isinstance(error, ValueError)
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
    call: str, argument: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Each wrong value of each argument is a ConfigurationError, before anything is sent."""
    find, good, wrong = CALLS[call]
    for value in wrong[argument]:
        with pytest.raises(ConfigurationError) as caught:
            await find(auth)(**(good | {argument: value}))
        check(caught.value, argument)
    assert emulator.journal == []


BOTH_OR_NEITHER: list[tuple[str, dict[str, Any], str]] = [
    ("verification.send", {}, "phone_number"),
    ("verification.send", {"phone_number": PHONE, "email": MAIL}, "phone_number"),
    ("sign_up.register", {"verification_token": CANARY}, "phone_number"),
    (
        "sign_up.register",
        {"phone_number": PHONE, "email": MAIL, "verification_token": CANARY},
        "phone_number",
    ),
    (
        "sign_up.register",
        {"phone_number": PHONE, "email": MAIL, "provider_token": CANARY},
        "phone_number",
    ),
    ("sign_up.register", {"phone_number": PHONE, "provider_token": CANARY}, "verification_token"),
    ("user.sudo", {}, "password"),
    ("user.sudo", {"password": CANARY, "verification_token": CANARY}, "password"),
]


@pytest.mark.parametrize(("call", "arguments", "named"), BOTH_OR_NEITHER)
async def test_both_and_neither_are_wrong(
    call: str, arguments: dict[str, Any], named: str, emulator: Emulator, auth: AuthClient
) -> None:
    """Of arguments that exclude each other exactly one is taken."""
    with pytest.raises(ConfigurationError) as caught:
        await CALLS[call][0](auth)(**arguments)
    check(caught.value, named)
    assert emulator.journal == []


CLIENT: dict[str, tuple[Any, ...]] = {
    "env": (*LABEL, None),
    "client_id": (*TOKEN, "c4nary:value"),
    "client_secret": TOKEN,
    "region": (*LABEL, None),
    "base_url": (*TEXT, "c4nary", "http://c4nary.example/auth/v1", "https://c4n:c4n@x/auth/v1"),
    "device_id": (*TOKEN, "c4nary" + "d" * 66),
    "http": ("c4nary", 5, object()),
    "dialect": ("c4nary", None, 5, "PRIMARY", []),
    "timeout": SECONDS,
    "connect_timeout": SECONDS,
    "close_timeout": SECONDS,
    "max_answer_bytes": ("c4nary", 0, -1, 1.5, None, True),
}


@pytest.mark.parametrize("argument", CLIENT)
def test_a_wrong_setting_is_named(argument: str) -> None:
    """Each wrong value of each argument of a client is a ConfigurationError that names it."""
    for value in CLIENT[argument]:
        with pytest.raises(ConfigurationError) as caught:
            AuthClient(**({"env": "env"} | {argument: value}))
        check(caught.value, argument)


def test_the_environment_is_read() -> None:
    """`from_environ` reads its six variables, an empty one counts as unset, and options win."""
    environ = {
        "CLOUDBASE_ENV": "env-1",
        "CLOUDBASE_CLIENT_ID": "",
        "CLOUDBASE_REGION": "ap-singapore",
        "CLOUDBASE_DEVICE_ID": "device-1",
    }
    auth = AuthClient.from_environ(environ, device_id="device-2")
    assert auth.base_url == "https://env-1.api.intl.tcloudbasegateway.com/auth/v1"
    assert auth.device_id == "device-2"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "CLOUDBASE_ENV"),
        ({"CLOUDBASE_ENV": ""}, "CLOUDBASE_ENV"),
        ({"CLOUDBASE_ENV": "c4nary/x"}, "env"),
        ({"CLOUDBASE_ENV": "e", "CLOUDBASE_CLIENT_SECRET": "c4nary\n"}, "client_secret"),
    ],
)
def test_a_wrong_environment_is_named(environ: dict[str, str], named: str) -> None:
    """A missing or wrong variable is a ConfigurationError without its value."""
    with pytest.raises(ConfigurationError) as caught:
        AuthClient.from_environ(environ)
    assert caught.value.argument == named
    assert "c4n" not in str(caught.value)


SESSIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "tokens"),
    ({"tokens": "c4nary"}, "tokens"),
    ({"tokens": ["c4nary"]}, "tokens"),
    ({"tokens": 5}, "tokens"),
    ({"tokens": {}}, "access_token"),
    ({"tokens": {"access_token": CANARY}, "access_token": CANARY}, "tokens"),
    ({"tokens": {"access_token": CANARY}, "refresh_token": CANARY}, "tokens"),
    ({"tokens": {"access_token": f"{CANARY}\r\nX: 1"}}, "access_token"),
    ({"tokens": TokenPair(access_token=f"{CANARY} x")}, "access_token"),
    ({"access_token": ""}, "access_token"),
    ({"access_token": 5}, "access_token"),
    ({"access_token": f"{CANARY}\n"}, "access_token"),
    ({"refresh_token": ""}, "refresh_token"),
    ({"refresh_token": b"c4nary"}, "refresh_token"),
    ({"refresh_token": f"{CANARY}\ud800"}, "refresh_token"),
]


@pytest.mark.parametrize(("arguments", "named"), SESSIONS)
def test_a_session_of_nothing_is_refused(arguments: dict[str, Any], named: str) -> None:
    """A session needs tokens, once, and of the right kind."""
    with pytest.raises(ConfigurationError) as caught:
        AuthClient("env").session(**arguments)
    check(caught.value, named)


@pytest.mark.parametrize("name", ["a", "A-1", "c" * 63, "0"])
def test_good_environments_are_taken(name: str) -> None:
    """What can be a label of a host name is an environment."""
    assert name in AuthClient(name).base_url


@pytest.mark.parametrize("text", ["\r\nX-Evil: 1", '"}, {"x": "', "\0", "名字", "😀", "a" * 5000])
async def test_texts_in_bodies_cannot_break_out(
    text: str, emulator: Emulator, auth: AuthClient
) -> None:
    """A body field may hold anything that has a UTF-8 form, and arrives as it was given."""
    emulator.faults.add("POST /signin", "status", status=200, body={"access_token": "a"})
    await auth.sign_in.password(text, text)
    sent = emulator.journal[-1]
    assert sent.json == {"username": text, "password": text}
    assert sent.header("X-Evil") is None
