"""
What the emulator was asked, in the order it arrived.

Entries hold what was sent, secrets too, so that a test can look; their `repr` does not, and
`masked` gives the form that may be shown.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async.testing._fields import parsed
from cloudbase_auth_async.testing._values import Request

# A test of a large upload must not keep it a thousand times.
_BODY_LIMIT: Final = 65_536
_MASK: Final = "***"
_SECRET_FIELDS: Final = frozenset(
    {"code", "code_verifier", "key", "ticket", "authorization", "cookie", "qrcodeid"}
)
_SECRET_ENDINGS: Final = ("token", "password", "secret", "_code", "_key")


@attrs.frozen(kw_only=True)
class Entry:
    """One request, and how it was answered."""

    method: str
    path: str
    template: str | None
    query: Mapping[str, str] = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    json: Any = attrs.field(repr=False)
    request_id: str | None
    # None: no answer yet, none at all, or raw bytes.
    status: int | None = None
    # Counted from 1 in the order they were taken; None in memory.
    connection: int | None = None
    # Seconds since the epoch on the emulator's clock, when it arrived.
    at: float = 0.0

    @property
    def route(self) -> str | None:
        """Return the name fault scripts know the route by, or None for an unknown path."""
        return None if self.template is None else f"{self.method} {self.template}"

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class Journal:
    """The last requests, oldest first."""

    __slots__ = ("_entries", "_limit", "_next")

    def __init__(self, limit: int = 10_000) -> None:
        self._entries: dict[int, Entry] = {}
        self._limit = limit
        self._next = 0

    def arrived(
        self, request: Request, template: str | None, connection: int | None, at: float = 0.0
    ) -> int:
        """Note a request and return the number to close it with."""
        number = self._next
        self._next += 1
        self._entries[number] = Entry(
            method=request.method,
            path=request.path,
            template=template,
            query=request.query,
            headers=request.headers,
            body=request.body[:_BODY_LIMIT],
            json=parsed(request.body),
            request_id=request.header("x-request-id"),
            connection=connection,
            at=at,
        )
        if len(self._entries) > self._limit:
            del self._entries[next(iter(self._entries))]
        return number

    def answered(self, number: int, status: int) -> None:
        """Note the status of an answer, if the request is still remembered."""
        entry = self._entries.get(number)
        if entry is not None:
            self._entries[number] = attrs.evolve(entry, status=status)

    def entries(self) -> list[Entry]:
        """Return what is remembered."""
        return list(self._entries.values())

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def masked(entry: Entry) -> Mapping[str, Any]:
    """Return an entry as it may be shown: no password, no token, no code."""
    return {
        "method": entry.method,
        "path": entry.path,
        "route": entry.route,
        "query": _mask(dict(entry.query)),
        "headers": [[name, _masked_member(name, value)] for name, value in entry.headers],
        "json": _mask(entry.json),
        "status": entry.status,
        "request_id": entry.request_id,
        "connection": entry.connection,
    }


def _mask(value: object) -> object:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: _masked_member(name, member) for name, member in members.items()}
    if isinstance(value, list):
        return [_mask(member) for member in cast("list[object]", value)]
    return value


def is_secret(name: str) -> bool:
    """Tell whether a field or header of that name holds what nobody else may see."""
    low = name.lower()
    return low in _SECRET_FIELDS or low.endswith(_SECRET_ENDINGS)


def _masked_member(name: str, value: object) -> object:
    return _MASK if is_secret(name) else _mask(value)
