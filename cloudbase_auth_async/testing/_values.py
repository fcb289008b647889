"""
What crosses the emulator's seam: a request, a response, a refusal, and the settings.

Frozen values and plain bytes, so that every skin (sockets, memory, command line) drives the
same core.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

Dialect = Literal["primary", "documented", "both"]
Algorithm = Literal["RS256", "HS256"]
Reuse = Literal["refuse", "revoke_family"]
IntrospectWithBasic = Literal["empty", "refuse"]
CaptchaTokens = Literal["once", "until_expiry"]
CaptchaPlace = Literal["header", "query", "either"]

# HTTP status and service number by error name. No number where no source prints one: a
# client that leans on `error_code` has to live without it.
ERRORS: Final[Mapping[str, tuple[int, int | None]]] = {
    "access_denied": (400, None),
    "already_exists": (409, 6),
    "authorization_pending": (400, None),
    "captcha_invalid": (400, 4002),
    "captcha_required": (400, 4001),
    "expired_token": (400, None),
    "failed_precondition": (400, 9),
    "invalid_argument": (400, 3),
    "invalid_client": (400, None),
    "invalid_grant": (400, None),
    "invalid_password": (400, None),
    "invalid_scope": (400, None),
    "invalid_username_or_password": (400, 4043),
    "not_found": (404, 5),
    "password_not_set": (400, None),
    "permission_denied": (403, 7),
    "provider_error": (400, 4019),
    "resource_exhausted": (429, 8),
    "slow_down": (400, None),
    "unauthenticated": (401, 16),
    "unauthorized_client": (401, 4022),
    "unsupported_grant_type": (400, None),
    "unsupported_response_type": (400, None),
    "user_blocked": (403, None),
    "user_pending": (403, None),
}

_JSON: Final = ("Content-Type", "application/json; charset=utf-8")


@attrs.frozen(kw_only=True)
class Request:
    """One request as it came: the path percent-encoded and without its query."""

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    # The query once more, for names that come more than once; a skin may leave it out.
    pairs: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)

    def values(self, name: str) -> list[str]:
        """Return every value the query has for a name."""
        pairs = self.pairs or tuple(self.query.items())
        return [value for key, value in pairs if key == name]

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@attrs.frozen(kw_only=True)
class Response:
    """One answer; `Date`, `Content-Length` and the like are the skin's."""

    status: int
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen(kw_only=True)
class Settings:
    """How this emulator is told to behave; see `Emulator` for each."""

    env: str
    client_id: str
    client_secret: str = attrs.field(repr=False)
    dialect: Dialect = "both"
    algorithm: Algorithm
    access_lifetime_seconds: int = 7200
    refresh_lifetime_seconds: int = 2_592_000
    reuse: Reuse = "revoke_family"
    anonymous_refresh: bool = True
    introspect_with_basic: IntrospectWithBasic = "empty"
    opaque_access_tokens: bool = False
    secret_id: str = "AKIDdemo"  # noqa: S105 -- it guards nothing
    secret_key: str = attrs.field(default="demo-key", repr=False)
    grace_seconds: float = 0.0
    code_interval_seconds: float | None = None
    captcha_tokens: CaptchaTokens = "once"


class Refused(Exception):
    """The service says no: one error body, with the status that goes with its name."""

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int | None = None,
        number: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(error)
        usual_status, usual_number = ERRORS[error]
        self.error = error
        self.description = description
        self.status = usual_status if status is None else status
        self.number = usual_number if number is None else number
        self.headers = headers

    def response(self) -> Response:
        """Return the error body of the service."""
        body: dict[str, Any] = {"error": self.error}
        if self.number is not None:
            body["error_code"] = self.number
        body["error_description"] = self.description
        return answer(body, status=self.status, headers=self.headers)


def answer(
    body: Mapping[str, Any], *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """Return a JSON answer."""
    text = json.dumps(body, separators=(",", ":"))
    return Response(status=status, headers=(_JSON, *headers), body=text.encode())
