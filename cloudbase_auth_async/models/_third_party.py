"""Accounts at other parties, and what their sign-in leaves behind."""

from collections.abc import Mapping
from typing import Any

import attrs

from cloudbase_auth_async.models._fields import extra_fields


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
