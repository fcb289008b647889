"""Where the user's account was used, and what was changed there."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from cloudbase_auth_async.models._fields import extra_fields


@attrs.frozen(kw_only=True)
class SecurityEvent:
    """
    One line of the user's security history.

    Attributes:
        ip: where the request came from.
        client_id: the client the user signed in with.
        device_id: pass it to `devices.revoke`.
        created_at: when it was, an aware datetime.
        meta: more about it; the vendor's client knows of a `from`.
    """

    id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    client_id: str | None = None
    device_id: str | None = None
    created_at: datetime | None = None
    meta: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    extra: Mapping[str, Any] = extra_fields()


@attrs.frozen(kw_only=True)
class SecurityHistory:
    """
    A page of the user's security history.

    Attributes:
        total: how many events there are on all pages; None if the service did not say.
        data: the events of this page.
        page_token: pass it to `user.security_history` for the next page; None on the last one.
    """

    total: int | None = None
    data: tuple[SecurityEvent, ...] = ()
    page_token: str | None = None
    extra: Mapping[str, Any] = extra_fields()
