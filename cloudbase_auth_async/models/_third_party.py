"""Accounts at other parties, and what their sign-in leaves behind."""

from collections.abc import Mapping
from typing import Any

import attrs

from cloudbase_auth_async.models._fields import extra_fields, secret, unpicklable


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
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class ProviderRedirect:
    """
    Where to send the browser of somebody who signs in with a third party.

    Attributes:
        uri: the third party's page; it holds the `state` that was passed.
        signout_uri: where to send it to sign out there; None if the service says nothing.
    """

    uri: str = secret()
    signout_uri: str | None = secret(None)
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class ThirdPartyProfile:
    """
    What a third party told of its user. Any of it may be missing.

    Attributes:
        provider_id: the third party.
        sub, sub_id: the user's ids there.
        email, phone_number: as the third party has them; nobody has checked them here.
        groups: as the third party writes them.
        token: the third party's own token.
        raw: everything it told, in its own form.
    """

    provider_id: str | None = None
    sub: str | None = None
    name: str | None = None
    picture: str | None = None
    email: str | None = None
    phone_number: str | None = None
    gender: str | None = None
    locale: str | None = None
    url: str | None = None
    groups: tuple[Any, ...] = attrs.field(default=(), hash=False)
    sub_id: str | None = None
    token: str | None = secret(None)
    at_hash: str | None = secret(None)
    meta: Mapping[str, Any] | None = attrs.field(default=None, repr=False, hash=False)
    raw: Any = attrs.field(default=None, repr=False, hash=False)
    provider: Any = attrs.field(default=None, repr=False, hash=False)
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class ProviderGrant:
    """
    A third party has said who somebody is.

    Attributes:
        provider_token: proves it to `sign_in.provider`, `sign_up.register` and
            `session.providers.bind`, once.
        expires_in: seconds the token lives (3600 in the documentation).
        provider_profile: what the third party told of them; None if the service kept it.
    """

    provider_token: str = secret()
    expires_in: int | None = None
    provider_profile: ThirdPartyProfile | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class MiniProgramCode:
    """
    A QR code that a person scans with WeChat, whose mini program then says who they are.

    Attributes:
        qr_code: what to show, as the service sends it; whether a text to draw or an image is not
            documented.
        qr_code_id: asks `providers.qr_code_status` about it; whoever has it gets the answer.
        expires_in: seconds the code lives.
    """

    qr_code: str = secret()
    qr_code_id: str = secret()
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class MiniProgramCodeStatus:
    """
    What has become of a QR code.

    Attributes:
        status: the service's word for it; which words there are is known nowhere.
        provider_token: proves to `sign_in.provider` who scanned it; None until they have agreed.
        expires_in: seconds, as the service counts them.
    """

    status: str
    provider_token: str | None = secret(None)
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class ProviderSubType:
    """
    How a third party's users sign in.

    Attributes:
        id: the third party.
        provider_sub_type: the vendor's client knows of `"NO_AUTH_LOGIN"` (without a password) and
            of an empty one.
    """

    id: str
    provider_sub_type: str | None = None
    extra: Mapping[str, Any] = extra_fields()
