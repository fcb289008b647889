"""
How a damaged answer looks on the wire: bytes to write and pauses between them.

aiohttp will not write a wrong Content-Length, so these answers are written by hand; the
connection ends with each, unless a raw one keeps it.
"""

import gzip
import http
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cloudbase_auth_async.testing._faults import Fault
from cloudbase_auth_async.testing._steps import Step
from cloudbase_auth_async.testing._values import Request, Response

_MEGABYTE: Final = 1_048_576
DRIPS: Final = 16
# How many bytes of an answer its Content-Length keeps quiet about.
SHORT_BY: Final = 5
_BEFORE_THE_REST: Final = 0.02


def damaged(fault: Fault, request: Request, response: Response) -> Iterator[Step] | None:
    """Return how to write an answer under that fault, or None where it is written as ever."""
    if fault.kind == "raw":
        return fault.steps(request)
    write = _WRITERS.get(fault.kind)
    return None if write is None else write(fault, response)


def _nothing(_fault: Fault, _response: Response) -> Iterator[Step]:
    return iter(())


def _half(_fault: Fault, response: Response) -> Iterator[Step]:
    body = response.body
    yield _head(response, len(body))
    yield body[: len(body) // 2]


def _wrong_length(_fault: Fault, response: Response) -> Iterator[Step]:
    declared = max(len(response.body) - SHORT_BY, 0)
    yield _head(response, declared) + response.body[:declared]
    # Read in one piece, the rest would be an error of its own instead of a short body.
    yield _BEFORE_THE_REST
    yield response.body[declared:]


def _gzip_bomb(fault: Fault, response: Response) -> Iterator[Step]:
    bomb = gzip.compress(b"".join(padding(fault.megabytes)))
    yield _head(response, len(bomb), "Content-Encoding: gzip\r\n")
    yield bomb


def _head(response: Response, length: int, more: str = "") -> bytes:
    reason = http.HTTPStatus(response.status).phrase
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
    return (
        f"HTTP/1.1 {response.status} {reason}\r\n{headers}{more}"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


def _slow_drip(fault: Fault, response: Response) -> Iterator[Step]:
    body = response.body
    yield _head(response, len(body))
    size = max(len(body) // DRIPS, 1)
    for start in range(0, len(body), size):
        yield fault.seconds
        yield body[start : start + size]


def _huge(fault: Fault, response: Response) -> Iterator[Step]:
    yield _head(response, sum(map(len, padding(0))) + fault.megabytes * _MEGABYTE)
    yield from padding(fault.megabytes)


def padding(megabytes: int) -> Iterator[bytes]:
    """Yield a JSON object with that much text in it."""
    yield b'{"padding":"'
    for _ in range(megabytes):
        yield b"a" * _MEGABYTE
    yield b'"}'


_WRITERS: Final[Mapping[str, Callable[[Fault, Response], Iterator[Step]]]] = {
    "refuse": _nothing,
    "drop_before": _nothing,
    "drop_after": _nothing,
    "half_body": _half,
    "wrong_length": _wrong_length,
    "slow_drip": _slow_drip,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
}
