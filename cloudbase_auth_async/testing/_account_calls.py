"""Handlers that change the user's account, or look other users up."""

from collections.abc import Mapping
from typing import Any

from cloudbase_auth_async.testing import _accounts, _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._fields import Fields
from cloudbase_auth_async.testing._state import User
from cloudbase_auth_async.testing._user_calls import profile, spend_sudo, sudo_tokens
from cloudbase_auth_async.testing._values import Refused, Response, answer
from cloudbase_auth_async.testing._verification import spend_verified, verified


def edit(call: Call) -> Response:
    """Answer POST /user/basic/edit: all of the changes, or none of them."""
    fields = call.fields
    user = _accounts.registered(_edited(call, fields.optional("user_id")))
    changes = {
        "name": _accounts.nickname(fields, "nickname"),
        "username": _accounts.free_username(call, user, fields),
        "phone_number": _accounts.free_destination(
            call, user, phone_number=fields.optional("phone")
        ),
        "email": _accounts.free_destination(call, user, email=fields.optional("email")),
        "description": fields.optional("description"),
        "picture": fields.optional("avatar_url"),
        "gender": _accounts.gender(fields),
    }
    password = _new_password(call, user, fields)
    _accounts.write(call, user, **changes)
    if password is not None:
        user.password, user.password_updated_at = password, call.now
        this = None if call.admitted is None else call.admitted.token.grant
        call.state.end_sessions(user.sub, but=this)
    return answer({})


def edit_profile(call: Call) -> Response:
    """Answer PATCH /user/profile with the profile as it is now."""
    fields = call.fields
    user = _accounts.registered(call.session.user)
    _accounts.write(
        call,
        user,
        name=_accounts.nickname(fields, "name"),
        username=_accounts.free_username(call, user, fields),
        picture=fields.optional("picture"),
        gender=_accounts.gender(fields),
        locale=fields.optional("locale"),
    )
    return answer(profile(user))


def edit_contact(call: Call) -> Response:
    """Answer PATCH /user/contact: a phone number or e-mail address that was checked."""
    fields = call.fields
    user = _accounts.registered(call.session.user)
    place = _fields.destination(fields)
    token = fields.required("verification_token")
    resolution = fields.optional("conflict_resolution") or "DEFAULT"
    if resolution not in _accounts.RESOLUTIONS:
        raise Refused("invalid_argument", "conflict_resolution is not known")
    fields.required("sudo_token")
    # Only the JavaScript client knows this path: its form is the one in every dialect.
    sudo = sudo_tokens(call, fields, in_body=True)
    if verified(call, token).destination != place:
        raise Refused("invalid_argument", "phone or email does not match validation code")
    _accounts.settle(call.state, user, place, resolution)
    spend_verified(call, token)
    spend_sudo(call, sudo)
    _accounts.write(call, user, **{"email" if "@" in place else "phone_number": place})
    return answer({})


def query(call: Call) -> Response:
    """Answer GET /user/query: the users who are all that is asked for."""
    ids = {one for one in call.request.values("id") if one}
    asked = {name: call.request.query.get(name) for name in ("username", "email", "phone_number")}
    wanted = {name: value for name, value in asked.items() if value}
    if not ids and not wanted:
        raise Refused("invalid_argument", "id, username, email or phone_number is required")
    found = [
        _simple(user, to=call.session.user)
        for user in call.state.users.values()
        if (not ids or user.sub in ids)
        and all(getattr(user, name) == value for name, value in wanted.items())
    ]
    return answer({"total": len(found), "data": found})


def _edited(call: Call, sub: str | None) -> User:
    if call.admitted is not None:
        if sub not in (None, call.admitted.user.sub):
            raise Refused("permission_denied", "only an administrator edits other users")
        return call.admitted.user
    if sub is None:
        raise Refused("invalid_argument", "user_id is required of a server")
    user = call.state.users.get(sub)
    if user is None:
        raise Refused("not_found", "no such user")
    return user


def _new_password(call: Call, user: User, fields: Fields) -> str | None:
    old, new = fields.optional("password"), fields.optional("new_password")
    encrypted = ("encrypt_password", "encrypt_new_password", "public_key_thumbprint")
    if any(fields.optional(name) for name in encrypted):
        raise Refused("invalid_argument", "encrypted passwords are not spoken here")
    if new is None:
        if old is not None:
            raise Refused("invalid_argument", "new_password is required")
        return None
    if call.admitted is not None and old != user.password:
        raise Refused("invalid_password", "the old password is wrong")
    if call.only("documented"):
        _fields.check_strength(new)
    return new


def _simple(user: User, *, to: User) -> Mapping[str, Any]:
    """Return what one user may know of another; only to themselves how to reach them."""
    known: dict[str, Any] = {
        "sub": user.sub,
        "name": user.name or user.username or "",
        "picture": user.picture,
        "gender": user.gender,
        "locale": user.locale,
        "email": user.email if user is to else None,
        "phone_number": user.phone_number if user is to else None,
    }
    return {name: value for name, value in known.items() if value is not None}
