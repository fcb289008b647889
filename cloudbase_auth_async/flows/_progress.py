"""How far a flow with a code has come: in memory, and written down for another process."""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async.errors import (
    CaptchaInvalid,
    CaptchaRequired,
    CloudBaseAuthError,
    ConfigurationError,
    DecodeError,
    RateLimited,
    ServerUnavailable,
    TransportError,
)

# What the documentation says, where an answer does not.
_LIFE_SECONDS: Final = 600
_YEAR_10000: Final = 253_402_300_800.0


@attrs.frozen(kw_only=True)
class Proof:
    """
    A code was right.

    Attributes:
        destination: the body field that names the place, `phone_number` or `email`, and its value.
        is_user: whether the place is a user's, as far as the service said.
        captcha_token: for the call that the proof is for, where a captcha was solved by hand.
    """

    destination: Mapping[str, str] = attrs.field(repr=False)
    is_user: bool | None
    verification_token: str = attrs.field(repr=False)
    verification_code: str = attrs.field(repr=False)
    captcha_token: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Progress:
    """
    How far a flow has come.

    Attributes:
        verification_id: of the code that was sent; None before.
        verification_token: of the code that was right; None before.
        doubtful: whether the code may be dead: the answer to a check of it, or to the sending of
            another one, was lost.
        presented: whether that proof was shown to the service before, and may be used up.
        expires_at: when the newest of the two dies, epoch seconds on the service's clock.
    """

    is_user: bool | None = None
    verification_id: str | None = attrs.field(default=None, repr=False)
    verification_code: str | None = attrs.field(default=None, repr=False)
    verification_token: str | None = attrs.field(default=None, repr=False)
    doubtful: bool = False
    presented: bool = False
    expires_at: float = 0.0

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> "Progress":
        """
        Read what was written down, also by a version that did not know `doubtful`.

        Raises:
            ConfigurationError: that is something else.
        """
        fields = {each.name: saved.get(each.name) for each in attrs.fields(cls)}
        fields["doubtful"] = saved.get("doubtful", False)
        if not _well_formed(fields):
            raise ConfigurationError("resume", "must be what to_dict wrote")
        return cls(**cast("dict[str, Any]", fields))


def _well_formed(fields: Mapping[str, object]) -> bool:
    name, code, token = (
        fields[each] for each in ("verification_id", "verification_code", "verification_token")
    )
    try:
        for text in (name, code, token):
            config.optional_text("resume", text)
    except ConfigurationError:
        return False
    dies = fields["expires_at"]
    return (
        (token is None or None not in (name, code))
        and isinstance(fields["is_user"], bool | None)
        and isinstance(fields["doubtful"], bool)
        and isinstance(fields["presented"], bool)
        and isinstance(dies, int | float)
        and not isinstance(dies, bool)
        and 0 <= dies < _YEAR_10000
    )


def end_of(now: float, seconds: int | None) -> float:
    """Return when something dies that lives so long; in the bounds of what can be read again."""
    end = now + (_LIFE_SECONDS if seconds is None else seconds)
    return max(0.0, min(end, _YEAR_10000 - 1))


def did_nothing(failure: CloudBaseAuthError) -> bool:
    """Tell whether a call surely had no effect; behind a gateway's error there may be one."""
    if isinstance(failure, TransportError):
        return not failure.may_have_reached_server
    return not isinstance(failure, DecodeError | ServerUnavailable)


def looked_at_nothing(failure: CloudBaseAuthError) -> bool:
    """Tell whether a call was not sent, or turned away before its proof was looked at."""
    if isinstance(failure, TransportError):
        return did_nothing(failure)
    return isinstance(failure, CaptchaRequired | CaptchaInvalid | RateLimited | ConfigurationError)
