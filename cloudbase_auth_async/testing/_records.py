"""What the state remembers of codes that are exchanged for tokens, and of sign-ins."""

from typing import Final, Literal

import attrs

DEVICE_CODE_SECONDS: Final = 600
POLL_SECONDS: Final = 5


@attrs.define(kw_only=True, eq=False)
class AuthorizationCode:
    """A code from /user/authorize; a used one is kept to recognise its reuse."""

    sub: str
    client_id: str
    scope: str
    redirect_uri: str | None
    challenge: str | None = attrs.field(repr=False)
    method: str
    expires_at: float
    used: bool = False
    # The session the code was exchanged for.
    grant_id: str | None = None


@attrs.define(kw_only=True, eq=False)
class DeviceCode:
    """One device that waits for its user (RFC 8628)."""

    user_code: str = attrs.field(repr=False)
    client_id: str
    scope: str | None
    expires_at: float
    interval_seconds: int = POLL_SECONDS
    polled_at: float | None = None
    status: Literal["pending", "approved", "denied"] = "pending"
    sub: str = ""

    @property
    def forgotten_at(self) -> float:
        """Return until when the code is known, if only as an expired one."""
        return self.expires_at + DEVICE_CODE_SECONDS


@attrs.frozen(kw_only=True)
class SignIn:
    """One sign-in, as the user's history shows it."""

    id: str
    sub: str
    client_id: str
    device_id: str
    user_agent: str
    created_at: float
