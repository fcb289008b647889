"""
Raw bytes read as a client between sockets reads them: strictly, and no more than it allows.

Both `http.client` and aiohttp's parser would do: the first takes an answer without an end for
a whole one, and the second has no public face.
"""

import io
import re
from collections.abc import Iterator
from typing import Final, Protocol

from cloudbase_auth_async.testing._steps import Step
from cloudbase_auth_async.testing._values import Response

# What aiohttp's client takes.
_LONGEST_LINE: Final = 8190
_MOST_LINES: Final = 128
_STATUS_LINE: Final = re.compile(rb"HTTP/\d\.\d (\d{3})(?: .*)?")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_LENGTH: Final = re.compile(rb"\d{1,18}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_SWITCHING_PROTOCOLS: Final = 101
_FIRST_FINAL: Final = 200
_BODILESS: Final = (_SWITCHING_PROTOCOLS, 204, 304)

_Headers = list[tuple[bytes, bytes]]


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


class NoHttp(Exception):
    """What came is not HTTP."""


class CutShort(Exception):
    """The connection ended before the answer did."""


class Pieces(io.RawIOBase):
    """
    The steps of an answer as a file; pauses are added up and not waited for.

    Args:
        steps: bytes and pauses.
        patience: seconds of pause after which reading is a TimeoutError.
    """

    def __init__(self, steps: Iterator[Step], patience: float) -> None:
        super().__init__()
        self._steps = steps
        self._patience = patience
        self._rest = memoryview(b"")
        self.waited = 0.0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io passes no other
        """Hand on what comes next; nothing at the end."""
        while not self._rest:
            step = next(self._steps, None)
            if step is None:
                return 0
            if isinstance(step, bytes):
                self._rest = memoryview(step)
            else:
                self.waited += step
                if self.waited >= self._patience:
                    raise TimeoutError
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def read(pieces: Pieces, limit: int) -> Response:
    """
    Read one answer; of a body that is larger than the limit, one byte more.

    Raises:
        NoHttp: see there.
        CutShort: see there.
        TimeoutError: the pauses were longer than the client's patience.
    """
    source = io.BufferedReader(pieces)
    status, headers = _head(source)
    while status < _FIRST_FINAL and status != _SWITCHING_PROTOCOLS:
        status, headers = _head(source)
    body = b"" if status in _BODILESS else _body(source, headers, limit)
    texts = ((_text(name), _text(value)) for name, value in headers)
    return Response(status=status, headers=tuple(texts), body=body)


def _head(source: _Source) -> tuple[int, _Headers]:
    found = _STATUS_LINE.fullmatch(_line(source))
    if found is None:
        raise NoHttp
    return int(found[1]), _headers(source)


def _headers(source: _Source) -> _Headers:
    headers: _Headers = []
    while line := _line(source):
        found = _HEADER.fullmatch(line)
        if found is None or len(headers) >= _MOST_LINES:
            raise NoHttp
        headers.append((found[1], found[2]))
    return headers


def _body(source: _Source, headers: _Headers, limit: int) -> bytes:
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    codings = [value.lower() for name, value in headers if name.lower() == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise NoHttp
    if codings == [b"chunked"]:
        return _chunks(source, limit)
    if not lengths:
        return source.read(limit + 1)
    if not _LENGTH.fullmatch(lengths[0]):
        raise NoHttp
    return _exactly(source, min(int(lengths[0]), limit + 1))


def _chunks(source: _Source, limit: int) -> bytes:
    body = b""
    while len(body) <= limit:
        found = _CHUNK.fullmatch(_line(source))
        if found is None:
            raise NoHttp
        size = int(found[1], 16)
        if size == 0:
            _headers(source)
            break
        body += _exactly(source, min(size, limit + 1 - len(body)))
        if len(body) <= limit and _line(source):
            raise NoHttp
    return body


def _exactly(source: _Source, size: int) -> bytes:
    piece = source.read(size)
    if len(piece) < size:
        raise CutShort
    return piece


def _line(source: _Source) -> bytes:
    line = source.readline(_LONGEST_LINE + 1)
    if len(line) > _LONGEST_LINE:
        raise NoHttp
    if not line.endswith(b"\n"):
        raise CutShort
    return line.rstrip(b"\r\n")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
