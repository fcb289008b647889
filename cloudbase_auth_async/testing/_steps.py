"""What a raw answer is made of: bytes to write, and pauses between them."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

from cloudbase_auth_async.testing._values import Request

# Bytes to write, or seconds to wait.
Step = bytes | float
# The same as a test tells it.
Told = bytes | str | float
Steps = bytes | str | Sequence[Told] | Callable[[Request], Iterable[Told]]


def script(steps: Steps) -> Callable[[Request], Iterator[Step]]:
    """
    Check what was told, and return what begins it anew for each request.

    What a function tells is checked as it comes: it may never end.

    Raises:
        TypeError: it is nothing that can be written or waited for.
        ValueError: a pause is not a length of time, or a text has no bytes.
    """
    if callable(steps):
        return functools.partial(_asked, steps)
    if isinstance(steps, str):
        steps = (steps,)
    # As a sequence of numbers it would be a list of pauses.
    if isinstance(steps, bytes | bytearray | memoryview):
        steps = (bytes(steps),)
    # An iterator would be empty for the second request.
    if not isinstance(cast("object", steps), Sequence):
        raise TypeError("steps must be bytes, text, a list of both and of seconds, or a function")
    checked = tuple(map(_step, steps))
    return lambda _request: iter(checked)


def _asked(steps: Callable[[Request], Iterable[Told]], request: Request) -> Iterator[Step]:
    yield from map(_step, steps(request))


def _step(step: object) -> Step:
    if isinstance(step, bytes | bytearray):
        return bytes(step)
    if isinstance(step, str):
        try:
            return step.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise ValueError("steps: a text has a character without bytes") from error
    if isinstance(step, bool) or not isinstance(step, int | float):
        raise TypeError(f"steps: a step is bytes, text or seconds, not {type(step).__name__}")
    if not 0 <= step < math.inf:
        raise ValueError("steps: a pause is a number of seconds from 0")
    return float(step)
