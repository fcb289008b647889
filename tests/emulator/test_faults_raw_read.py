"""What raw bytes amount to: the same to a client between sockets and to one in memory."""

import asyncio
import contextlib
import gzip
import itertools
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Emulator, ManualClock

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def http(body: bytes, headers: str = "") -> bytes:
    """Return a whole answer."""
    return HEAD + f"{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def opened(skin: str, **options: Any) -> AsyncIterator[tuple[Emulator, AuthClient]]:
    """Open an emulator, and a client of it on sockets or in memory."""
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    if skin == "memory":
        async with emulator.memory_client(**options) as auth:
            yield emulator, auth
        return
    async with emulator, emulator.client(**options) as auth:
        yield emulator, auth


async def sudo(auth: AuthClient) -> Any:
    """Call what is never repeated, and return its answer or its error."""
    try:
        return await auth.session(access_token="opaque").user.sudo(password="x")
    except errors.CloudBaseAuthError as error:
        return error


SUDO = b'{"sudo_token":"s"}'
GZIPPED = gzip.compress(SUDO, mtime=0)
GOOD: dict[str, Any] = {
    "length": http(SUDO),
    "until the end": HEAD + b"\r\n" + SUDO,
    "old": b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + SUDO,
    "no reason": b"HTTP/1.1 200\r\n\r\n" + SUDO,
    "chunks": CHUNKED + b"1\r\n{\r\n11;a=b\r\n" + SUDO[1:] + b"\r\n0\r\nX: 1\r\n\r\n",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http(SUDO),
    "pieces": [step for byte in http(SUDO) for step in (bytes([byte]), 0)],
    "gzip": http(GZIPPED, "Content-Encoding: gzip\r\n"),
    "deflate": http(zlib.compress(SUDO), "content-encoding: deflate\r\n"),
}


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("steps", GOOD.values(), ids=GOOD)
async def test_whole_answers(skin: str, steps: Any) -> None:
    """Bytes that are a whole answer are one, in memory as between sockets."""
    async with opened(skin) as (emulator, auth):
        emulator.faults.add("*", "raw", steps=steps)
        assert (await sudo(auth)).sudo_token == "s"


LENGTH = b"Content-Length: 2\r\n"
BROKEN: dict[str, Any] = {
    "nothing": b"",
    "garbage": b"\x16\x03\x01\x02\x00 this is not HTTP\r\n\r\n",
    "status line only": HEAD,
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "cut head": HEAD + b"X: 1\r\n",
    "no header": HEAD + b"no colon here\r\n\r\n{}",
    "huge header": HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n{}",
    "endless status": b"HTTP/1.1 200 " + b"x" * 200_000,
    "negative length": HEAD + b"Content-Length: -5\r\n\r\n{}",
    "two lengths": HEAD + LENGTH + b"Content-Length: 3\r\n\r\n{}",
    "length and chunks": CHUNKED[:-2] + LENGTH + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "short body": HEAD + b"Content-Length: 500\r\n\r\n{}",
    "cut chunk": CHUNKED + b"50\r\n{}",
    "cut before the last chunk": CHUNKED + b"2\r\n{}\r\n",
    "cut after the last chunk": CHUNKED + b"2\r\n{}\r\n0\r\nX: 1\r\n",
    "foul chunks": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "foul end of a chunk": CHUNKED + b"2\r\n{}x\r\n0\r\n\r\n",
    "hints only": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3,
    "not packed": http(SUDO, "Content-Encoding: gzip\r\n"),
    "cut off": http(GZIPPED[:20], "Content-Encoding: gzip\r\n"),
    "brotli": http(SUDO, "Content-Encoding: br\r\n"),
}


@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN)
async def test_no_whole_answer(steps: bytes) -> None:
    """What is no HTTP, cut short or packed wrongly is the same lost connection in both skins."""
    told = set[str]()
    for skin in ("sockets", "memory"):
        async with opened(skin) as (emulator, auth):
            emulator.faults.add("*", "raw", steps=steps, times=None)
            error = await sudo(auth)
        assert type(error) is errors.ConnectionLost
        assert error.may_have_reached_server
        told.add(str(error).partition(";")[0])
    assert len(told) == 1


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("status", ["101 X", "204 No Content", "304 Not Modified"])
async def test_no_body(skin: str, status: str) -> None:
    """Statuses that have no body wait for none."""
    async with opened(skin) as (emulator, auth):
        head = (
            f"HTTP/1.1 {status}\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\n"
        )
        emulator.faults.add("*", "raw", steps=head, times=None)
        assert isinstance(await sudo(auth), errors.ApiError | errors.DecodeError)


PIECE = b"x" * 1000
LARGE: dict[str, Any] = {
    "length": http(PIECE * 2),
    "endless": lambda _: itertools.chain([HEAD + b"\r\n"], itertools.repeat(PIECE)),
    "endless chunks": lambda _: itertools.chain(
        [CHUNKED], itertools.repeat(b"3E8\r\n" + PIECE + b"\r\n")
    ),
    "large length": lambda _: itertools.chain(
        [HEAD + b"Content-Length: 10000000000\r\n\r\n"], itertools.repeat(PIECE, 10_000)
    ),
    "large chunk": lambda _: itertools.chain(
        [CHUNKED + b"FFFFFFFF\r\n"], itertools.repeat(PIECE, 10_000)
    ),
    "bomb": http(gzip.compress(PIECE * 1000)[:900], "Content-Encoding: gzip\r\n"),
    "packed": http(gzip.compress(bytes(range(256)) * 5), "Content-Encoding: gzip\r\n"),
}


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("steps", LARGE.values(), ids=LARGE)
async def test_too_large(skin: str, steps: Any) -> None:
    """Of an answer that is too large, or endless, no more is read than the client allows."""
    async with opened(skin, max_answer_bytes=1000) as (emulator, auth):
        emulator.faults.add("*", "raw", steps=steps, times=None)
        assert type(await sudo(auth)) is errors.AnswerTooLarge


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("steps", [GOOD["length"], GOOD["chunks"], GOOD["until the end"]])
@pytest.mark.parametrize("less", [0, 1])
async def test_the_largest_answer(skin: str, steps: bytes, less: int) -> None:
    """An answer of exactly the allowed size is taken, in chunks too, and one byte more is not."""
    async with opened(skin, max_answer_bytes=len(SUDO) - less) as (emulator, auth):
        emulator.faults.add("*", "raw", steps=steps)
        assert isinstance(await sudo(auth), errors.AnswerTooLarge) is bool(less)


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("start", [b"", HEAD, HEAD + b"\r\n{"])
async def test_drips_meet_the_timeout(
    skin: str, start: bytes, leap: Callable[[float], None]
) -> None:
    """Pauses that are longer than the client's patience, one by one or together, end the call."""
    async with opened(skin, timeout=20) as (emulator, auth):
        fault = emulator.faults.add(
            "*", "raw", steps=lambda _: itertools.chain([start], itertools.repeat(3))
        )
        called = asyncio.create_task(sudo(auth))
        await fault.arrived
        leap(22)
        assert type(await called) is errors.RequestTimedOut


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize(
    ("body", "failure"),
    [(GZIPPED, None), (SUDO, errors.ConnectionLost), (GZIPPED[:9], errors.ConnectionLost)],
)
async def test_a_packed_status(skin: str, body: bytes, failure: type[Exception] | None) -> None:
    """An answer of the kind "status" is unpacked as its header says, or is corrupt."""
    async with opened(skin) as (emulator, auth):
        emulator.faults.add(
            "*", "status", status=200, body=body, headers={"Content-Encoding": "gzip"}
        )
        answer = await sudo(auth)
        assert type(answer) is failure if failure else answer.sudo_token == "s"


async def test_an_endless_head_in_memory() -> None:
    """A head without end is given up."""
    async with opened("memory") as (emulator, auth):
        for lines in (itertools.repeat(b"X: 1\r\n"), itertools.repeat(b"X")):
            emulator.faults.add("*", "raw", steps=lambda _, x=lines: itertools.chain([HEAD], x))  # type: ignore[misc]
            assert "the answer is not HTTP" in str(await sudo(auth))


async def test_pauses_in_memory_take_their_time() -> None:
    """An answer with a pause in it does not come before the pause is over."""
    async with opened("memory") as (emulator, auth):
        fault = emulator.faults.add("*", "raw", steps=[3600, http(SUDO)])
        waiting = asyncio.create_task(sudo(auth))
        await fault.arrived
        assert (await auth.sign_in.anonymously()).sub
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.parametrize("skin", ["sockets", "memory"])
@pytest.mark.parametrize("commit", [True, False])
async def test_commit(skin: str, commit: bool) -> None:  # noqa: FBT001
    """The request is handled first if the script says so."""
    async with opened(skin) as (emulator, auth):
        emulator.faults.add("POST /verification", "raw", commit=commit)
        with pytest.raises(errors.ConnectionLost):
            await auth.verification.send(email="bob@example.com")
        assert ("bob@example.com" in emulator.codes) is commit
