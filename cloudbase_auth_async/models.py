"""
The values that calls answer: frozen, typed, secrets out of `repr`, unknown fields in `extra`.

A field the service did not send, or sent as null, is None (or an empty tuple). Sets that the
service may extend (`status`, `gender`, `provider_type`) stay plain strings.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs


def _unpicklable(self: object) -> Any:
    raise TypeError(f"a {type(self).__name__} holds a secret and is not pickled")


def _extra() -> Any:
    # Unknown fields may hold secrets and mutable values: out of repr and out of hash.
    return attrs.field(factory=dict[str, Any], repr=False, hash=False)


def _secret(default: Any = attrs.NOTHING) -> Any:
    return attrs.field(default=default, repr=False)


@attrs.frozen(kw_only=True)
class Verification:
    """
    A code was sent.

    Attributes:
        verification_id: names the code in `verification.verify`.
        expires_in: seconds the code lives (600 in the documentation).
        is_user: whether an account with this phone number or e-mail exists; None if not said.
    """

    verification_id: str = _secret()
    expires_in: int | None = None
    is_user: bool | None = None
    extra: Mapping[str, Any] = _extra()

    __reduce__ = _unpicklable


@attrs.frozen(kw_only=True)
class VerifiedCode:
    """
    A code was right.

    Attributes:
        verification_token: proves it to `sign_up.register` and others, once.
        expires_in: seconds the token lives (600 in the documentation).
    """

    verification_token: str = _secret()
    expires_in: int | None = None
    extra: Mapping[str, Any] = _extra()

    __reduce__ = _unpicklable


@attrs.frozen(kw_only=True)
class Introspection:
    """
    What the service says of an access token.

    Attributes:
        active: whether it is valid now. The service may not say so in as many words: an answer
            that names a subject or a client is active, an empty one is not.
        sub: the user's id.
        client_id: the client the token was given to.
        scope: scopes, separated by spaces.
        token_type: `"Bearer"`.
    """

    active: bool
    sub: str | None = None
    client_id: str | None = None
    scope: str | None = None
    token_type: str | None = None
    extra: Mapping[str, Any] = _extra()


@attrs.frozen(kw_only=True)
class SudoToken:
    """
    Fresh proof of who the user is.

    Attributes:
        sudo_token: pass it to `user.update_password` or `user.delete`.
        expires_in: seconds it lives (900 in the documentation).
    """

    sudo_token: str = _secret()
    expires_in: int | None = None
    extra: Mapping[str, Any] = _extra()

    __reduce__ = _unpicklable


@attrs.frozen(kw_only=True)
class ProfileProvider:
    """One third-party account, as the profile lists it."""

    id: str
    provider_user_id: str | None = None
    name: str | None = None
    picture: str | None = None
    url: str | None = None
    meta: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    extra: Mapping[str, Any] = _extra()


@attrs.frozen(kw_only=True)
class UserGroup:
    """
    A group the user is in.

    Attributes:
        id: the group's name.
        expires_at: when the membership ends, as the service wrote it.
    """

    id: str
    expires_at: str | None = None
    extra: Mapping[str, Any] = _extra()


@attrs.frozen(kw_only=True)
class UserProfile:
    """
    The current user. Only `sub` is always there.

    Attributes:
        sub: the user's id.
        phone_number: with country code and a space, such as `"+86 13800000000"`.
        status: `"ACTIVE"`, `"PENDING"`, `"BLOCKED"`, `"DEFAULT"`; the service may add others.
        gender: `"MALE"` or `"FEMALE"`; the service may add others.
        created_at, updated_at, password_updated_at, last_login: aware datetimes.
    """

    sub: str
    user_id: str | None = None
    name: str | None = None
    username: str | None = None
    picture: str | None = None
    email: str | None = None
    phone_number: str | None = None
    providers: tuple[ProfileProvider, ...] = ()
    status: str | None = None
    gender: str | None = None
    groups: tuple[UserGroup, ...] = ()
    meta: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    password_updated_at: datetime | None = None
    last_login: datetime | None = None
    has_password: bool | None = None
    internal_user_type: str | None = None
    type: str | None = None
    user_source: int | None = None
    user_desc: str | None = None
    extra: Mapping[str, Any] = _extra()


@attrs.frozen(kw_only=True)
class LinkedProvider:
    """
    A third-party account the user has, or could have, bound.

    Attributes:
        id: pass it to `providers.unbind`.
        bind: whether it is bound.
        provider_type: the kind of provider; the service may add kinds.
    """

    id: str
    name: str | None = None
    homepage: str | None = None
    picture: str | None = None
    provider_user_name: str | None = None
    provider_type: str | None = None
    bind: bool | None = None
    extra: Mapping[str, Any] = _extra()
