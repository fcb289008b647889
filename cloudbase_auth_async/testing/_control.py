"""
The emulator's own endpoints, for programs that cannot call it in Python.

They lie outside the service's paths, and no web page of another site can reach them.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from cloudbase_auth_async.testing import _fields, _users
from cloudbase_auth_async.testing._clock import EmulatorClock
from cloudbase_auth_async.testing._faults import FaultScript
from cloudbase_auth_async.testing._journal import Journal, masked
from cloudbase_auth_async.testing._state import State
from cloudbase_auth_async.testing._values import Refused, Request, Response, answer

PREFIX: Final = "/__emulator__/"

_USER_FIELDS: Final = frozenset({"username", "password", "phone_number", "email", "name", "status"})
_FAULT_FIELDS: Final = frozenset(
    {"route", "kind", "times", "after", "when", "seconds", "status", "body", "headers"}
    | {"content_type", "commit", "megabytes"}
)


@attrs.frozen(kw_only=True)
class Control:
    """Everything the control endpoints can reach."""

    state: State
    clock: EmulatorClock
    faults: FaultScript = attrs.field(factory=FaultScript)
    journal: Journal = attrs.field(factory=Journal)

    def clear(self) -> None:
        """Forget users, sessions, codes, faults and requests; the clock goes on."""
        self.state.clear()
        self.faults.clear()
        self.journal.clear()

    def handle(self, request: Request) -> Response:
        """Answer one control request."""
        try:
            _check_origin(request)
            methods = _TABLE.get(request.path.removeprefix(PREFIX))
            if methods is None:
                return answer({"code": 5, "message": "Not Found"}, status=404)
            handler = methods.get(request.method)
            if handler is None:
                allow = ("Allow", ", ".join(methods))
                body = {"code": 12, "message": "Method Not Allowed"}
                return answer(body, status=405, headers=(allow,))
            return answer(handler(self, _fields.members(request.body)))
        except Refused as refusal:
            return refusal.response()
        except (TypeError, ValueError) as error:
            return Refused("invalid_argument", str(error)).response()


def _check_origin(request: Request) -> None:
    """
    Refuse what a web page of another site makes a browser send.

    A name that resolves to loopback (DNS rebinding) shows itself in the Host header.
    """
    host = request.header("host") or ""
    if not is_loopback(_host_name(host)):
        raise Refused("permission_denied", "the host is not this machine")
    if request.header("origin") not in (None, f"http://{host}"):
        raise Refused("permission_denied", "the request comes from another site")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _codes(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    return {"codes": control.state.codes}


def _requests(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    return {"requests": [masked(entry) for entry in control.journal.entries()]}


def _add_user(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _USER_FIELDS)
    for name, value in members.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} must be a string")
    return {"sub": _users.add(control.state, control.clock.wall(), **members).sub}


def _move_clock(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, frozenset({"advance"}))
    control.clock.advance(float(members.get("advance", 0)))
    return {"wall": control.clock.wall()}


def _add_fault(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _FAULT_FIELDS)
    control.faults.add(members.pop("route", "*"), members.pop("kind", ""), **members)
    return {}


def _clear(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    control.clear()
    return {}


def _only(members: dict[str, Any], known: frozenset[str]) -> None:
    for name in members:
        if name not in known:
            raise ValueError(f"unknown field: {name}")


_Handler = Callable[[Control, dict[str, Any]], Mapping[str, Any]]
_TABLE: Final[Mapping[str, Mapping[str, _Handler]]] = {
    "codes": {"GET": _codes},
    "requests": {"GET": _requests},
    "users": {"POST": _add_user},
    "clock": {"POST": _move_clock},
    "faults": {"POST": _add_fault},
    "state": {"DELETE": _clear},
}
