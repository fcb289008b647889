"""
Answers that stand in for the service's own: what a proxy, a limit or a wrong release sends.

Plain functions of a fault, the true answer and the time, so that every skin shows the same.
"""

import email.utils
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async.testing._faults import Fault
from cloudbase_auth_async.testing._fields import parsed
from cloudbase_auth_async.testing._values import Response, answer

_HTML: Final = ("Content-Type", "text/html; charset=utf-8")
_BAD_GATEWAY: Final = (
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)
_LIMITED: Final = {
    "error": "resource_exhausted",
    "error_code": 8,
    "error_description": "too many requests",
}


def stood_in(fault: Fault, response: Response, now: float) -> Response:
    """
    Return what is answered under a fault.

    Args:
        fault: what goes wrong.
        response: the true answer; without meaning if the fault kept the request from it.
        now: seconds since the epoch, as the service shows them.
    """
    stand_in = _STAND_INS.get(fault.kind)
    return response if stand_in is None else stand_in(fault, response, now)


def _as_told(fault: Fault, _response: Response, _now: float) -> Response:
    return Response(status=fault.status, headers=fault.headers, body=fault.body)


def _bad_gateway(_fault: Fault, _response: Response, _now: float) -> Response:
    return Response(status=502, headers=(_HTML,), body=_BAD_GATEWAY)


def _rate_limited(fault: Fault, _response: Response, _now: float) -> Response:
    wait = str(math.ceil(fault.seconds))
    return answer(_LIMITED, status=429, headers=(("Retry-After", wait),))


def _rate_limited_until(fault: Fault, _response: Response, now: float) -> Response:
    instant = email.utils.formatdate(math.ceil(now + fault.seconds), usegmt=True)
    return answer(_LIMITED, status=429, headers=(("Retry-After", instant),))


def _empty(_fault: Fault, response: Response, _now: float) -> Response:
    return attrs.evolve(response, body=b"")


def _null(_fault: Fault, response: Response, _now: float) -> Response:
    return attrs.evolve(response, body=b"null")


def _wrong_types(_fault: Fault, response: Response, _now: float) -> Response:
    return attrs.evolve(response, body=json.dumps(_wrong(parsed(response.body))).encode())


def _wrong(value: object) -> object:
    """Return an object whose members all have another type than they should; or else a list."""
    if not isinstance(value, dict):
        return [value]
    members = cast("dict[str, object]", value)
    return {
        name: len(member) if isinstance(member, str) else [member]
        for name, member in members.items()
    }


def _duplicate_keys(_fault: Fault, response: Response, _now: float) -> Response:
    """Say everything twice: first a lie, then the truth."""
    members: Any = parsed(response.body)
    if not isinstance(members, dict) or not members:
        return response
    lies = json.dumps(dict.fromkeys(cast("dict[str, object]", members), "decoy"))
    return attrs.evolve(response, body=lies[:-1].encode() + b"," + response.body[1:])


_STAND_INS: Final[Mapping[str, Callable[[Fault, Response, float], Response]]] = {
    "status": _as_told,
    "bad_gateway": _bad_gateway,
    "rate_limited": _rate_limited,
    "rate_limited_until": _rate_limited_until,
    "empty": _empty,
    "null": _null,
    "wrong_types": _wrong_types,
    "duplicate_keys": _duplicate_keys,
}
