"""What comes of asking somebody for a code: what they may have typed, and what nobody can have."""

from cloudbase_auth_async import config
from cloudbase_auth_async._asked import asked, check
from cloudbase_auth_async.errors import ConfigurationError, InvalidCode

__all__ = ["asked", "check", "check_string", "text", "typed"]


def text(brought: object) -> str:
    """
    Return what somebody who was asked for a code typed in.

    Raises:
        ConfigurationError: that is no string.
    """
    if not isinstance(brought, str):
        raise ConfigurationError("ask", "must bring a string; the code that was sent is still good")
    return brought


def check_string(argument: str, code: object) -> None:
    """
    Refuse what nobody can have typed.

    Raises:
        ConfigurationError: it is no string.
    """
    if not isinstance(code, str):
        raise ConfigurationError(argument, "must be a string")


def typed(code: str) -> str:
    """
    Return a code without the white space that was pasted with it: it would cost an attempt.

    What cannot be sent is refused as a wrong code: a terminal may bring nothing, or half a
    character.

    Raises:
        InvalidCode: the service was not asked.
    """
    try:
        return config.text("code", code.strip())
    except ConfigurationError as problem:
        unsendable = str(problem)
    raise InvalidCode(
        operation="verification.verify",
        status=0,
        error=None,
        error_code=None,
        description=f"{unsendable}; nothing was sent",
        request_id="",
        retry_after=None,
    )
