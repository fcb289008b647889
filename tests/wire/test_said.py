"""The docstrings of the endpoints have the limits, units and errors of the vendor's pages."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Mapping
from typing import Any

import pytest

from cloudbase_auth_async import endpoints, errors
from cloudbase_auth_async.endpoints import (
    accounts,
    captcha,
    device,
    own_verification,
    sign_in,
    sign_up,
    token,
    user,
    verification,
)

# Each call, and the words of its docstring that a page has numbers or names for.
SAID: Mapping[Any, tuple[str, ...]] = {
    verification.Verification.send: (
        "six-digit code, which lives 600 seconds",
        "one code in 60 seconds, or in 30",
        "ten a day to one phone number",
        "ten an hour from one IP address",
        "RateLimited",
        "PreconditionFailed",
    ),
    verification.Verification.verify: (
        "verification_id: of `send`, the newest for that destination; 600 seconds",
        "six digits",
        "`verification_token` that lives 600 seconds",
        "InvalidCode",
        "RateLimited",
    ),
    own_verification.OwnVerification.send: ("600 seconds", "RateLimited", "PreconditionFailed"),
    sign_up.SignUp.register: (
        "`verification.verify`; 600 seconds, single use",
        "`providers.grant`; 3600 seconds, single use",
        "2 to 48 beside a phone number, 5 to 24 beside anything else",
        "8 to 32 or for 8 to 64 characters",
        "RateLimited",
        "LoginMethodDisabled",
        "AlreadyExists",
    ),
    sign_in.SignIn.password: (
        "2 to 48 ASCII letters, digits and `-_.:+@`",
        "after five wrong passwords",
        "TooManyAttempts",
        "RateLimited",
        "LoginMethodDisabled",
    ),
    sign_in.SignIn.code: ("600 seconds, single use", "LoginMethodDisabled", "RateLimited"),
    sign_in.SignIn.anonymously: (
        "10 million anonymous users",
        "3600 seconds",
        "LoginMethodDisabled",
        "PermissionDenied",
    ),
    sign_in.SignIn.provider: ("3600 seconds, single use", "InvalidGrant", "ProviderFailed"),
    sign_in.SignIn.custom: ("lives 10 minutes", "InvalidGrant", "LoginMethodDisabled"),
    accounts.Accounts.reset_password: ("8 to 32 or for 8 to 64 characters", "600 seconds"),
    captcha.Captcha.create: ("lives 300 seconds",),
    captcha.Captcha.verify: ("lives 600 seconds", "CaptchaInvalid"),
    device.Device.authorize: ("between two polls: 5",),
    device.Device.poll: ("device_code: of `authorize`", "`expires_in` seconds", "`interval`"),
    device.Device.wait: ("authorization: of `authorize`", "`expires_in` seconds"),
    token.Token.refresh: ("30 days, or 31", "7200 seconds", "InvalidGrant"),
    token.Token.client_credentials: ("432000 seconds", "frequent calls may be limited"),
    token.Token.authorization_code: ("43 to 128 characters",),
    user.User.sudo: (
        "600 seconds, single use",
        "900 seconds",
        "InvalidArgument, InvalidCode",
        "TooManyAttempts",
    ),
    user.User.update_password: ("8 to 64 characters", "900 seconds", "SudoRequired"),
    user.User.delete: ("900 seconds", "SudoRequired", "ConfigurationError"),
    user.User.edit: ("nickname: 2 to 48 characters", "username: 2 to 48 ASCII letters"),
    user.User.edit_contact: ("of `sudo`; 900 seconds", "600 seconds, single use"),
}
ALL = [
    call
    for module in pkgutil.iter_modules(endpoints.__path__, f"{endpoints.__name__}.")
    for _, group in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
    if group.__module__ == module.name
    for name, call in vars(group).items()
    if inspect.iscoroutinefunction(call) and not name.startswith("_")
    # Of a protocol there is nothing to describe.
    if group.__name__ != "TimedCaller"
]


def said(call: Any) -> str:
    """Return a docstring as one line."""
    return " ".join((inspect.getdoc(call) or "").split())


@pytest.mark.parametrize("call", SAID, ids=lambda call: call.__qualname__)
def test_limits_and_units_are_said(call: Any) -> None:
    """A caller reads how long, how often and how many in the docstring, with its unit."""
    text = said(call)
    assert [words for words in SAID[call] if words not in text] == []


@pytest.mark.parametrize("call", ALL, ids=lambda call: call.__qualname__)
def test_lists_of_errors_name_errors(call: Any) -> None:
    """What a docstring says is raised are classes there are, each once."""
    text = inspect.getdoc(call) or ""
    listed = text.partition("Raises:\n")[2].partition("\n\n")[0]
    names = re.findall(r"\w+", " ".join(re.findall(r"^    ([A-Z][\w, ]+):", listed, re.MULTILINE)))
    assert len(names) == len(set(names)) > 0
    assert all(issubclass(getattr(errors, name), errors.CloudBaseAuthError) for name in names)


@pytest.mark.parametrize("call", ALL, ids=lambda call: call.__qualname__)
def test_arguments_are_those_there_are(call: Any) -> None:
    """Where arguments are described, each one there is has its line, and no other has."""
    text = inspect.getdoc(call) or ""
    described = text.partition("Args:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^    (\w+): ", described, re.MULTILINE)
    if names:
        assert names == [name for name in inspect.signature(call).parameters if name != "self"]
