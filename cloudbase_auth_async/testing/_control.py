"""
The emulator's own endpoints, for programs that cannot call it in Python.

They lie outside the service's paths, and no web page of another site can reach them.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from cloudbase_auth_async.testing import _fields, _outside, _tickets, _users
from cloudbase_auth_async.testing._clock import EmulatorClock
from cloudbase_auth_async.testing._faults import FaultScript
from cloudbase_auth_async.testing._journal import Journal, masked
from cloudbase_auth_async.testing._page import page
from cloudbase_auth_async.testing._state import State
from cloudbase_auth_async.testing._values import Refused, Request, Response, answer

HOME: Final = "/"
PREFIX: Final = "/__emulator__/"

_USER_FIELDS: Final = frozenset({"username", "password", "phone_number", "email", "name", "status"})
_SHOWN: Final = (
    *("sub", "username", "phone_number", "email", "name", "status"),
    *("anonymous", "created_at", "last_login"),
)
_FAULT_FIELDS: Final = frozenset(
    {"route", "kind", "times", "after", "when", "seconds", "status", "body", "headers"}
    | {"content_type", "commit", "megabytes", "steps", "keep"}
)
_ACCOUNT_FIELDS: Final = frozenset(
    {"provider_id", "provider_user_id", "provider_user_name", "profile"}
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
        # First: what is held now may still be handled, in a state that is then forgotten.
        self.faults.clear()
        self.state.clear()
        self.journal.clear()

    def handle(self, request: Request) -> Response:
        """Answer one control request."""
        try:
            _check_origin(request)
            return self._answer(request)
        except Refused as refusal:
            return refusal.response()
        except (RuntimeError, TypeError, ValueError) as error:
            return Refused("invalid_argument", str(error)).response()

    def _answer(self, request: Request) -> Response:
        if request.path == HOME and request.method == "GET":
            return page()
        methods = _TABLE.get(request.path.removeprefix(PREFIX))
        if methods is None:
            return answer({"code": 5, "message": "Not Found"}, status=404)
        handler = methods.get(request.method)
        if handler is None:
            allow = ("Allow", ", ".join(methods))
            body = {"code": 12, "message": "Method Not Allowed"}
            return answer(body, status=405, headers=(allow,))
        if request.method == "GET":
            return answer(handler(self, dict(request.query)))
        return answer(handler(self, _fields.members(request.body)))


def is_ours(path: str) -> bool:
    """Tell whether a path is the emulator's own and not the service's."""
    return path == HOME or path.startswith(PREFIX)


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


def _requests(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, frozenset({"last"}))
    entries = control.journal.entries()
    last = int(members.get("last", len(entries)))
    return {"requests": [masked(entry) for entry in entries[max(len(entries) - last, 0) :]]}


def _list_users(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    users = control.state.users.values()
    return {"users": [{name: getattr(user, name) for name in _SHOWN} for user in users]}


def _clock(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    return {"wall": control.clock.wall()}


def _add_user(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _USER_FIELDS)
    _all_texts(members)
    return {"sub": _users.add(control.state, control.clock.wall(), **members).sub}


def _move_clock(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, frozenset({"advance"}))
    control.clock.advance(float(members.get("advance", 0)))
    return {"wall": control.clock.wall()}


def _add_fault(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _FAULT_FIELDS)
    control.faults.add(members.pop("route", "*"), members.pop("kind", ""), **members)
    return {}


def _captchas(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    return {"captchas": _outside.captchas(control.state, control.clock.wall())}


def _require_captcha(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, frozenset({"route", "after", "where"}))
    after, where = int(members.get("after", 0)), members.get("where", "either")
    _outside.require_captcha(control.state, members.get("route", ""), after=after, where=where)
    return {}


def _mint_code(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _ACCOUNT_FIELDS | {"redirect_uri"})
    _all_texts(members, but="profile")
    code = _outside.provider_code(control.state, control.clock.wall(), **members)
    return {"provider_code": code}


def _mint_token(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _ACCOUNT_FIELDS)
    _all_texts(members, but="profile")
    token = _outside.provider_token(control.state, control.clock.wall(), **members)
    return {"provider_token": token}


def _approve_qr_code(control: Control, members: dict[str, Any]) -> Mapping[str, Any]:
    _only(members, _ACCOUNT_FIELDS - {"provider_id"} | {"qr_code_id"})
    _all_texts(members, but="profile")
    qr_code_id = members.pop("qr_code_id", "")
    _outside.approve_qr_code(control.state, control.clock.wall(), qr_code_id, **members)
    return {}


def _add_ticket_key(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    return _tickets.add_key(control.state)


def _clear(control: Control, _members: dict[str, Any]) -> Mapping[str, Any]:
    control.clear()
    return {}


def _only(members: dict[str, Any], known: frozenset[str]) -> None:
    for name in members:
        if name not in known:
            raise ValueError(f"unknown field: {name}")


def _all_texts(members: dict[str, Any], *, but: str = "") -> None:
    for name, value in members.items():
        if name != but and value is not None and not isinstance(value, str):
            raise TypeError(f"{name} must be a string")


_Handler = Callable[[Control, dict[str, Any]], Mapping[str, Any]]
_TABLE: Final[Mapping[str, Mapping[str, _Handler]]] = {
    "codes": {"GET": _codes},
    "requests": {"GET": _requests},
    "users": {"GET": _list_users, "POST": _add_user},
    "clock": {"GET": _clock, "POST": _move_clock},
    "faults": {"POST": _add_fault},
    "captchas": {"GET": _captchas, "POST": _require_captcha},
    "provider-codes": {"POST": _mint_code},
    "provider-tokens": {"POST": _mint_token},
    "qr-codes": {"POST": _approve_qr_code},
    "ticket-keys": {"POST": _add_ticket_key},
    "state": {"DELETE": _clear},
}
