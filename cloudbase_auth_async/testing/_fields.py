"""Read a request body: JSON whatever its Content-Type, and every wrong shape a typed refusal."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from cloudbase_auth_async.testing._values import Refused

MAX_BODY: Final = 1_048_576

_PHONE: Final = re.compile(r"\+\d{1,3} \d{4,15}")
_EMAIL: Final = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,190}")
_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_.:+@]{1,47}")
_THIRD_PARTY_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{4,23}")
_LENGTH: Final = re.compile(r".{8,64}", re.DOTALL)
_CLASSES: Final = tuple(map(re.compile, (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")))


class Fields:
    """The members of a JSON object, read one by one with their types checked."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __contains__(self, name: str) -> bool:
        """Tell whether the field was sent with a value; `null` is as good as absent."""
        return self._members.get(name) is not None

    def optional(self, name: str) -> str | None:
        """Return a text field, or None when it is absent or empty."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused("invalid_argument", f"{name} must be a string")
        return value or None

    def required(self, name: str) -> str:
        """Return a text field that must be there."""
        value = self.optional(name)
        if value is None:
            raise Refused("invalid_argument", f"{name} is required")
        return value

    def flag(self, name: str) -> bool:
        """Return a field that is true or false, and false when it is absent."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, bool):
            raise Refused("invalid_argument", f"{name} must be true or false")
        return bool(value)

    def inner(self, name: str) -> "Fields":
        """Return the fields of an object in a field, none when it is absent."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, dict):
            raise Refused("invalid_argument", f"{name} must be an object")
        return Fields(cast("dict[str, Any]", value or {}))


def parse(body: bytes) -> Fields:
    """Return the fields of a body; no body at all is an empty object."""
    return Fields(members(body))


def members(body: bytes) -> dict[str, Any]:
    """Return the members of the JSON object in a body; no body at all is an empty one."""
    value = parsed(body) if body.strip() else dict[str, Any]()
    if not isinstance(value, dict):
        raise Refused("invalid_argument", "the body must be a JSON object")
    return cast("dict[str, Any]", value)


def parsed(body: bytes) -> object:
    """Return the JSON in a body, or None when there is none."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        # ValueError covers bad JSON, bad UTF-8 and integers too long to read.
        return None
    return value


def destination(fields: Fields) -> str:
    """Return the phone number or e-mail address: exactly one, and well formed."""
    phone, email = fields.optional("phone_number"), fields.optional("email")
    if phone is not None and email is not None:
        raise Refused("invalid_argument", "email and phone number can not be set and same time")
    if phone is not None:
        if not _PHONE.fullmatch(phone):
            raise Refused("invalid_argument", "phone_number must read like +86 13000000000")
        return phone
    if email is None:
        raise Refused("invalid_argument", "email or phone number is empty")
    if not _EMAIL.fullmatch(email):
        raise Refused("invalid_argument", "email is not an address")
    return email


def new_username(fields: Fields) -> str | None:
    """Return the user name somebody wants, if it is one that may be had."""
    name = fields.optional("username")
    if name is not None and not _USERNAME.fullmatch(name):
        raise Refused("invalid_argument", "username must have 2 to 48 letters, digits, -_.:+@")
    return name


def new_third_party_username(fields: Fields) -> str | None:
    """Return the user name a third party's user wants: the rule is narrower for them."""
    name = fields.optional("username")
    if name is not None and not _THIRD_PARTY_USERNAME.fullmatch(name):
        raise Refused("invalid_argument", "username must have 5 to 24 letters, digits, -_")
    return name


def is_login(text: str) -> bool:
    """Tell whether anybody could be called that: a user name, a number or an address."""
    return any(pattern.fullmatch(text) for pattern in (_USERNAME, _PHONE, _EMAIL))


def check_strength(password: str) -> None:
    """Refuse a password the documented pages call too weak."""
    if not _LENGTH.fullmatch(password) or not all(each.search(password) for each in _CLASSES):
        raise Refused(
            "invalid_argument",
            "new_password needs 8 to 64 characters: lower, upper, digit and special",
        )
