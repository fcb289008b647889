"""
The fault script: which request is to go wrong, and how.

Choosing a fault is plain bookkeeping; the skin that owns the socket carries it out.
"""

import asyncio
import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Final, Literal, get_args

import attrs
from attrs import validators as v

from cloudbase_auth_async.testing._mistyped import known_name
from cloudbase_auth_async.testing._routes import ROUTES
from cloudbase_auth_async.testing._steps import Step, Steps, script
from cloudbase_auth_async.testing._values import Request

Kind = Literal[
    "drop_before",
    "drop_after",
    "hang",
    "delay",
    "hold",
    "half_body",
    "wrong_length",
    "status",
    "slow_drip",
    "huge",
    "gzip_bomb",
    "duplicate_keys",
    "refuse",
    "bad_gateway",
    "rate_limited",
    "rate_limited_until",
    "empty",
    "null",
    "wrong_types",
    "raw",
]
When = Literal["before", "after"]

KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
_WAITING: Final = ("hold", "hang", "delay")
# Requests the service never sees, those it never answers, those it sees if the script says so.
_UNSEEN: Final = ("drop_before", "refuse")
_SILENT: Final = (*_UNSEEN, "drop_after")
_ANSWERED_BY_OTHERS: Final = (
    *("status", "bad_gateway", "rate_limited", "rate_limited_until"),
    "raw",
)
_ROUTE_NAMES: Final = frozenset({"*", *(route.name for route in ROUTES)})
_LINE_BREAK: Final = re.compile(r"[\r\n\0]")


class Signal:
    """Something that happens once; `await signal` waits for it, as often as one likes."""

    __slots__ = ("_event", "_then")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._then: list[Callable[[], object]] = []

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait until it has happened."""
        return self._wait().__await__()

    def set(self) -> None:
        """Let it happen."""
        self._event.set()
        while self._then:
            self._then.pop()()

    def then(self, call: Callable[[], object]) -> None:
        """Have something called when it happens, or now if it has."""
        if self.is_set():
            call()
        else:
            self._then.append(call)

    def is_set(self) -> bool:
        """Tell whether it has happened."""
        return self._event.is_set()

    async def _wait(self) -> None:
        await self._event.wait()


@attrs.define(kw_only=True, eq=False)
class Fault:
    """
    One line of the script.

    Await `arrived` to know that a request has met this fault; call `release` to let a request
    go that "hold" or "hang" keeps.
    """

    route: str = attrs.field(validator=known_name(_ROUTE_NAMES))
    kind: Kind = attrs.field(validator=known_name(KINDS))
    times: int | None = attrs.field(validator=v.optional(v.and_(v.instance_of(int), v.ge(1))))
    after: int = attrs.field(validator=[v.instance_of(int), v.ge(0)])
    when: When = attrs.field(validator=v.in_(("before", "after")))
    seconds: float = attrs.field(validator=v.ge(0))
    # Below 200 it would be no answer, and the client would wait for one.
    status: int = attrs.field(validator=[v.instance_of(int), v.ge(200), v.lt(600)])
    body: bytes = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    commit: bool
    megabytes: int = attrs.field(validator=[v.instance_of(int), v.ge(0), v.le(1024)])
    steps: Callable[[Request], Iterator[Step]] = attrs.field(repr=False)
    keep: bool = attrs.field(validator=v.instance_of(bool))
    hits: int = attrs.field(default=0, init=False)
    arrived: Signal = attrs.field(factory=Signal, init=False, repr=False)
    released: Signal = attrs.field(factory=Signal, init=False, repr=False)

    @property
    def commits(self) -> bool:
        """Tell whether the request is handled, whatever becomes of its answer."""
        if self.kind in _ANSWERED_BY_OTHERS:
            return self.commit
        return self.kind not in _UNSEEN

    @property
    def waits_first(self) -> bool:
        """Tell whether the wait comes before the request is handled."""
        return self.when == "before"

    @property
    def silent(self) -> bool:
        """Tell whether there is never an answer."""
        return self.kind in _SILENT

    @property
    def has_status(self) -> bool:
        """Tell whether there is an answer whose status is known: raw bytes may have none."""
        return not self.silent and self.kind != "raw"

    def release(self) -> None:
        """Let go what is held, now and from now on."""
        self.released.set()


class FaultScript:
    """The faults that are still to come, oldest first."""

    __slots__ = ("_faults",)

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(
        self,
        route: str,
        kind: Kind,
        *,
        times: int | None = 1,
        after: int = 0,
        when: When = "before",
        seconds: float = 0.05,
        status: int = 503,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        commit: bool = False,
        megabytes: int = 16,
        steps: Steps | None = None,
        keep: bool = False,
    ) -> Fault:
        """
        Write one more line.

        ====================  ================================================================
        Kind                  What the client sees
        ====================  ================================================================
        refuse                no connection. Between sockets no route is known so early: there
                              the request is dropped, and for `seconds` nobody can connect
        drop_before           the connection ends; the request was not handled
        drop_after            the connection ends; the request was handled
        hang                  nothing, until its own patience ends
        hold                  nothing, until the script releases it
        delay, slow_drip      a late answer, or one in small pieces
        half_body             the connection ends in the middle of the answer
        wrong_length          an answer cut short by its Content-Length
        huge, gzip_bomb       more than anybody should read
        duplicate_keys        each member twice, first with a lie
        wrong_types           each member with a value of another type
        empty, null           a good status with no body, or with `null`
        bad_gateway           a proxy's 502, in HTML
        rate_limited          429, `Retry-After` in `seconds`
        rate_limited_until    429, `Retry-After` as a date
        status                any status, headers and body
        raw                   exactly the bytes told, status line and all, or what they amount
                              to in memory; then the connection ends, unless it is kept
        ====================  ================================================================

        Args:
            route: method and path template, as `POST /token`, or `*` for every request.
            kind: what goes wrong.
            times: how many requests meet it; None for all.
            after: how many requests of that route pass unharmed first.
            when: for "delay", "hold" and "hang": wait before or after the request is handled.
            seconds: real time; for "delay" the wait, for "slow_drip" the pause between pieces,
                for "refuse" how long. For the "rate_limited" kinds the time they tell.
            status: for "status".
            body: for "status"; a mapping is sent as JSON.
            headers: for "status".
            content_type: for "status"; JSON for a mapping, else HTML, unless given.
            commit: for "status", "raw", "bad_gateway" and the "rate_limited" kinds: handle the
                request before answering so.
            megabytes: for "huge" and "gzip_bomb": how much the client would have to read.
            steps: for "raw": bytes or text to write, or a list of such pieces and of seconds to
                wait between them, or a function that is given each request and returns them one
                by one, without end if it likes. Text is UTF-8, in which U+DC80 to U+DCFF stand
                for the single bytes 80 to FF. Nothing is written unless given.
            keep: for "raw": take more requests on the connection afterwards. Without it a client
                that pools its connections wants to read `Connection: close`.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: an argument makes no sense.
        """
        if kind != "raw" and (keep or steps is not None):
            raise ValueError('steps and keep are for "raw" alone')
        if body and kind == "raw":
            raise ValueError('body is not for "raw", which writes `steps`')
        fault = Fault(
            route=route,
            kind=kind,
            times=times,
            after=after,
            when=when if kind in _WAITING else "after",
            seconds=seconds,
            status=status,
            body=_bytes(body),
            headers=_headers(body, content_type, headers or {}),
            commit=commit,
            megabytes=megabytes,
            steps=script(b"" if steps is None else steps),
            keep=keep,
        )
        self._faults.append(fault)
        return fault

    def take(self, route: str | None) -> Fault | None:
        """Return the fault a request of that route meets, and count it."""
        for fault in self._faults:
            if fault.route not in ("*", route):
                continue
            if fault.times is not None and fault.hits >= fault.times:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.hits += 1
            fault.arrived.set()
            return fault
        return None

    def release(self) -> None:
        """Let go everything that is held."""
        for fault in self._faults:
            fault.release()

    def clear(self) -> None:
        """Drop the script and let go what is held."""
        self.release()
        self._faults.clear()


def _headers(
    body: object, content_type: str | None, more: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    usual = "application/json" if isinstance(body, Mapping) else "text/html; charset=utf-8"
    headers = ("Content-Type", content_type or usual), *more.items()
    for name, value in headers:
        if _LINE_BREAK.search(name) or _LINE_BREAK.search(value):
            raise ValueError("a header has one line")
    return headers


def _bytes(body: bytes | str | Mapping[str, Any]) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(dict(body))).encode()
