"""What may be changed about a user, and what stands in the way of it."""

from typing import Final

from cloudbase_auth_async.testing import _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._fields import Fields
from cloudbase_auth_async.testing._state import State, User
from cloudbase_auth_async.testing._values import Refused

GENDERS: Final = ("MALE", "FEMALE")
RESOLUTIONS: Final = ("DEFAULT", "DELETE_ACCOUNT_TRANSFER", "TRANSFER")

_NAME_LENGTHS: Final = range(2, 49)


def registered(user: User) -> User:
    """Return a user who is not anonymous: those have nothing that could be changed."""
    if user.anonymous:
        raise Refused("permission_denied", "an anonymous user signs up first")
    return user


def gender(fields: Fields) -> str | None:
    """Return the gender, one of the two the service knows."""
    value = fields.optional("gender")
    if value not in (None, *GENDERS):
        raise Refused("invalid_argument", "gender must be MALE or FEMALE")
    return value


def nickname(fields: Fields, name: str) -> str | None:
    """Return the display name in a field."""
    value = fields.optional(name)
    if value is not None and len(value) not in _NAME_LENGTHS:
        raise Refused("invalid_argument", f"{name} must have 2 to 48 characters")
    return value


def free_username(call: Call, user: User, fields: Fields) -> str | None:
    """Return the user name a user wants, if nobody else has it."""
    name = _fields.new_username(fields)
    if name is not None and call.state.find(name) not in (None, user):
        raise Refused("already_exists", "the user name is taken")
    return name


def free_destination(call: Call, user: User, **place: str | None) -> str | None:
    """Return the phone number or e-mail address a user wants, if nobody else has it."""
    if not any(place.values()):
        return None
    destination = _fields.destination(Fields(place))
    if call.state.find(destination) not in (None, user):
        raise Refused("failed_precondition", "the phone number or email belongs to another user")
    return destination


def settle(state: State, user: User, place: str, resolution: str) -> None:
    """Take a phone number or e-mail address from whoever else has it, as far as allowed."""
    owner = state.find(place)
    if owner is None or owner is user:
        return
    if resolution == "DEFAULT":
        raise Refused("failed_precondition", "the phone number or email belongs to another user")
    if resolution == "DELETE_ACCOUNT_TRANSFER" or not _other_ways_in(state, owner, place):
        # Who could not sign in any more is deleted in both cases.
        state.forget(owner)
        return
    for name in ("username", "phone_number", "email"):
        if getattr(owner, name) == place:
            setattr(owner, name, None)
    state.rename(owner)


def _other_ways_in(state: State, user: User, place: str) -> bool:
    others = set(user.logins()) - {place}
    return bool(others or user.providers) or user.sub in state.custom_users.values()


def write(call: Call, user: User, **changes: str | None) -> None:
    """Write what is given, and leave the rest as it was."""
    for name, value in changes.items():
        if value is not None:
            setattr(user, name, value)
    user.updated_at = call.now
    call.state.rename(user)
