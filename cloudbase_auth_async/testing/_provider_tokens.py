"""
What a third party's sign-in leaves behind: a provider_code first, a provider_token for it.

The third party itself is not here. A test mints the code that the redirect would have brought.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from cloudbase_auth_async.testing import _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import (
    BoundProvider,
    ProviderCode,
    ProviderGrant,
    State,
    User,
    drop_expired,
)
from cloudbase_auth_async.testing._values import Refused, Response, answer

CODE_SECONDS: Final = 600
TOKEN_SECONDS: Final = 3600

_CODE_TYPES: Final = ("open_id", "union_id", "phone")
_OTHER_PARAMS: Final = "other_params["


def mint(
    state: State, account: BoundProvider, now: float, profile: Mapping[str, str] | None = None
) -> str:
    """Return a provider_token, as the third party's sign-in would have brought it."""
    drop_expired(state.provider_tokens, now)
    token = secrets.token_urlsafe(48)
    state.provider_tokens[token] = ProviderGrant(
        account=account, profile=profile or {}, expires_at=now + TOKEN_SECONDS
    )
    return token


def mint_code(
    state: State,
    account: BoundProvider,
    now: float,
    *,
    profile: Mapping[str, str],
    redirect_uri: str | None,
) -> str:
    """Return a provider_code, as the third party's redirect would have brought it."""
    drop_expired(state.provider_codes, now)
    code = secrets.token_urlsafe(24)
    state.provider_codes[code] = ProviderCode(
        account=account, profile=profile, redirect_uri=redirect_uri, expires_at=now + CODE_SECONDS
    )
    return code


def known(call: Call, token: str) -> ProviderGrant:
    """Return what a provider_token stands for, without spending it."""
    drop_expired(call.state.provider_tokens, call.now)
    grant = call.state.provider_tokens.get(token)
    if grant is None:
        raise Refused("invalid_grant", "provider token invalid or expired", number=4001)
    return grant


def spend(call: Call, token: str) -> None:
    """Use a provider_token up: each works once."""
    del call.state.provider_tokens[token]


def owner(state: State, account: BoundProvider) -> User | None:
    """Return the user a third-party account is bound to; what it is called may have changed."""
    for user in state.users.values():
        bound = user.providers.get(account.provider_id)
        if bound is not None and bound.provider_user_id == account.provider_user_id:
            return user
    return None


def uri(call: Call) -> Response:
    """Answer GET /provider/uri: where to send the user."""
    query = call.request.query
    provider_id = query.get("provider_id")
    if not provider_id:
        raise Refused("invalid_argument", "provider_id is required")
    wanted = {"client_id": call.client_id, "response_type": query.get("response_type") or "code"}
    wanted |= {name: query[name] for name in ("redirect_uri", "state", "scope") if query.get(name)}
    wanted |= {
        name.removeprefix(_OTHER_PARAMS).removesuffix("]"): value
        for name, value in query.items()
        if name.startswith(_OTHER_PARAMS) and name.endswith("]")
    }
    path = quote(provider_id, safe="", errors="replace")
    text = urlencode(wanted, errors="replace")
    return answer({"uri": f"https://provider.example/{path}/authorize?{text}"})


def exchange(call: Call) -> Response:
    """Answer POST /provider/token: a provider_code works once, and only where it was sent."""
    fields = call.fields
    provider_id = fields.required("provider_id")
    redirect_uri = fields.optional("provider_redirect_uri")
    params = _params(fields)
    code = fields.optional("provider_code")
    if code is None and not call.only("documented"):
        code = params.optional("code")
    if code is None:
        raise Refused("invalid_argument", "provider_code is required")
    sent = _spent_code(call, code, provider_id)
    if sent.redirect_uri not in (None, redirect_uri):
        raise Refused("provider_error", "the code was sent to another provider_redirect_uri")
    return _granted(call, sent.account, sent.profile)


def enrich(call: Call) -> Response:
    """Answer PATCH /provider/token: the token is replaced by one that knows more."""
    fields = call.fields
    token, params = fields.required("provider_token"), _params(fields)
    if "provider_params" not in fields:
        raise Refused("invalid_argument", "provider_params is required")
    grant = known(call, token)
    check_provider(grant, fields.optional("provider_id"))
    more: Mapping[str, str] = {}
    code = params.optional("code")
    if code is not None:
        more = _spent_code(call, code, grant.account.provider_id).profile
    spend(call, token)
    return _granted(call, grant.account, {**grant.profile, **more})


def check_provider(grant: ProviderGrant, provider_id: str | None) -> None:
    """Refuse a token that another third party's sign-in has brought."""
    if provider_id not in (None, grant.account.provider_id):
        raise Refused("invalid_argument", "the provider_token is of another provider_id")


def _params(fields: _fields.Fields) -> _fields.Fields:
    params = fields.inner("provider_params")
    for name in ("appid", "encryptedData", "iv"):
        params.optional(name)
    if params.optional("provider_code_type") not in (None, *_CODE_TYPES):
        raise Refused("invalid_argument", "provider_code_type must be open_id, union_id or phone")
    return params


def _spent_code(call: Call, code: str, provider_id: str) -> ProviderCode:
    """Return what a provider_code stands for; it is used up even when it does not fit."""
    drop_expired(call.state.provider_codes, call.now)
    sent = call.state.provider_codes.pop(code, None)
    if sent is None or sent.account.provider_id != provider_id:
        raise Refused("provider_error", "the provider refuses the code")
    return sent


def _granted(call: Call, account: BoundProvider, profile: Mapping[str, str]) -> Response:
    described: dict[str, Any] = {
        "provider_id": account.provider_id,
        "sub": account.provider_user_id,
        "name": account.provider_user_name,
    }
    return answer(
        {
            "provider_token": mint(call.state, account, call.now, profile),
            "expires_in": TOKEN_SECONDS,
            "provider_profile": {**profile, **described},
        }
    )
