"""
The route table: one line per path, with the contracts that have it, its guard and its handler.

A new endpoint is a new line here and a handler.
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

import attrs

from cloudbase_auth_async.testing import (
    _provider_calls,
    _sign_in,
    _token_calls,
    _user_calls,
    _verification,
)
from cloudbase_auth_async.testing._call import Call, anyone, client, leaving_user, user
from cloudbase_auth_async.testing._values import Dialect, Response

BASE: Final = "/auth/v1"

_PRIMARY: Final = frozenset({"primary"})
_DOCUMENTED: Final = frozenset({"documented"})
_BOTH: Final = _PRIMARY | _DOCUMENTED


@attrs.frozen
class Route:
    """One line of the table."""

    method: str
    template: str
    dialects: frozenset[str]
    guard: Callable[[Call], Call]
    handler: Callable[[Call], Response]

    @property
    def name(self) -> str:
        """Return the line's name as fault scripts and journals write it: `POST /token`."""
        return f"{self.method} {self.template}"


@attrs.frozen(kw_only=True)
class Match:
    """What the table says of a method and a path."""

    route: Route | None = None
    params: Mapping[str, str] = attrs.field(factory=dict[str, str])
    # The methods the path does have, when the method was not one of them.
    allowed: tuple[str, ...] = ()


ROUTES: Final = (
    Route("POST", "/signin", _BOTH, client, _sign_in.sign_in),
    Route("POST", "/signin-anonymously", _PRIMARY, client, _sign_in.sign_in_anonymously),
    Route("POST", "/signin/anonymously", _DOCUMENTED, client, _sign_in.sign_in_anonymously),
    Route("POST", "/signup", _BOTH, client, _sign_in.sign_up),
    Route("POST", "/verification", _BOTH, client, _verification.send),
    Route("POST", "/verification/verify", _BOTH, client, _verification.verify),
    Route("POST", "/token", _BOTH, client, _token_calls.exchange),
    Route("GET", "/token/introspect", _BOTH, anyone, _token_calls.introspect),
    Route("POST", "/revoke", _BOTH, anyone, _token_calls.revoke),
    Route("GET", "/certs", _BOTH, anyone, _token_calls.certs),
    Route("POST", "/user/signout", _BOTH, leaving_user, _user_calls.sign_out),
    Route("GET", "/user/me", _BOTH, user, _user_calls.me),
    Route("DELETE", "/user/me", _BOTH, user, _user_calls.delete_me),
    Route("PATCH", "/user/password", _BOTH, user, _user_calls.change_password),
    Route("POST", "/user/sudo", _BOTH, user, _user_calls.sudo),
    Route("GET", "/user/providers", _PRIMARY, user, _provider_calls.list_providers),
    Route("POST", "/user/providers/bind", _PRIMARY, user, _provider_calls.bind),
    Route("DELETE", "/user/providers/{provider_id}", _PRIMARY, user, _provider_calls.unbind),
    Route("GET", "/user/provider", _DOCUMENTED, user, _provider_calls.list_providers),
    Route("POST", "/user/provider/bind", _DOCUMENTED, user, _provider_calls.bind),
    Route("DELETE", "/user/provider/{provider_id}", _DOCUMENTED, user, _provider_calls.unbind),
)


def find(method: str, path: str, dialect: Dialect) -> Match:
    """Return the route of a request, or the methods its path has, or neither."""
    spoken = _BOTH if dialect == "both" else frozenset({dialect})
    allowed: list[str] = []
    for route in ROUTES:
        params = _fit(route.template, path) if route.dialects & spoken else None
        if params is None:
            continue
        if route.method == method:
            return Match(route=route, params=params)
        allowed.append(route.method)
    return Match(allowed=tuple(allowed))


def _fit(template: str, path: str) -> Mapping[str, str] | None:
    """Return the parameters of a path, or None if it does not have that form."""
    wanted, given = (BASE + template).split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    params: dict[str, str] = {}
    for want, part in zip(wanted, given, strict=True):
        if want.startswith("{") and part:
            params[want[1:-1]] = unquote(part)
        elif want != part:
            return None
    return params
