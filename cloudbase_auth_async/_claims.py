"""
What an access token says of itself, read locally and not verified.

Nothing here may decide whom to trust: the claims tell when to refresh and whether a refresh
answered with the same user. For trust, ask the service (`token.introspect`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs
import jwt

_YEAR_10000 = 253402300800 - 86400  # no datetime can hold it; a day less, for time zones
NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


def unverified_claims(access_token: str) -> Mapping[str, Any]:
    """Decode the payload of a JWT; an opaque or broken token has no claims."""
    try:
        claims = jwt.decode(access_token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        # ValueError and RecursionError: payloads that break the JSON parser itself.
        return NO_CLAIMS
    return MappingProxyType(claims)


@attrs.frozen
class Span:
    """
    When a token was issued and dies, and whose it is, as far as it says so.

    Attributes:
        sub: the subject; None if not said.
        exp: expiry, seconds since the epoch on the service's clock; None if not said.
        seconds: `exp - iat`; None if either is missing or the difference is not positive.
    """

    sub: str | None
    exp: float | None
    seconds: float | None


def span(claims: Mapping[str, Any]) -> Span:
    """Read the three claims the session lives by; a claim of the wrong type counts as absent."""
    sub = claims.get("sub")
    exp = _instant(claims.get("exp"))
    iat = _instant(claims.get("iat"))
    seconds = exp - iat if exp is not None and iat is not None and exp > iat else None
    return Span(sub if isinstance(sub, str) and sub else None, exp, seconds)


def _instant(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Compared before it is converted: an integer may be too large for a float. NaN fails both.
    return float(value) if 0 < value < _YEAR_10000 else None


def moment(epoch_seconds: float) -> datetime | None:
    """Turn seconds since the epoch into an aware datetime; None if no datetime can hold them."""
    if not 0 <= epoch_seconds < _YEAR_10000:
        return None
    return datetime.fromtimestamp(epoch_seconds, UTC)
