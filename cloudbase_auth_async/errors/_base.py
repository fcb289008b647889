"""What every error is, and those that have nothing to do with one service or another."""

from typing import Any, Literal, Self, get_args

from cloudbase_auth_async.errors import _remedies

Language = Literal["en", "zh"]


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

    def remedy(self, language: Language = "en") -> str:
        """
        Say in a sentence what to do about it: to a developer or an operator, in their language.

        It goes by the error's class and the service's name for it, never by a message text. A
        class of your own has the remedy of the class it is made from.

        Args:
            language: `"en"` or `"zh"`.

        Raises:
            ConfigurationError: there is no such language.
        """
        if language not in get_args(Language):
            raise ConfigurationError("language", "must be 'en' or 'zh'")
        # A class of somebody else's may have the name of one of ours.
        ours = (k for k in type(self).__mro__ if k.__module__ == CloudBaseAuthError.__module__)
        found = _remedies.remedy([k.__name__ for k in ours], getattr(self, "error", None))
        return found.zh if language == "zh" else found.en

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
    An argument is wrong, or a setting that the call needs is missing.

    It is found before the argument is sent. A single call sends nothing then; a flow of several
    may have made the earlier ones. What a person typed may be it, too: an address without `@`, a
    phone number not of the form `+86 13800000000`, an empty field; a web app answers 400.

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
