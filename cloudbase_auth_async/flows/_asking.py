"""
What a program gives a flow to ask somebody, or to show them something: a function of one argument.

| it | then |
| --- | --- |
| cannot be called with one argument | it is refused before anything is sent |
| returns an awaitable: a coroutine function, a `partial` or an object that is one at heart | that \
is awaited |
| returns anything else | that is the answer; the event loop stood still meanwhile |
"""

import inspect
from collections.abc import Callable
from typing import TypeVar

from cloudbase_auth_async import config
from cloudbase_auth_async.errors import ConfigurationError, InvalidCode

S = TypeVar("S")


def check(argument: str, function: object) -> None:
    """
    Refuse what can be no such function.

    Raises:
        ConfigurationError: it cannot be called, or not with one argument.
    """
    if not callable(function):
        raise ConfigurationError(argument, "must be a function or a coroutine function")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some that are not written in Python do not tell
    try:
        signature.bind(None)
    except TypeError:
        pass
    else:
        return
    raise ConfigurationError(argument, "must be a function of one argument")


async def asked(function: Callable[[S], object], about: S) -> object:
    """Call it, and return what it brings."""
    brought = function(about)
    return await brought if inspect.isawaitable(brought) else brought


def text(brought: object) -> str:
    """
    Return what somebody who was asked for a code typed in.

    Raises:
        ConfigurationError: that is no string.
    """
    if not isinstance(brought, str):
        raise ConfigurationError("ask", "must bring a string; the code that was sent is still good")
    return brought


def check_typed(code: str) -> None:
    """
    Refuse as a wrong code what cannot be sent: a terminal may bring nothing, or half a character.

    Raises:
        InvalidCode: the service was not asked.
    """
    try:
        config.text("code", code)
    except ConfigurationError as problem:
        unsendable = str(problem)
    else:
        return
    raise InvalidCode(
        operation="verification.verify",
        status=0,
        error=None,
        error_code=None,
        description=f"{unsendable}; nothing was sent",
        request_id="",
        retry_after=None,
    )
