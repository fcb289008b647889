"""
What a program gives us to ask somebody, or to show them something: a function of one argument.

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

from cloudbase_auth_async.errors import ConfigurationError

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
