"""The service's refusals: one subclass for each family that a caller acts on."""

from cloudbase_auth_async.errors._base import CloudBaseAuthError


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
    """
    The service wants a captcha solved first.

    Give the client a `captcha` solver and it is answered where it comes up. Or get one with
    `auth.captcha.create()`, show its image, hand what was read to `auth.captcha.verify()`, and
    pass that answer's `captcha_token` to the call, if it has such an argument: sign-in, sign-up,
    codes, accounts, and what changes the user. A session's own renewal is put to nobody: it is
    tried again later.
    """


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
    """The user name, phone number, e-mail or third-party account is taken."""


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

    Call `session.user.sudo(...)` and pass its `sudo_token` to the call. `flows.change_password`
    gets one itself, from an `old_password` or an `ask`.
    """


class Unauthenticated(ApiError):
    """The access token, or the client's or key's secret, is missing, wrong, expired or revoked."""


class InvalidGrant(ApiError):
    """The grant (a refresh or provider token, a code) is wrong, used, revoked or expired."""


class AuthorizationPending(ApiError):
    """The person has not said yes to the device so far; ask again after the interval."""


class SlowDown(AuthorizationPending):
    """The device asked too soon: five seconds more between any two polls from now on."""


class DeviceCodeExpired(ApiError):
    """Nobody said yes to the device in time; it has to get a new code."""


class InvalidClient(ApiError):
    """The client id is unknown, its secret is wrong, or the client may not do this."""


class ProviderFailed(ApiError):
    """A third-party identity provider failed."""


class ServerUnavailable(ApiError):
    """The service, or something between, is broken or down for now."""
