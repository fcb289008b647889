"""Handlers for the signed-in user: profile, password, deletion, sudo, sign-out."""

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any, Final

from cloudbase_auth_async.testing import _fields, _oauth, _tokens
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import Sudo, User, drop_expired
from cloudbase_auth_async.testing._values import Refused, Response, answer
from cloudbase_auth_async.testing._verification import spend_verified, verified

SUDO_SECONDS: Final = 900


def sign_out(call: Call) -> Response:
    """Answer POST /user/signout: the session is over, whatever the token's age."""
    fields = call.fields
    address, state = _oauth.redirect_uri(fields), fields.optional("state")
    back = {} if address is None else {"redirect_uri": _oauth.with_state(address, state)}
    _tokens.end(call.state, call.session.token.text)
    return answer(back)


def me(call: Call) -> Response:
    """Answer GET /user/me."""
    return answer(profile(call.session.user))


def change_password(call: Call) -> Response:
    """Answer PATCH /user/password: the other sessions of the user end, this one lives on."""
    fields = call.fields
    user = call.session.user
    new, old = fields.required("new_password"), fields.optional("old_password")
    if fields.optional("confirm_password") not in (None, new):
        raise Refused("invalid_argument", "confirm_password differs from new_password")
    sudo = sudo_tokens(call, fields)
    if not sudo and user.password is not None and old is None:
        raise Refused("invalid_argument", "old_password is required")
    if old is not None and old != user.password:
        raise Refused("invalid_password", "the old password is wrong")
    if call.only("documented"):
        _fields.check_strength(new)
    user.password, user.password_updated_at, user.updated_at = new, call.now, call.now
    spend_sudo(call, sudo)
    call.state.end_sessions(user.sub, but=call.session.token.grant)
    return answer({})


def delete_me(call: Call) -> Response:
    """Answer DELETE /user/me: there is no way back."""
    spend_sudo(call, sudo_tokens(call, call.fields))
    call.state.forget(call.session.user)
    return answer({})


def sudo(call: Call) -> Response:
    """Answer POST /user/sudo: prove once more who you are."""
    fields = call.fields
    user = call.session.user
    password, token = fields.optional("password"), fields.optional("verification_token")
    if (password is None) == (token is None):
        raise Refused("invalid_argument", "give either password or verification_token")
    if token is not None:
        if verified(call, token).destination not in user.logins():
            raise Refused("invalid_argument", "the code was sent to somebody else")
        spend_verified(call, token)
    elif user.password is None:
        raise Refused("password_not_set", "the user has no password")
    elif password != user.password:
        raise Refused("invalid_password", "the password is wrong")
    drop_expired(call.state.sudo, call.now)
    sudo_token = secrets.token_urlsafe(48)
    call.state.sudo[sudo_token] = Sudo(sub=user.sub, expires_at=call.now + SUDO_SECONDS)
    return answer({"sudo_token": sudo_token, "expires_in": SUDO_SECONDS})


def sudo_tokens(call: Call, fields: _fields.Fields, *, in_body: bool = False) -> set[str]:
    """
    Return the sudo tokens that came, every one of them checked.

    With `in_body` one in the body is enough, even where only the documented contract is spoken.
    """
    drop_expired(call.state.sudo, call.now)
    asked, told = call.request.query.get("sudo_token"), fields.optional("sudo_token")
    given = {token for token in (asked, told) if token}
    missing = call.only("documented") and not (asked or in_body)
    sub = call.session.user.sub
    known = (call.state.sudo.get(token) for token in given)
    if missing or any(each is None or each.sub != sub for each in known):
        raise Refused("permission_denied", "sudo_token invalid")
    return given


def spend_sudo(call: Call, tokens: set[str]) -> None:
    """Use sudo tokens up: each works once."""
    for token in tokens:
        del call.state.sudo[token]


def profile(user: User) -> Mapping[str, Any]:
    """Return the profile; what a user does not have is absent, not null."""
    known: dict[str, Any] = {
        "sub": user.sub,
        "user_id": user.sub,
        "name": user.name,
        "username": user.username,
        "picture": user.picture,
        "email": user.email,
        "phone_number": user.phone_number,
        "gender": user.gender,
        "locale": user.locale,
        "status": user.status,
        "groups": [{"id": "user"}],
        "meta": {},
        "providers": _providers(user),
        "created_at": timestamp(user.created_at),
        "updated_at": timestamp(user.updated_at),
        "password_updated_at": timestamp(user.password_updated_at),
        "last_login": timestamp(user.last_login),
        "has_password": user.password is not None,
        "internal_user_type": "generalUser",
        "type": "external",
        "user_source": 1,
        "user_desc": user.description,
    }
    return {name: value for name, value in known.items() if value is not None}


def _providers(user: User) -> list[Mapping[str, str]]:
    return [
        {
            "id": account.provider_id,
            "provider_user_id": account.provider_user_id,
            "name": account.provider_user_name,
        }
        for account in user.providers.values()
    ]


def timestamp(seconds: float | None) -> str | None:
    """Return a time as the service writes it, RFC 3339 in UTC."""
    if seconds is None:
        return None
    moment = dt.datetime.fromtimestamp(int(seconds), dt.UTC)
    return moment.isoformat().replace("+00:00", "Z")
