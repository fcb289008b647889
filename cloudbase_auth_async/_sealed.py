"""
The edge of the library: what passes it outward carries none of our frames.

Error reporters print the local variables of every frame of a traceback. Ours hold passwords,
headers and bodies; so a public coroutine raises its errors anew, from a frame that holds none.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from cloudbase_auth_async.errors import CloudBaseAuthError

P = ParamSpec("P")
R = TypeVar("R")


def sealed(coroutine: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Wrap a public coroutine. Only our own errors are touched: a bug keeps its traceback."""

    @functools.wraps(coroutine)
    async def edge(*args: P.args, **kwargs: P.kwargs) -> R:
        running = coroutine(*args, **kwargs)
        del args, kwargs
        try:
            return await running
        except CloudBaseAuthError as error:
            failure = error.with_traceback(None)
        failure.__context__ = None
        del running
        raise failure

    return edge
