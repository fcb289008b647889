"""Handlers for third-party accounts: list, bind, unbind."""

import secrets
from typing import Any, Final

from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import BoundProvider, ProviderGrant, State, drop_expired
from cloudbase_auth_async.testing._values import Refused, Response, answer

PROVIDER_TOKEN_SECONDS: Final = 3600


def mint(state: State, account: BoundProvider, now: float) -> str:
    """Return a provider_token, as the third party's sign-in would have brought it."""
    token = secrets.token_urlsafe(48)
    expires_at = now + PROVIDER_TOKEN_SECONDS
    state.provider_tokens[token] = ProviderGrant(account=account, expires_at=expires_at)
    return token


def list_providers(call: Call) -> Response:
    """Answer GET /user/providers: the accounts that are bound."""
    data = [_described(account) for account in call.session.user.providers.values()]
    return answer({"total": len(data), "data": data})


def bind(call: Call) -> Response:
    """Answer POST /user/providers/bind: a provider_token works once."""
    token = call.fields.required("provider_token")
    state = call.state
    drop_expired(state.provider_tokens, call.now)
    grant = state.provider_tokens.get(token)
    if grant is None:
        raise Refused("invalid_grant", "provider token invalid or expired", number=4001)
    user = call.session.user
    account = grant.account
    if any(
        account in other.providers.values() for other in state.users.values() if other is not user
    ):
        raise Refused("failed_precondition", "the account is bound to another user")
    del state.provider_tokens[token]
    user.providers[account.provider_id] = account
    return answer({})


def unbind(call: Call) -> Response:
    """Answer DELETE /user/providers/{provider_id}."""
    if call.session.user.providers.pop(call.params["provider_id"], None) is None:
        raise Refused("not_found", "no such account is bound")
    return answer({})


def _described(account: BoundProvider) -> dict[str, Any]:
    return {
        "id": account.provider_id,
        "name": account.provider_id,
        "homepage": f"https://{account.provider_id}.example",
        "picture": f"https://{account.provider_id}.example/picture.png",
        "provider_user_name": account.provider_user_name,
        "provider_type": "OAUTH",
        "bind": True,
    }
