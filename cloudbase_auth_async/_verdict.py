"""
What an answer means: success, or which error. One table, chosen by name and then by status.

The service's numbers and names are those of the vendor's newest client and guide; a message
text is shown to people and decides nothing.
"""

import email.utils
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import attrs

from cloudbase_auth_async import errors
from cloudbase_auth_async._call import Response
from cloudbase_auth_async._codec import Malformed, parse
from cloudbase_auth_async.errors import ApiError

# Every name of the vendor's clients and pages, except `unknown`: of that the status says more.
# `invalid_grant` alone is an `InvalidGrant`: that class ends a session, whatever the status.
BY_NAME: Mapping[str, type[ApiError]] = {
    "INVALID_ACCESS_TOKEN": errors.Unauthenticated,
    "INVALID_CREDENTIALS": errors.Unauthenticated,
    "MISSING_CREDENTIALS": errors.Unauthenticated,
    "aborted": errors.PreconditionFailed,
    "access_denied": errors.PermissionDenied,
    "account_selection_required": errors.PreconditionFailed,
    "already_exists": errors.AlreadyExists,
    "authorization_pending": errors.AuthorizationPending,
    "cancelled": errors.ServerUnavailable,
    "captcha_invalid": errors.CaptchaInvalid,
    "captcha_required": errors.CaptchaRequired,
    "consent_required": errors.PreconditionFailed,
    "data_loss": errors.ServerUnavailable,
    "deadline_exceeded": errors.ServerUnavailable,
    "expired_token": errors.DeviceCodeExpired,
    "failed_precondition": errors.PreconditionFailed,
    "interaction_required": errors.PreconditionFailed,
    "internal": errors.ServerUnavailable,
    "invalid_argument": errors.InvalidArgument,
    "invalid_client": errors.InvalidClient,
    "invalid_credentials": errors.InvalidCredentials,
    "invalid_grant": errors.InvalidGrant,
    "invalid_password": errors.InvalidCredentials,
    "invalid_phone_number": errors.InvalidArgument,
    "invalid_request": errors.InvalidArgument,
    "invalid_request_object": errors.InvalidArgument,
    "invalid_request_uri": errors.InvalidArgument,
    "invalid_scope": errors.InvalidArgument,
    "invalid_status": errors.TooManyAttempts,
    "invalid_two_factor": errors.InvalidCode,
    "invalid_two_factor_recovery": errors.InvalidCode,
    "invalid_username_or_password": errors.InvalidCredentials,
    "invalid_verification_code": errors.InvalidCode,
    "login_method_disabled": errors.LoginMethodDisabled,
    "login_required": errors.Unauthenticated,
    "login_type_disabled": errors.LoginMethodDisabled,
    "mfa_phone_required": errors.SecondFactorRequired,
    "not_found": errors.NotFound,
    "out_of_range": errors.InvalidArgument,
    "password_not_set": errors.InvalidCredentials,
    "permission_denied": errors.PermissionDenied,
    "phone_required": errors.SecondFactorRequired,
    "provider_error": errors.ProviderFailed,
    "provider_not_enabled": errors.LoginMethodDisabled,
    "provider_not_found": errors.NotFound,
    "rate_limit_exceeded": errors.RateLimited,
    "registration_not_supported": errors.InvalidArgument,
    "request_not_supported": errors.InvalidArgument,
    "request_uri_not_supported": errors.InvalidArgument,
    "resource_exhausted": errors.RateLimited,
    "server_error": errors.ServerUnavailable,
    "slow_down": errors.SlowDown,
    "temporarily_unavailable": errors.ServerUnavailable,
    "two_factor_required": errors.SecondFactorRequired,
    "unauthenticated": errors.Unauthenticated,
    "unauthorized": errors.Unauthenticated,
    "unauthorized_client": errors.InvalidClient,
    "unavailable": errors.ServerUnavailable,
    "under_review": errors.UserPending,
    "unimplemented": errors.PreconditionFailed,
    "unsupported_grant_type": errors.InvalidArgument,
    "unsupported_response_type": errors.InvalidArgument,
    "user_blocked": errors.UserBlocked,
    "user_not_found": errors.UserNotFound,
    "user_pending": errors.UserPending,
    "username_already_exists": errors.AlreadyExists,
    "wrong_password": errors.InvalidCredentials,
}

BY_STATUS: Mapping[int, type[ApiError]] = {
    400: errors.InvalidArgument,
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.AlreadyExists,
    429: errors.RateLimited,
}

# gRPC's status numbers, and the service's own from 4001 on.
NAME_OF_NUMBER: Mapping[int, str] = {
    1: "cancelled",
    2: "unknown",
    3: "invalid_argument",
    4: "deadline_exceeded",
    5: "not_found",
    6: "already_exists",
    7: "permission_denied",
    8: "resource_exhausted",
    9: "failed_precondition",
    10: "aborted",
    11: "out_of_range",
    12: "unimplemented",
    13: "internal",
    14: "unavailable",
    15: "data_loss",
    16: "unauthenticated",
    4001: "captcha_required",
    4002: "captcha_invalid",
    4019: "provider_error",
    4022: "unauthorized_client",
    4042: "mfa_phone_required",
    4043: "invalid_username_or_password",
    4045: "login_type_disabled",
}

_LONGEST_DESCRIPTION = 500
_LONGEST_NAME = 100
_MOST_READ = 8
_LONGEST_WAIT_SECONDS = 1e9
_INT32 = 2**31
# Also what ends a line or turns its direction elsewhere than in ASCII.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@attrs.frozen
class Refusal:
    """What an error body says, whichever of the service's shapes it has."""

    name: str | None = None
    number: int | None = None
    description: str | None = attrs.field(default=None, repr=False)
    request_id: str | None = None
    retry_after: float | None = None


def refusal(document: Any) -> Refusal | None:
    """
    Read an error out of a parsed body; None if the body is no error.

    | body | name | number |
    | --- | --- | --- |
    | `{error, error_code, error_description}` | `error` | `error_code` |
    | `{code: 5, message, details}` (google.rpc.Status) | the number's name | `code` |
    | `{code: "UPPER_SNAKE", message, requestId}` (the gateway) | `code` | None |
    """
    if not isinstance(document, dict):
        return None
    body = cast("dict[str, Any]", document)
    name, number = _text(body.get("error")), _integer(body.get("error_code"))
    description = _text(body.get("error_description"))
    code = body.get("code")
    if name is None and number is None and "message" in body:
        name, number = _text(code), _integer(code) if not isinstance(code, str) else None
        description = _text(body.get("message"))
    if name is None and not number and not body.get("error"):
        return None
    return Refusal(
        name=(name or NAME_OF_NUMBER.get(number or 0)),
        number=number,
        description=description,
        request_id=_text(body.get("requestId")),
        retry_after=_seconds(body.get("retry_after", body.get("retryAfter"))),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _integer(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - int32
        return int(value)
    return value if type(value) is int and -_INT32 <= value < _INT32 else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Compared before it is converted: an integer may be too large for a float.
    return float(value) if 0 <= value < _LONGEST_WAIT_SECONDS else None


def retry_after(header: str | None, *, server_now: float) -> float | None:
    """Read `Retry-After`, a number of seconds or a date, as seconds from now."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, moment - server_now)


def judged(
    response: Response,
    *,
    operation: str,
    request_id: str,
    renamed: Mapping[str, type[ApiError]],
    server_now: float,
    secrets: Callable[[], Sequence[str]] = tuple,
) -> tuple[Any, ApiError | None]:
    """
    Tell success from refusal.

    Args:
        response: as it came.
        operation: for the error.
        request_id: what was sent; the service's own is preferred.
        renamed: error names that this call knows better.
        server_now: the service's epoch seconds, for a `Retry-After` that is a date.
        secrets: tells the texts of the request that must not come back in an error.

    Returns:
        the parsed document (None for an empty body) and no error, or None and the error.

    Raises:
        Malformed: HTTP 2xx with a body that is not JSON.
    """
    success = 200 <= response.status < 300  # noqa: PLR2004
    document = None
    try:
        document = parse(response.body) if response.body.strip() else None
    except Malformed:
        if success:
            raise
    told = refusal(document)
    if success and told is None:
        return document, None
    told, hidden = told or Refusal(), secrets()
    waits = told.retry_after
    if waits is None:
        waits = retry_after(response.headers.get("retry-after"), server_now=server_now)
    error = family(told.name, response.status, renamed)(
        operation=operation,
        status=response.status,
        # A name everybody knows holds no secret, whatever somebody's password is.
        error=told.name if told.name in BY_NAME else _clean(told.name, _LONGEST_NAME, hidden),
        error_code=told.number,
        description=_clean(told.description, _LONGEST_DESCRIPTION, hidden),
        request_id=_clean(told.request_id, _LONGEST_NAME, hidden) or request_id,
        retry_after=waits,
    )
    return None, error


def family(name: str | None, status: int, renamed: Mapping[str, type[ApiError]]) -> type[ApiError]:
    """Choose the class: the call's own reading of the name, the name, the status."""
    if name is not None:
        found = renamed.get(name) or BY_NAME.get(name)
        if found is not None:
            return found
    if status >= 500:  # noqa: PLR2004
        return errors.ServerUnavailable
    return BY_STATUS.get(status, ApiError)


def _clean(text: str | None, longest: int, secrets: Sequence[str]) -> str | None:
    """Keep a foreign text from forging log lines, from filling them, from echoing secrets."""
    if text is None:
        return None
    # With a text and a secret of a megabyte, looking for half a secret would stop everybody's loop.
    text = text[: _MOST_READ * longest]
    for secret in secrets:
        text = text.replace(secret, "***")
    for secret in secrets:
        # A service that cuts its own text may end it in the middle of a secret, as we did.
        most = min(len(secret) - 1, len(text))
        cut = next((n for n in range(most, 3, -1) if text.endswith(secret[:n])), 0)
        text = text[: len(text) - cut] + "***" if cut else text
    # A lone surrogate would make the error impossible to print.
    return _CONTROL.sub(" ", text)[:longest].encode("utf-8", "replace").decode()
