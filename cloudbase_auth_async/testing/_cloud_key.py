"""
The Tencent Cloud key of a server: `Basic SecretId:SecretKey`, or a TC3-HMAC-SHA256 signature.

The signature is the one of Tencent Cloud's API version 3, as `@cloudbase/node-sdk` makes it
(https://cloud.tencent.com/document/api/598/38504).
"""

import base64
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

import attrs

from cloudbase_auth_async.testing._values import Request, Settings

_ALGORITHM: Final = "TC3-HMAC-SHA256"
_SIGNED: Final = "content-type;host"
# How far the time of a signature may be off, as on Tencent Cloud's other calls.
_WINDOW_SECONDS: Final = 300
_SECONDS: Final = re.compile(r"[0-9]{1,11}")


@attrs.frozen(kw_only=True)
class _Claim:
    """What a TC3 header says of itself."""

    date: str
    timestamp: str
    signature: str


def by_basic(credentials: str, settings: Settings) -> bool:
    """Tell whether Basic credentials are the key."""
    pair = decoded(credentials)
    return pair is not None and pair == f"{settings.secret_id}:{settings.secret_key}"


def by_signature(request: Request, settings: Settings, now: float) -> bool:
    """Tell whether the request is signed with the key, and was signed just now."""
    header = request.header("authorization") or ""
    algorithm, _, rest = header.partition(" ")
    claim = _claim(rest, request, settings) if algorithm == _ALGORITHM else None
    if claim is None or not _is_fresh(claim, now):
        return False
    expected = _signature(request, settings, claim)
    return hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace"))


def decoded(credentials: str) -> str | None:
    """Return the pair in Basic credentials, or None if there is none."""
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        return None


def _claim(text: str, request: Request, settings: Settings) -> _Claim | None:
    """Read `Credential=…, SignedHeaders=…, Signature=…[, Timestamp=…[, Token=…]]`."""
    parts = _parts(text)
    secret_id, _, scope = parts.get("Credential", "").partition("/")
    date, _, service = scope.partition("/")
    # Where the documented form leaves the time out, Tencent Cloud's own header has it.
    timestamp = parts.get("Timestamp") or request.header("x-tc-timestamp") or ""
    right = (
        secret_id == settings.secret_id
        and service == "tcb/tc3_request"
        and parts.get("SignedHeaders") == _SIGNED
        and _SECONDS.fullmatch(timestamp)
    )
    if not right:
        return None
    return _Claim(date=date, timestamp=timestamp, signature=parts.get("Signature", ""))


def _parts(text: str) -> Mapping[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {name: value for name, _, value in pairs}


def _is_fresh(claim: _Claim, now: float) -> bool:
    seconds = int(claim.timestamp)
    if abs(seconds - now) > _WINDOW_SECONDS:
        return False
    day = dt.datetime.fromtimestamp(seconds, dt.UTC).date()
    # The documentation prints the date without hyphens, the official client writes them.
    return claim.date in (day.isoformat(), day.strftime("%Y%m%d"))


def _signature(request: Request, settings: Settings, claim: _Claim) -> str:
    content_type = request.header("content-type") or ""
    host = (request.header("host") or "").strip().lower()
    canonical = "\n".join(
        (
            request.method,
            request.path,
            "&".join(f"{name}={value}" for name, value in request.query.items()),
            f"content-type:{content_type.strip()}",
            f"host:{host}",
            "",
            _SIGNED,
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()
    scope = f"{claim.date}/tcb/tc3_request"
    text = f"{_ALGORITHM}\n{claim.timestamp}\n{scope}\n{digest}"
    key = f"TC3{settings.secret_key}".encode()
    for step in (claim.date, "tcb", "tc3_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
