"""
The edge of the library: what passes it outward carries none of our frames.

Error reporters print the local variables of every frame of a traceback. Ours hold passwords,
headers and bodies; so what is public raises its errors anew, from a frame that holds none.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from cloudbase_auth_async.errors import CloudBaseAuthError

P = ParamSpec("P")
R = TypeVar("R")

_OURS: Final = "cloudbase_auth_async."


def sealed(coroutine: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """
    Wrap a public coroutine function.

    Our own errors and cancellations pass with their frames removed; a cancellation is the same
    object as before. A bug keeps its traceback.
    """

    @functools.wraps(coroutine)
    async def edge(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            running = coroutine(*args, **kwargs)
        finally:
            del args, kwargs
        try:
            return await running
        except (CloudBaseAuthError, asyncio.CancelledError) as error:
            failure = error.with_traceback(None)
            failure.__context__ = None
        del running
        try:
            raise failure
        finally:
            del failure  # or the error and this frame would keep each other alive

    return edge


def sealed_asking(coroutine: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """
    Wrap a public coroutine function that calls back into the program.

    As `sealed`; and what the program raises there passes with its own frames alone, as ours hold
    what people typed in.
    """

    @sealed
    @functools.wraps(coroutine)
    async def edge(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            running = coroutine(*args, **kwargs)
        finally:
            del args, kwargs
        try:
            return await running
        except Exception as error:
            theirs = _beyond_ours(error.__traceback__)
            if theirs is None:
                raise  # ours, or a bug of ours, which keeps its traceback
            failure = error.with_traceback(theirs)
        del running
        try:
            raise failure
        finally:
            del failure

    return edge


def _beyond_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this library that come first."""
    while traceback is not None:
        if not traceback.tb_frame.f_globals.get("__name__", "").startswith(_OURS):
            return traceback
        traceback = traceback.tb_next
    return None


def sealed_function(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a public function that is no coroutine."""

    @functools.wraps(function)
    def edge(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (CloudBaseAuthError, ImportError) as error:  # an extra that is missing
            failure = error.with_traceback(None)
            failure.__context__ = None
        finally:
            del args, kwargs
        try:
            raise failure
        finally:
            del failure

    return edge
