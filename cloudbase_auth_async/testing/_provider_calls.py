"""Handlers for third-party accounts: sign in with one, list, bind, change, unbind."""

from collections.abc import Mapping
from typing import Any

from cloudbase_auth_async.testing import _provider_tokens, _tokens
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import BoundProvider, User, new_sub
from cloudbase_auth_async.testing._values import Refused, Response, answer


def sign_in(call: Call) -> Response:
    """Answer POST /signin/with/provider: an account nobody has becomes a user, if it may."""
    fields = call.fields
    token = fields.required("provider_token")
    known_only, sync = fields.flag("force_disable_sign_up"), fields.flag("sync_profile")
    grant = _provider_tokens.known(call, token)
    _provider_tokens.check_provider(grant, fields.optional("provider_id"))
    user = _provider_tokens.owner(call.state, grant.account)
    if user is None and known_only:
        raise Refused("not_found", "no such user")
    _provider_tokens.spend(call, token)
    if user is None:
        user = User(sub=new_sub(), created_at=call.now, updated_at=call.now)
        user.providers[grant.account.provider_id] = grant.account
        call.state.keep(user)
    if sync:
        told = {"name": grant.account.provider_user_name, **grant.profile}
        _copy_profile(user, told, call.now)
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def transfer(call: Call) -> Response:
    """Answer PATCH /user/trans/by/provider: the user goes on as the account's owner."""
    token = call.fields.required("provider_token")
    grant = _provider_tokens.known(call, token)
    session = call.session
    user = session.user
    if _provider_tokens.owner(call.state, grant.account) not in (None, user):
        raise Refused("failed_precondition", "the account is bound to another user")
    _provider_tokens.spend(call, token)
    if user.anonymous:
        user.anonymous, user.name = False, None
        call.state.release_devices(user)
    user.providers[grant.account.provider_id] = grant.account
    user.updated_at = call.now
    _tokens.end(call.state, session.token.text)
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def list_providers(call: Call) -> Response:
    """Answer GET /user/providers: the accounts that are bound."""
    data = [_described(account) for account in call.session.user.providers.values()]
    return answer({"total": len(data), "data": data})


def bind(call: Call) -> Response:
    """Answer POST /user/providers/bind: a provider_token works once."""
    fields = call.fields
    token = fields.required("provider_token")
    fields.flag("with_user_center")
    account = _provider_tokens.known(call, token).account
    user = call.session.user
    if _provider_tokens.owner(call.state, account) not in (None, user):
        raise Refused("failed_precondition", "the account is bound to another user")
    _provider_tokens.spend(call, token)
    user.providers[account.provider_id] = account
    return answer({})


def change(call: Call) -> Response:
    """Answer POST /user/provider/{provider_id}/trans: another account for the bound one."""
    token = call.fields.required("provider_trans_token")
    grant = _provider_tokens.known(call, token)
    provider_id = call.params["provider_id"]
    _provider_tokens.check_provider(grant, provider_id)
    user = call.session.user
    if provider_id not in user.providers:
        raise Refused("not_found", "no such account is bound")
    loser = _provider_tokens.owner(call.state, grant.account)
    _provider_tokens.spend(call, token)
    if loser is not None:
        del loser.providers[provider_id]
    user.providers[provider_id] = grant.account
    return answer({"client_id": call.client_id})


def unbind(call: Call) -> Response:
    """Answer DELETE /user/providers/{provider_id}."""
    if call.request.query.get("with_user_center") not in (None, "true", "false"):
        raise Refused("invalid_argument", "with_user_center must be true or false")
    if call.session.user.providers.pop(call.params["provider_id"], None) is None:
        raise Refused("not_found", "no such account is bound")
    return answer({})


def _copy_profile(user: User, told: Mapping[str, str], now: float) -> None:
    # Never a number or an address: nobody has proved that they are the user's.
    for name in ("name", "picture", "gender", "locale"):
        if told.get(name):
            setattr(user, name, told[name])
    user.updated_at = now


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
