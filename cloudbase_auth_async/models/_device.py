"""A device that has no keyboard to speak of, and waits for its user's yes (RFC 8628)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self, cast

import attrs

from cloudbase_auth_async.errors._base import ConfigurationError
from cloudbase_auth_async.models._fields import extra_fields, secret

# RFC 8628, 3.2: what holds where the service does not say.
_USUAL_INTERVAL_SECONDS = 5


@attrs.frozen(kw_only=True)
class DeviceAuthorization:
    """
    What to show to the user, and what to ask for the tokens with.

    It cannot be pickled: `to_dict` is the one place where its secret is written out. Where the
    vendor's JavaScript types let an answer lack `user_code` or `verification_uri`, RFC 8628 does
    not, and there would be nothing to show: such an answer is a `DecodeError`.

    Attributes:
        device_code: the device's own secret; never show it.
        user_code: what the user types in at `verification_uri`.
        expires_in: seconds that both codes live.
        interval: seconds between two polls, at least.
        verification_uri: where the user says yes.
        verification_uri_complete: the same with the code in it, for a QR code; None if the
            service has none.
        expires_at: when the codes die, on the service's clock; None in one made by hand.
    """

    device_code: str = secret()
    user_code: str
    expires_in: int
    interval: int = _USUAL_INTERVAL_SECONDS
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_at: datetime | None = None
    extra: Mapping[str, Any] = extra_fields()

    def to_dict(self) -> dict[str, Any]:
        """
        Write it out, secret and all, in values that JSON can hold, to go on after a restart.

        `expires_at` becomes a number, seconds since the epoch.
        """
        return {
            **self.extra,
            "device_code": self.device_code,
            "user_code": self.user_code,
            "expires_in": self.expires_in,
            "interval": self.interval,
            "verification_uri": self.verification_uri,
            "verification_uri_complete": self.verification_uri_complete,
            "expires_at": None if self.expires_at is None else self.expires_at.timestamp(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Read what `to_dict` wrote.

        Raises:
            ConfigurationError: a field is missing or of the wrong type; it names the field.
        """
        wrong = _wrong(data)
        if wrong is None:
            known: dict[str, Any] = {name: data.get(name) for name in _FIELDS}
            if known["interval"] is None:
                known["interval"] = _USUAL_INTERVAL_SECONDS
            if known["expires_at"] is not None:
                known["expires_at"] = datetime.fromtimestamp(known["expires_at"], UTC)
            return cls(**known, extra={n: v for n, v in data.items() if n not in known})
        del data  # a traceback shows this frame, and the secret is in there
        raise ConfigurationError(*wrong)

    def __reduce__(self) -> Any:
        raise TypeError("a DeviceAuthorization holds a secret and is not pickled; use to_dict()")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


# What each field may be, and whether it must be there.
_FIELDS: dict[str, tuple[tuple[type, ...], bool]] = {
    "device_code": ((str,), True),
    "user_code": ((str,), True),
    "expires_in": ((int,), True),
    "interval": ((int,), False),
    "verification_uri": ((str,), True),
    "verification_uri_complete": ((str,), False),
    "expires_at": ((int, float), False),
}
_YEAR_10000 = 253402300800
_LARGEST = 2**63


def _wrong(data: object) -> tuple[str, str] | None:
    """Find the first field that is wrong, and say what it must be."""
    if not isinstance(data, Mapping):
        return "data", "must be a mapping"
    fields = cast("Mapping[str, Any]", data)
    for name, (kinds, needed) in _FIELDS.items():
        value = fields.get(name)
        if value is None and not needed:
            continue
        if isinstance(value, bool) or not isinstance(value, kinds):
            return name, f"must be of type {kinds[-1].__name__}"
        if value == "" and needed:
            return name, "must not be empty"
        if isinstance(value, int | float) and not -_LARGEST < value < _LARGEST:
            return name, "must be a reasonable number"
    expires_at = fields.get("expires_at")
    if expires_at is not None and not 0 <= expires_at < _YEAR_10000:
        return "expires_at", "must be seconds since the epoch"
    return None
