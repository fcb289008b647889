"""Never run: the type checkers read it in strict mode and find the types of errors right."""

from typing import assert_type

from cloudbase_auth_async import ApiError, CloudBaseAuthError, SessionError, errors


class OutOfCredit(ApiError):
    """A family of somebody's own."""


def remedies(error: CloudBaseAuthError, refusal: OutOfCredit) -> None:
    """Every error has a remedy in two languages, and there is no third."""
    assert_type(error.remedy(), str)
    assert_type(error.remedy("en"), str)
    assert_type(error.remedy("zh"), str)
    assert_type(refusal.remedy(), str)
    error.remedy("fr")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def values(error: CloudBaseAuthError) -> None:
    """What an error says besides is plain, and a copy is of the same class."""
    if isinstance(error, errors.RateLimited):
        assert_type(error.error, str | None)
        assert_type(error.error_code, int | None)
        assert_type(error.retry_after, float | None)
        assert_type(error.status, int)
        assert_type(error.again(), errors.RateLimited)
    elif isinstance(error, SessionError):
        assert_type(error.request_id, str | None)
    elif isinstance(error, errors.TransportError):
        assert_type(error.may_have_reached_server, bool)
    elif isinstance(error, errors.VerificationFailed):
        assert_type(error.reason, str)
