"""Who asks for a user's consent, for what, and what they are given."""

from collections.abc import Mapping
from typing import Any

import attrs

from cloudbase_auth_async.models._fields import extra_fields, secret, unpicklable


@attrs.frozen(kw_only=True)
class ClientInfo:
    """
    The client that asks, as a page of consent shows it.

    Attributes:
        id: its client id.
        picture, url: its logo and its home page.
    """

    id: str
    name: str | None = None
    description: str | None = None
    picture: str | None = None
    url: str | None = None
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class ScopeInfo:
    """
    One thing it asks for.

    Attributes:
        id: the scope's name on the wire, such as `"user"`.
        name: what people call it.
        children: the finer scopes it is made of.
    """

    id: str
    name: str | None = None
    description: str | None = None
    picture: str | None = None
    url: str | None = None
    # In quotes as a whole: the codec looks up a type that is a name, not one with a name in it.
    children: "tuple[ScopeInfo, ...]" = ()
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class AuthorizationInfo:
    """
    What a page of consent shows.

    Attributes:
        client: who asks.
        scopes: what for.
    """

    client: ClientInfo
    scopes: tuple[ScopeInfo, ...] = ()
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class Authorization:
    """
    What an application is given in the user's name.

    Attributes:
        code: `token.authorization_code` exchanges it, once.
        access_token, id_token: where the response type asked for them.
        scope: what was granted, separated by spaces.
        state: as it was given.
        expires_in: seconds the code, or the token, lives.
    """

    code: str | None = secret(default=None)
    access_token: str | None = secret(default=None)
    id_token: str | None = secret(default=None)
    token_type: str | None = None
    scope: str | None = None
    state: str | None = secret(default=None)
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable
