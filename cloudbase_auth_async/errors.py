"""
Everything this library raises: one tree, plain values, no secrets.

    CloudBaseAuthError
    ├── ConfigurationError (also a ValueError)   wrong arguments; nothing was sent
    ├── ClientClosed                             used after `aclose()`
    ├── TransportError                           no usable answer arrived
    │   ├── ConnectFailed                        surely nothing was sent
    │   ├── RequestTimedOut
    │   ├── ConnectionLost
    │   └── AnswerTooLarge
    ├── DecodeError                              an answer arrived that says nothing known
    ├── ApiError                                 the service refused; one subclass a family
    │   └── InvalidCredentials, RateLimited, Unauthenticated, …
    ├── SessionError                             the session, not one call, is the trouble
    │   ├── NotSignedIn                          signed out here
    │   ├── SessionEnded                         the service refused the refresh token for good
    │   ├── RefreshOutcomeUnknown                a refresh may or may not have happened
    │   ├── ReauthenticationRequired             no refresh token, and the access token is dead
    │   └── SubjectChanged                       a refresh answered with somebody else's tokens
    └── StoreError                               the place where sessions are kept failed
        ├── StoreBusy                            a session's lock was not to be had in time
        └── StoreCorrupt                         what was kept cannot be read; it was moved aside

Which subclass of `ApiError` an answer gets is decided in `_verdict.py`, by name and by status.
"""

from typing import Any, Self


class CloudBaseAuthError(Exception):
    """
    Any failure this library reports.

    All attributes are plain values, so an error can be pickled, logged and sent to another
    process. None of them holds a token, a password, a header or a body.
    """

    def again(self) -> Self:
        """
        Return an equal error with no traceback.

        One failure of a shared refresh is told to many callers: raising one object in all of
        them would chain their tracebacks together.
        """
        twin = self.__class__.__new__(self.__class__, *self.args)
        twin.args = self.args
        twin.__dict__.update(self.__dict__)
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.__class__, self.args, dict(self.__dict__))


def _rebuild(
    kind: type[CloudBaseAuthError], args: tuple[Any, ...], state: dict[str, Any]
) -> CloudBaseAuthError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(CloudBaseAuthError, ValueError):
    """
    An argument is wrong. Nothing was sent.

    Attributes:
        argument: the argument's name; its value is never kept. Where it was read from an
            environment variable, the text names that one instead.
    """

    argument: str

    def __init__(self, argument: str, problem: str, *, variable: str | None = None) -> None:
        super().__init__(f"{variable or argument}: {problem}")
        self.argument = argument


class ClientClosed(CloudBaseAuthError):
    """The client or the session was used after its `aclose()`."""


class TransportError(CloudBaseAuthError):
    """
    No usable answer arrived.

    Attributes:
        operation: which call, such as `"user.me"`.
        request_id: the `x-request-id` that was sent.
        may_have_reached_server: whether the service may have acted on the request. False means
            that not one byte of it left.
    """

    operation: str
    request_id: str
    may_have_reached_server: bool

    def __init__(
        self,
        problem: str,
        *,
        operation: str,
        request_id: str,
        may_have_reached_server: bool,
    ) -> None:
        reached = "may have reached the service" if may_have_reached_server else "was not sent"
        super().__init__(f"{operation}: {problem}; the request {reached} [request {request_id}]")
        self.operation = operation
        self.request_id = request_id
        self.may_have_reached_server = may_have_reached_server


class ConnectFailed(TransportError):
    """No connection could be made: name look-up, refusal, TLS. Nothing was sent."""


class RequestTimedOut(TransportError):
    """The time allowed for the call ran out."""


class ConnectionLost(TransportError):
    """The connection broke before the whole answer was read."""


class AnswerTooLarge(TransportError):
    """The answer is larger than the client accepts, as sent or once unpacked."""


class DecodeError(CloudBaseAuthError):
    """
    The service answered something that is not what the call answers.

    Attributes:
        operation: which call, such as `"user.me"`.
        path: where in the answer, such as `"$.groups[0].id"`.
        expected: what should be there, in words. What was there is never kept.
        status: the HTTP status of the answer.
        request_id: the `x-request-id` that was sent.
    """

    operation: str
    path: str
    expected: str
    status: int
    request_id: str

    def __init__(
        self, *, operation: str, path: str, expected: str, status: int, request_id: str
    ) -> None:
        super().__init__(
            f"{operation}: expected {expected} at {path} in the answer"
            f" (HTTP {status}) [request {request_id}]"
        )
        self.operation = operation
        self.path = path
        self.expected = expected
        self.status = status
        self.request_id = request_id


class ApiError(CloudBaseAuthError):
    """
    The service refused the call.

    An error name that this library does not know stays an `ApiError` (or the subclass its HTTP
    status suggests) with the name kept.

    Attributes:
        operation: which call, such as `"sign_in.password"`.
        status: the HTTP status.
        error: the service's name for it, such as `"invalid_grant"`; None if it gave none.
        error_code: the service's number for it; None if it gave none.
        description: the service's own text, at most 500 characters, secrets taken out.
        request_id: the service's request id, else the `x-request-id` that was sent.
        retry_after: seconds the service asks to wait; None if it did not say.
    """

    operation: str
    status: int
    error: str | None
    error_code: int | None
    description: str | None
    request_id: str
    retry_after: float | None

    def __init__(
        self,
        *,
        operation: str,
        status: int,
        error: str | None,
        error_code: int | None,
        description: str | None,
        request_id: str,
        retry_after: float | None,
    ) -> None:
        number = "" if error_code is None else f", number {error_code}"
        text = f": {description}" if description else ""
        name = error or "refused"
        super().__init__(
            f"{operation}: {name} (HTTP {status}{number}){text} [request {request_id}]"
        )
        self.operation = operation
        self.status = status
        self.error = error
        self.error_code = error_code
        self.description = description
        self.request_id = request_id
        self.retry_after = retry_after


class InvalidArgument(ApiError):
    """The service found a parameter missing or wrong."""


class InvalidCredentials(ApiError):
    """The user name or the password is wrong, or the user has no password."""


class InvalidCode(ApiError):
    """The verification code or its id is wrong, used or expired."""


class CaptchaRequired(ApiError):
    """The service wants a captcha solved first. This version has no call that could answer it."""


class CaptchaInvalid(ApiError):
    """The captcha token is wrong, used, expired or of another client."""


class SecondFactorRequired(ApiError):
    """The service wants a second factor, or a phone number bound for one."""


class RateLimited(ApiError):
    """Too many requests; `retry_after` may say how long to wait."""


class TooManyAttempts(RateLimited):
    """Too many wrong passwords: the service has locked the sign-in for a while."""


class NotFound(ApiError):
    """What the call names does not exist."""


class UserNotFound(NotFound):
    """No such user."""


class AlreadyExists(ApiError):
    """The user name, phone number or e-mail is taken."""


class PreconditionFailed(ApiError):
    """The state of the account or of the environment does not allow the call."""


class UserBlocked(ApiError):
    """The user is disabled."""


class UserPending(ApiError):
    """The user is not activated yet, or under review."""


class LoginMethodDisabled(ApiError):
    """This way of signing in is switched off in the environment."""


class PermissionDenied(ApiError):
    """The caller may not do this."""


class SudoRequired(PermissionDenied):
    """
    The service wants fresh proof of who the user is.

    Call `session.user.sudo(...)` and pass its `sudo_token` to the call.
    """


class Unauthenticated(ApiError):
    """The access token is missing, expired, revoked or not the service's own."""


class InvalidGrant(ApiError):
    """The grant (a refresh token, a provider token) is wrong, used, revoked or expired."""


class InvalidClient(ApiError):
    """The client id is unknown, its secret is wrong, or the client may not do this."""


class ProviderFailed(ApiError):
    """A third-party identity provider failed."""


class ServerUnavailable(ApiError):
    """The service, or something between, is broken or down for now."""


class SessionError(CloudBaseAuthError):
    """
    The session, rather than a single call, is the trouble.

    Attributes:
        request_id: of the refresh that settled it; None if none was sent.
    """

    request_id: str | None

    def __init__(self, problem: str, *, request_id: str | None = None) -> None:
        super().__init__(problem if request_id is None else f"{problem} [request {request_id}]")
        self.request_id = request_id


class NotSignedIn(SessionError):
    """The session was signed out or dropped, here or elsewhere, or its key is another user's."""


class SessionEnded(SessionError):
    """The service refused the refresh token for good: the user must sign in again."""


class RefreshOutcomeUnknown(SessionError):
    """
    A refresh was sent and its outcome is not known.

    The pair is kept, and its access token is handed out as long as it lives. The refresh is not
    sent again blindly: `session.refresh()` sends it on your word; without that the session asks
    again only once the access token is dead: within a minute where a gateway answered that it is
    in trouble; after a minute, and then every half hour, where nothing answered.

    Attributes:
        again_in_seconds: where another process sent it: how long nobody who shares the session
            sends it again.
    """

    again_in_seconds: float | None

    def __init__(
        self,
        problem: str,
        *,
        request_id: str | None = None,
        again_in_seconds: float | None = None,
    ) -> None:
        super().__init__(problem, request_id=request_id)
        self.again_in_seconds = again_in_seconds


class ReauthenticationRequired(SessionError):
    """The access token is dead and there is no refresh token: the user must sign in again."""


class SubjectChanged(SessionError):
    """A refresh was answered with the tokens of another user. They were thrown away."""


class StoreError(CloudBaseAuthError):
    """
    The place where sessions are kept cannot be reached, written or trusted.

    The text names the place (a path, a kind of store) and the operating system's reason, never a
    key or a value.
    """


class StoreBusy(StoreError):
    """
    A session's lock was not to be had in time.

    Attributes:
        holder: who held it, as far as the store knows, such as `"process 123 on host"`.
    """

    holder: str | None

    def __init__(self, problem: str, *, holder: str | None = None) -> None:
        super().__init__(problem if holder is None else f"{problem}; held by {holder}")
        self.holder = holder


class StoreCorrupt(StoreError):
    """
    What was kept under a key cannot be read: torn, altered, or written by something else.

    Attributes:
        kept_at: where it was moved for somebody to look at; None if the store has no such place.
    """

    kept_at: str | None

    def __init__(self, problem: str, *, kept_at: str | None = None) -> None:
        super().__init__(problem if kept_at is None else f"{problem}; moved to {kept_at}")
        self.kept_at = kept_at
