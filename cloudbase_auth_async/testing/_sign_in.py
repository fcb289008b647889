"""Handlers that start a session: sign in, sign up, sign in anonymously."""

from typing import Any

from cloudbase_auth_async.testing import _captcha, _fields, _provider_tokens, _tokens
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import User, new_anonymous_sub, new_sub
from cloudbase_auth_async.testing._values import Refused, Response, answer
from cloudbase_auth_async.testing._verification import spend_verified, verified


def sign_in(call: Call) -> Response:
    """Answer POST /signin: a password, or a verified phone number or e-mail address."""
    fields = call.fields
    if "verification_token" in fields:
        return _sign_in_by_code(call, fields)
    user = by_password(call, fields)
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def by_password(call: Call, fields: _fields.Fields) -> User:
    """Return the user a name and a password belong to."""
    login, password = fields.required("username"), fields.required("password")
    user = call.state.find(login)
    if user is None:
        if not _fields.is_login(login):
            raise Refused("invalid_argument", "nobody can have that user name")
        raise Refused("not_found", "no such user")
    _captcha.check_sign_in(call, user)
    if user.password != password:
        _captcha.note_wrong_password(call, user)
        raise Refused("invalid_username_or_password", "the user name or password is wrong")
    _captcha.note_right_password(call, user)
    return user


def sign_in_anonymously(call: Call) -> Response:
    """Answer POST /signin-anonymously: one user per device, the same one each time."""
    _ = call.fields
    device = call.request.header("x-device-id")
    if not device:
        raise Refused("invalid_argument", "device id missing from header")
    sub = call.state.devices.get(device)
    user = _new_anonymous(call, device) if sub is None else call.state.users[sub]
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def sign_up(call: Call) -> Response:
    """Answer POST /signup: register a verified destination or a third-party account."""
    fields = call.fields
    # The primary contract has no such field, and so there it is as good as absent.
    if "provider_token" in fields and call.speaks("documented"):
        return _sign_up_with_provider(call, fields)
    place = _proven_destination(call, fields)
    profile = _new_profile(call, fields, _fields.new_username(fields))
    user = _newcomer(call, fields)
    spend_verified(call, fields.required("verification_token"))
    _write_destination(user, place)
    return _registered(call, user, profile)


def _sign_up_with_provider(call: Call, fields: _fields.Fields) -> Response:
    """Register a third-party account, with a verified destination if one comes along."""
    token = fields.required("provider_token")
    account = _provider_tokens.known(call, token).account
    if _provider_tokens.owner(call.state, account) is not None:
        raise Refused("failed_precondition", "the account is bound to another user")
    with_place = "phone_number" in fields or "email" in fields
    place = _proven_destination(call, fields) if with_place else None
    profile = _new_profile(call, fields, _fields.new_third_party_username(fields))
    user = _newcomer(call, fields)
    _provider_tokens.spend(call, token)
    if place is not None:
        spend_verified(call, fields.required("verification_token"))
        _write_destination(user, place)
    user.providers[account.provider_id] = account
    return _registered(call, user, profile)


def _proven_destination(call: Call, fields: _fields.Fields) -> str:
    """Return the free destination that the verification_token is for; it is not spent yet."""
    place = _fields.destination(fields)
    proof = verified(call, fields.required("verification_token"))
    code = fields.optional("verification_code")
    if proof.destination != place or code not in (None, proof.code):
        raise Refused("invalid_argument", "phone or email does not match validation code")
    if call.state.find(place) is not None:
        raise Refused("failed_precondition", "the phone number or email belongs to another user")
    return place


def _new_profile(call: Call, fields: _fields.Fields, username: str | None) -> dict[str, Any]:
    if username is not None and call.state.find(username) is not None:
        raise Refused("already_exists", "the user name is taken")
    names = ("name", "gender", "picture", "locale", "password")
    return {"username": username} | {name: fields.optional(name) for name in names}


def _registered(call: Call, user: User, profile: dict[str, Any]) -> Response:
    _write_profile(call, user, profile)
    call.state.keep(user)
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def _sign_in_by_code(call: Call, fields: _fields.Fields) -> Response:
    token = fields.required("verification_token")
    proof = verified(call, token)
    login = fields.optional("username") or proof.destination
    user = call.state.find(proof.destination)
    if user is None:
        raise Refused("not_found", "no such user")
    if call.state.find(login) is not user:
        raise Refused("invalid_argument", "the code was sent to somebody else")
    spend_verified(call, token)
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def _new_anonymous(call: Call, device: str) -> User:
    user = User(
        sub=new_anonymous_sub(),
        created_at=call.now,
        updated_at=call.now,
        name="Anonymous",
        anonymous=True,
    )
    call.state.devices[device] = user.sub
    return call.state.keep(user)


def _newcomer(call: Call, fields: _fields.Fields) -> User:
    """Return the anonymous user who is upgraded and keeps their `sub`, or a new one."""
    text = fields.optional("anonymous_token")
    if text is None:
        return User(sub=new_sub(), created_at=call.now, updated_at=call.now)
    token = _tokens.live(call.state, text, call.now)
    user = None if token is None else call.state.users.get(token.grant.sub)
    if user is None or not user.anonymous:
        raise Refused("invalid_argument", "anonymous_token is no anonymous user's live token")
    user.anonymous, user.name = False, None
    call.state.release_devices(user)
    return user


def _write_profile(call: Call, user: User, profile: dict[str, Any]) -> None:
    for name, value in profile.items():
        setattr(user, name, value)
    user.updated_at = call.now
    user.password_updated_at = call.now if user.password else None


def _write_destination(user: User, place: str) -> None:
    if "@" in place:
        user.email = place
    else:
        user.phone_number = place
