"""
The route table: one line per path, with the contracts that have it, its guard and its handler.

A new endpoint is a new line here and a handler.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

import attrs

from cloudbase_auth_async.testing import (
    _account_calls,
    _authorize_calls,
    _captcha,
    _device_calls,
    _provider_calls,
    _provider_tokens,
    _qr_codes,
    _recovery,
    _security_calls,
    _sign_in,
    _tickets,
    _token_calls,
    _user_calls,
    _verification,
)
from cloudbase_auth_async.testing._call import (
    Call,
    anyone,
    client,
    device,
    leaving_user,
    sender,
    user,
)
from cloudbase_auth_async.testing._guards import (
    client_or_key,
    client_or_user,
    client_without_secret,
    client_without_secret_or_user,
    key,
    user_or_server,
)
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
    Route(
        "POST",
        "/signin/anonymously",
        _DOCUMENTED,
        client_without_secret,
        _sign_in.sign_in_anonymously,
    ),
    Route("POST", "/signup", _BOTH, client, _sign_in.sign_up),
    Route("POST", "/signin/custom", _DOCUMENTED, client, _tickets.sign_in),
    Route("POST", "/signin/with/provider", _DOCUMENTED, device, _provider_calls.sign_in),
    Route("GET", "/provider/uri", _DOCUMENTED, device, _provider_tokens.uri),
    Route("POST", "/provider/token", _DOCUMENTED, device, _provider_tokens.exchange),
    Route("PATCH", "/provider/token", _DOCUMENTED, client, _provider_tokens.enrich),
    Route("POST", "/qrcode/generate", _DOCUMENTED, client, _qr_codes.generate),
    Route("POST", "/qrcode/get/status", _DOCUMENTED, client, _qr_codes.status),
    Route("POST", "/mgr/provider/providerSubType", _DOCUMENTED, client, _qr_codes.sub_type),
    Route("GET", "/plugin/weda/userinfo", _DOCUMENTED, user, _qr_codes.weda_user),
    Route("POST", "/captcha/data", _DOCUMENTED, client, _captcha.data),
    Route("POST", "/captcha/data/verify", _DOCUMENTED, client, _captcha.verify),
    Route("POST", "/reset", _DOCUMENTED, client, _recovery.reset),
    Route("GET", "/checkIfUserExist", _DOCUMENTED, client, _recovery.user_exists),
    Route("POST", "/verification", _BOTH, sender, _verification.send),
    Route("POST", "/verification/verify", _BOTH, client, _verification.verify),
    Route("POST", "/token", _BOTH, client_or_key, _token_calls.exchange),
    Route("POST", "/token/clientCredential", _DOCUMENTED, key, _token_calls.client_credential),
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
    Route("POST", "/user/provider/{provider_id}/trans", _DOCUMENTED, user, _provider_calls.change),
    Route("PATCH", "/user/trans/by/provider", _DOCUMENTED, user, _provider_calls.transfer),
    Route("POST", "/device/code", _DOCUMENTED, client_or_user, _device_calls.start),
    Route("POST", "/user/device/authorize", _DOCUMENTED, user, _device_calls.authorize),
    Route("POST", "/user/authorize", _DOCUMENTED, user, _authorize_calls.authorize),
    Route(
        "GET",
        "/user/authorize/info",
        _DOCUMENTED,
        client_without_secret_or_user,
        _authorize_calls.info,
    ),
    Route("POST", "/user/basic/edit", _DOCUMENTED, user_or_server, _account_calls.edit),
    Route("PATCH", "/user/profile", _DOCUMENTED, user, _account_calls.edit_profile),
    Route("PATCH", "/user/contact", _DOCUMENTED, user, _account_calls.edit_contact),
    Route("GET", "/user/query", _DOCUMENTED, user, _account_calls.query),
    Route("GET", "/user/security/history", _DOCUMENTED, user, _security_calls.history),
    Route("DELETE", "/user/revoke/all", _DOCUMENTED, user, _security_calls.revoke_all),
    Route(
        "DELETE",
        "/user/authorized/devices/{device_id}",
        _DOCUMENTED,
        user,
        _security_calls.revoke_device,
    ),
)

ROUTE_NAMES: Final = frozenset(route.name for route in ROUTES)


# Looking a path up takes longer than most answers, and a test asks for few paths.
@functools.lru_cache(maxsize=1024)
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
