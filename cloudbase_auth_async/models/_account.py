"""The user's account, and what is told of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from cloudbase_auth_async.models._fields import extra_fields


@attrs.frozen(kw_only=True)
class ProfileProvider:
    """One third-party account, as the profile lists it."""

    id: str
    provider_user_id: str | None = None
    name: str | None = None
    picture: str | None = None
    url: str | None = None
    meta: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    extra: Mapping[str, Any] = extra_fields()


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
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class UserProfile:
    """
    The current user. Only `sub` is always there.

    Attributes:
        sub: the user's id.
        phone_number: with country code and a space, such as `"+86 13800000000"`.
        status: `"ACTIVE"`, `"PENDING"`, `"BLOCKED"`, `"DEFAULT"`; the service may add others.
        gender: `"MALE"` or `"FEMALE"`; the service may add others.
        created_at, updated_at, password_updated_at, last_login, last_sign_in_at: aware datetimes.
        has_password: whether there is one; the vendor's JavaScript client also reads it as
            `hasPassword`.
        login_type: how the user signs in, `loginType` in the answer, such as `"PASSWORD"`.
        email_verified, birthdate, zoneinfo, locale, created_from, address, login_type,
            last_sign_in_at: only the vendor's JavaScript client knows of them.
        address: `formatted`, `street_address`, `locality`, `region`, `postal_code`, `country`.
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
    email_verified: bool | None = None
    birthdate: str | None = None
    zoneinfo: str | None = None
    locale: str | None = None
    created_from: str | None = None
    address: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    login_type: str | None = None
    last_sign_in_at: datetime | None = None
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class FoundUser:
    """
    What one user may know of another. Only `sub` is always there.

    Attributes:
        sub: the user's id.
        email, phone_number: the service tells them of few.
    """

    sub: str
    name: str | None = None
    picture: str | None = None
    gender: str | None = None
    locale: str | None = None
    email: str | None = None
    phone_number: str | None = None
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class FoundUsers:
    """
    The users that were looked for.

    Attributes:
        total: how many the service counted; None if it did not say.
        data: those that it told of.
    """

    total: int | None = None
    data: tuple[FoundUser, ...] = ()
    extra: Mapping[str, Any] = extra_fields()
