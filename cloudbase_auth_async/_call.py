"""
A call as data: what an endpoint builds, what the pipeline sends, what comes back.

`Call[T]` says what is wanted and how each contract spells it. `Request` and `Response` are the
bytes that cross the transport. Nothing here does anything.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import attrs

from cloudbase_auth_async.errors import ApiError

T = TypeVar("T")

QueryValue = str | tuple[str, ...] | None


class Auth(Enum):
    """Whose name stands in the `Authorization` header of a form."""

    NOBODY = "no credentials, and no client named: a public document"
    CLIENT = "Basic client_id:client_secret, else the client_id query parameter"
    CLIENT_BASIC = "Basic client_id:client_secret, with an empty secret where there is none"
    CLIENT_SECRET = "Basic client_id:client_secret, and nothing without a secret"  # noqa: S105
    USER = "Bearer, the session's access token"
    SUBJECT = "Bearer, the very token the call is about"
    KEY = "a Tencent Cloud key: its own Basic, or a signature of the request"


class Dialect(Enum):
    """The two contracts this library speaks."""

    PRIMARY = "primary"
    DOCUMENTED = "documented"


class Turn(Enum):
    """
    When a refused form of a call is followed by the next one.

    NEVER: there is one form, or both contracts share it.
    NO_ROUTE: the service has no such path (404, 405).
    CLIENT_REFUSED: the service refused the client's credentials (401, 403).
    INVALID_ARGUMENT: the service wants a field that the first form does not have.
    """

    NEVER = 0
    NO_ROUTE = 1
    CLIENT_REFUSED = 2
    INVALID_ARGUMENT = 3


class Key(Protocol):
    """A Tencent Cloud key, as the pipeline knows it."""

    @property
    def secrets(self) -> Sequence[str]:
        """What of it must not come back in an error's text."""
        ...

    def authorization(
        self, *, method: str, url: str, content_type: str, body: bytes, now: float
    ) -> str:
        """
        Return the `Authorization` header of one request.

        Args:
            method: in upper case.
            url: as it is sent, query included.
            content_type: the header's value.
            body: the very bytes that are sent.
            now: the service's epoch seconds, as far as they are known.
        """
        ...


@attrs.frozen(kw_only=True)
class Form:
    """
    One contract's way to send a call.

    Attributes:
        dialect: whose way it is; a call with a single form is the same in both.
        route: the path below the base URL, `{name}` for each part taken from `parts`.
        parts: values for the route; quoted when the URL is made.
        device: whether the `x-device-id` header goes along.
        body: JSON fields; None for no body at all. Fields that are None are left out.
        query: a tuple repeats its parameter; what is None is left out.
        subject: the token for `Auth.SUBJECT`.
        key: what `Auth.KEY` signs with.
    """

    dialect: Dialect = Dialect.PRIMARY
    method: str
    route: str
    auth: Auth
    parts: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    query: Mapping[str, QueryValue] = attrs.field(factory=dict[str, QueryValue], repr=False)
    body: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    device: bool = False
    subject: str | None = attrs.field(default=None, repr=False)
    key: Key | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Call(Generic[T]):
    """
    One typed question to the service.

    Attributes:
        operation: its name in logs and errors, such as `"user.me"`.
        answer: the type the answer is decoded to; None when nothing is expected.
        forms: in the order they are tried.
        turn: when the next form is tried.
        feature: the name under which the client remembers which form this service speaks.
        repeatable: whether sending it twice does no harm.
        fresh_connection: whether it must not go out on a kept-alive connection.
        renamed: error names that mean something more definite in this call.
        conclusive: whether an answer proves that the service understood this form; an answer
            that does not is checked in the next form.
        salvage: whether an answer that is partly malformed must not be lost, because the
            service has acted on the call and cannot be asked again.
        captcha_token: proof of a solved captcha that goes along from the start.
        captcha: whether a captcha that the service demands of this call may be put to the
            client's solver; not of the calls that solve one.
    """

    operation: str
    answer: type[T] | None
    forms: tuple[Form, ...]
    turn: Turn = Turn.NEVER
    feature: str | None = None
    repeatable: bool = False
    fresh_connection: bool = False
    renamed: Mapping[str, type[ApiError]] = attrs.field(factory=dict[str, type[ApiError]])
    conclusive: Callable[[T], bool] | None = None
    salvage: bool = False
    captcha_token: str | None = attrs.field(default=None, repr=False)
    captcha: bool = True


class Caller(Protocol):
    """What an endpoint group needs: somebody who gets calls answered."""

    async def call(self, call: Call[T]) -> T:
        """Answer the call or raise."""
        ...


@attrs.frozen(kw_only=True)
class Request:
    """
    The bytes to send.

    Attributes:
        operation, route: what logs and errors may name; the URL may hold secrets.
        authorization: the header's value; None for none.
        fresh_connection: whether it must not go out on a kept-alive connection.
    """

    operation: str
    method: str
    route: str
    request_id: str
    authorization: str | None = attrs.field(default=None, repr=False)
    fresh_connection: bool = False
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Response:
    """
    The bytes that came.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
