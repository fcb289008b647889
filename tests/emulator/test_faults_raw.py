"""The fault "raw": exactly the bytes told, counted, kept, checked and closed."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from cloudbase_auth_async.testing import Emulator, ManualClock, Request


@contextlib.asynccontextmanager
async def wire(emulator: Emulator) -> AsyncIterator[tuple[asyncio.StreamReader, Any]]:
    """Open a bare connection, and a function that sends a request on it."""
    port = int(emulator.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    def ask(path: str = "/auth/v1/certs", more: str = "") -> None:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())

    try:
        async with asyncio.timeout(60):
            yield reader, ask
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def asked(request: Request) -> Iterator[bytes | str]:
    """Tell a request its own path."""
    yield b"\xff"
    yield f"{request.method} {request.path} {request.query['n']}"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (b"\x16\x03\x00 no HTTP", b"\x16\x03\x00 no HTTP"),
        (bytearray(b"HTTP"), b"HTTP"),
        (memoryview(b"HTTP"), b"HTTP"),
        ([bytearray(b"HTTP")], b"HTTP"),
        ("HTTP/1.1 200 爱\r\n", "HTTP/1.1 200 爱\r\n".encode()),
        ("\udc80\udcff", b"\x80\xff"),
        (["a", 0.001, b"b", 0, "", "c"], b"abc"),
        ((), b""),
        (None, b""),
        (asked, b"\xffGET /auth/v1/certs 1"),
    ],
)
async def test_exactly_the_bytes_told(emulator: Emulator, steps: Any, expected: bytes) -> None:
    """What is told is written, byte by byte, and then the connection ends."""
    emulator.faults.add("GET /certs", "raw", steps=steps)
    async with wire(emulator) as (reader, ask):
        ask("/auth/v1/certs?n=1")
        assert await reader.read() == expected
    assert (emulator.journal[-1].status, emulator.journal[-1].connection) == (None, 1)


async def test_a_kept_connection(emulator: Emulator) -> None:
    """A connection that is kept takes the next request."""
    emulator.faults.add("GET /certs", "raw", steps=[b"one", 0.001, b"two"], keep=True, times=2)
    emulator.faults.add("GET /certs", "raw", steps=b"last")
    async with wire(emulator) as (reader, ask):
        for _ in range(2):
            ask()
            assert await reader.readexactly(6) == b"onetwo"
        ask()
        assert await reader.read() == b"last"
    assert [entry.connection for entry in emulator.journal] == [1, 1, 1]


async def test_times_and_after(emulator: Emulator, http: Any) -> None:
    """Raw answers are counted like other faults, and each request gets all of its steps."""
    answer = ["HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\nX-Raw: 1\r\n\r\n", b"{}"]
    emulator.faults.add("GET /certs", "raw", steps=answer, times=2, after=1)
    met = []
    for _ in range(4):
        async with http.get(emulator.base_url + "/certs") as response:
            met.append("X-Raw" in response.headers)
    assert met == [False, True, True, False]
    assert [entry.connection for entry in emulator.journal] == [1, 2, 3, 4]
    assert [entry.status for entry in emulator.journal] == [200, None, None, 200]


async def test_over_http(emulator: Emulator, http: Any) -> None:
    """A program in another language writes texts and seconds, and reads the connection's number."""
    fault = {"kind": "raw", "steps": ["on", 0.001, "e\udc80"], "keep": True}
    async with http.post(emulator.origin + "/__emulator__/faults", json=fault) as answer:
        assert answer.status == 200
    async with wire(emulator) as (reader, ask):
        ask()
        assert await reader.readexactly(4) == b"one\x80"
    async with http.get(emulator.origin + "/__emulator__/requests") as answer:
        ((entry),) = (await answer.json())["requests"]
    assert (entry["status"], entry["connection"]) == (None, 2)


WRONG: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "number": ({"steps": 1}, TypeError),
    "object": ({"steps": {"a": 1}}, TypeError),
    "iterator": ({"steps": iter(["a"])}, TypeError),
    "true": ({"steps": [True]}, TypeError),
    "none": ({"steps": [None]}, TypeError),
    "list in a list": ({"steps": [["a"]]}, TypeError),
    "before now": ({"steps": [-1]}, ValueError),
    "no number": ({"steps": [float("nan")]}, ValueError),
    "for ever": ({"steps": [float("inf")]}, ValueError),
    "no character": ({"steps": "\ud800"}, ValueError),
    "keep": ({"keep": 1}, TypeError),
    "body": ({"body": b"HTTP/1.1 200 OK"}, ValueError),
}


@pytest.mark.parametrize(("arguments", "kind"), WRONG.values(), ids=WRONG)
def test_arguments_are_checked(arguments: dict[str, Any], kind: type[Exception]) -> None:
    """What cannot be written is told when the fault is added, by the argument's name."""
    emulator = Emulator()
    with pytest.raises(kind, match=next(iter(arguments))):
        emulator.faults.add("*", "raw", **arguments)
    assert emulator.faults.take("GET /certs") is None


@pytest.mark.parametrize(
    "fault", [{"steps": "x"}, {"keep": True}, {"kind": "raw", "steps": [{"wait": 1}]}]
)
async def test_arguments_over_http_are_checked(
    emulator: Emulator, http: Any, fault: dict[str, Any]
) -> None:
    """Steps of another kind of fault, and steps that make no sense, are a 400 with their name."""
    sent = {"kind": "status"} | fault
    async with http.post(emulator.origin + "/__emulator__/faults", json=sent) as answer:
        assert answer.status == 400
        assert "steps" in (await answer.json())["error_description"]


async def test_a_function_that_tells_nonsense(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong step of a function ends the connection, kept or not, and its error is shown."""
    told: Any = lambda _: iter([b"HTTP", None])  # noqa: E731 - a type checker would refuse it
    emulator.faults.add("*", "raw", steps=told, keep=True, times=2)
    async with wire(emulator) as (reader, ask):
        ask()
        assert await reader.read() == b"HTTP"
    assert "steps: a step is bytes, text or seconds, not NoneType" in caplog.text
    with pytest.raises(TypeError, match="steps"):
        await emulator.memory_client().sign_in.anonymously()


async def test_closing_ends_endless_answers() -> None:
    """Neither an endless answer nor a long pause holds the emulator up."""
    emulator = await Emulator(clock=ManualClock()).__aenter__()
    pours = emulator.faults.add("*", "raw", steps=lambda _: itertools.repeat(b"x" * 65_536))
    pauses = emulator.faults.add("*", "raw", steps=[b"x", 3600], keep=True)
    async with wire(emulator) as (_, ask), wire(emulator) as (slow, ask_slowly):
        ask()
        await pours.arrived
        ask_slowly()
        await pauses.arrived
        await emulator.__aexit__(None, None, None)
        with contextlib.suppress(ConnectionResetError):
            assert await slow.read() in (b"", b"x")


async def test_who_asks_first_is_answered(emulator: Emulator) -> None:
    """A client that waits for leave to send its body gets it, and nobody else does."""
    async with wire(emulator) as (reader, ask):
        ask(more="Expect: 100-continue\r\n")
        assert await reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_memory_has_no_connections() -> None:
    """Requests without sockets have no connection's number."""
    emulator = Emulator(algorithm="HS256")
    await emulator.memory_client().sign_in.anonymously()
    assert [entry.connection for entry in emulator.journal] == [None]


async def test_numbers_go_on(http: aiohttp.ClientSession, kept_port: int) -> None:
    """A connection's number is not given again when the emulator is opened once more."""
    emulator = Emulator(clock=ManualClock(), port=kept_port)
    for _ in range(2):
        async with emulator, http.get(emulator.base_url + "/certs") as answer:
            assert answer.status == 200
    assert [entry.connection for entry in emulator.journal] == [1, 2]
