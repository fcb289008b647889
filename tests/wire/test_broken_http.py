"""HTTP that is broken, packed, endless, slow or points elsewhere: a typed error in time."""

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, DecodeError, TransportError, errors
from cloudbase_auth_async.testing import ManualClock

Raw = Callable[..., Awaitable[Any]]
Connect = Callable[..., Awaitable[AuthClient]]

GOOD = b'{"sub": "s", "padding": "' + b"x" * 5000 + b'"}'
GZIPPED = gzip.compress(GOOD)
DEFLATER = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": ("gzip", GZIPPED),
    "GZIP": ("GZIP", GZIPPED),
    "deflate": ("deflate", zlib.compress(GOOD)),
    "identity": ("identity", GOOD),
    "two members": ("gzip", gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:])),
}


@pytest.mark.parametrize(("encoding", "body"), PACKED.values(), ids=PACKED)
async def test_packed_answers_are_unpacked(
    encoding: str, body: bytes, raw: Raw, connect: Connect, kit: Any
) -> None:
    """Gzip and deflate, which we ask for, are understood in the forms servers send."""
    server = await raw(kit.http(body, headers=f"Content-Encoding: {encoding}\r\n"))
    client = await connect(server.base_url)
    assert (await kit.held(client).user.me()).sub == "s"


CORRUPT = {
    "brotli": ("br", b"\x1b\x03\x00"),
    "not packed": ("gzip", GOOD),
    "cut off": ("gzip", GZIPPED[: len(GZIPPED) // 2]),
    "foul inside": ("gzip", GZIPPED[:20] + b"\xff" * 20 + GZIPPED[40:]),
    "unknown": ("zstd, quantum", GOOD),
}


@pytest.mark.parametrize(("encoding", "body"), CORRUPT.values(), ids=CORRUPT)
async def test_what_cannot_be_unpacked_is_a_typed_error(  # noqa: PLR0917 - fixtures
    encoding: str, body: bytes, operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """An encoding we did not ask for, or a broken one, is a TransportError or DecodeError."""
    server = await raw(kit.http(body, headers=f"Content-Encoding: {encoding}\r\n"))
    error = await kit.failure(operation.run(await connect(server.base_url)))
    assert isinstance(error, TransportError | DecodeError)


BOMB = gzip.compress(b'{"sub":"' + b"s" * 30_000_000 + b'"}')


@pytest.mark.parametrize("kind", ["bomb", "length", "chunked"])
async def test_memory_is_bounded(
    kind: str, operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """Of an answer that is too large no more is read or unpacked than the client allows."""

    def pour(_: Any) -> Iterator[str | bytes]:
        chunked = kind == "chunked"
        length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 10000000000"
        yield f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n"
        piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n" if chunked else b"x" * 65_536
        yield from itertools.repeat(piece, 30_000_000 // len(piece) + 1)

    answer = kit.http(BOMB, headers="Content-Encoding: gzip\r\n") if kind == "bomb" else pour
    server = await raw(answer)
    client = await connect(server.base_url, max_answer_bytes=100_000)
    tracemalloc.start()
    try:
        error = await kit.failure(operation.run(client))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, errors.AnswerTooLarge)
    assert error.may_have_reached_server
    assert peak < 12_000_000


async def test_the_largest_answer_is_taken(raw: Raw, connect: Connect, kit: Any) -> None:
    """An answer of exactly the allowed size is read, and one byte more is too large."""
    body = b'{"sub":"s"}'
    server = await raw(kit.http(body), keep=True)
    exact = await connect(server.base_url, max_answer_bytes=len(body))
    assert (await kit.held(exact).user.me()).sub == "s"
    less = await connect(server.base_url, max_answer_bytes=len(body) - 1)
    assert isinstance(await kit.failure(kit.held(less).user.me()), errors.AnswerTooLarge)


# Bytes that are not the whole of an HTTP answer.
BROKEN = {
    "nothing": b"",
    "garbage": b"\x16\x03\x01\x02\x00 this is not HTTP\r\n\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
    "status line only": b"HTTP/1.1 200 OK\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "header without colon": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n{}",
    "huge header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n{}",
    "endless status": b"HTTP/1.1 200 " + b"x" * 200_000,
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "length no number": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n{}",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "short body": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
    "cut chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{}",
    "foul chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "hints only": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_whole_answer_is_a_transport_error(
    answer: bytes, operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """A connection that ends in anything but a whole answer may have carried the request."""
    server = await raw(answer)
    error = await kit.failure(operation.run(await connect(server.base_url)))
    assert isinstance(error, TransportError)
    assert error.may_have_reached_server
    assert error.operation == operation.name


async def test_a_length_that_is_too_short_cuts_the_answer(
    raw: Raw, connect: Connect, kit: Any
) -> None:
    """A Content-Length that hides the end of the answer leaves something that is refused."""
    server = await raw(kit.http(b'{"sub":"s"}', length=8))
    error = await kit.failure(kit.held(await connect(server.base_url)).user.me())
    assert isinstance(error, DecodeError | TransportError)


async def test_switching_protocols_is_no_success(raw: Raw, connect: Connect, kit: Any) -> None:
    """A 101 nobody asked for is a refusal."""
    server = await raw(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    error = await kit.failure(kit.held(await connect(server.base_url)).user.delete())
    assert isinstance(error, errors.ApiError | TransportError)


@pytest.mark.parametrize("where", ["before", "head", "body"])
@pytest.mark.parametrize("name", ["sign_in.password", "user.me", "token.refresh", "user.delete"])
async def test_a_slow_drip_meets_the_timeout(  # noqa: PLR0917 - fixtures
    where: str, name: str, raw: Raw, connect: Connect, kit: Any, leap: Callable[[float], None]
) -> None:
    """An answer that trickles ends when the time is up, wherever it has got to."""
    whole = kit.http(b'{"sub":"s","access_token":"a"}' + b" " * 10_000)
    start = {"before": 0, "head": 5, "body": len(whole) - 9000}[where]

    clock = ManualClock()

    def drips(_: Any) -> Iterator[bytes | float]:
        yield whole[:start]
        for place in range(start, start + 8):
            clock.advance(3)
            leap(3)
            yield 0.001
            yield whole[place : place + 1] if where != "before" else b""
        yield whole[start + 8 :] if where != "before" else whole

    server = await raw(drips)
    client = await connect(server.base_url, timeout=20, clock=clock)
    error = await kit.failure(kit.operations[name].run(client))
    assert isinstance(error, errors.RequestTimedOut)
    assert error.may_have_reached_server


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_redirects_are_not_followed(
    status: str, operation: Any, raw: Raw, connect: Connect, kit: Any
) -> None:
    """A redirect to another server is an error of its status; that server sees no request."""
    elsewhere = await raw(kit.http(b"{}"))
    server = await raw(kit.http(status=status, headers=f"Location: {elsewhere.base_url}/x\r\n"))
    error = await kit.failure(operation.run(await connect(server.base_url)))
    assert isinstance(error, errors.ApiError)
    assert error.status == int(status[:3])
    assert elsewhere.connections == 0
    assert len(server.requests) == 1


async def test_nobody_there(operation: Any, raw: Raw, connect: Connect, kit: Any) -> None:
    """A refused connection is ConnectFailed, and says that nothing was sent."""
    server = await raw()
    client = await connect(server.base_url)
    await server.emulator.stop_listening()
    error = await kit.failure(operation.run(client))
    assert isinstance(error, errors.ConnectFailed)
    assert not error.may_have_reached_server
    assert server.requests == []
