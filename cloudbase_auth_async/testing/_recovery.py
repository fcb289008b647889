"""Handlers for who has lost their password: is there such a user, and a new password."""

from cloudbase_auth_async.testing import _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._values import Refused, Response, answer
from cloudbase_auth_async.testing._verification import spend_verified, verified


def user_exists(call: Call) -> Response:
    """Answer GET /checkIfUserExist, for any of a user's logins."""
    login = call.request.query.get("username")
    if not login:
        raise Refused("invalid_argument", "username is required")
    return answer({"exist": call.state.find(login) is not None})


def reset(call: Call) -> Response:
    """Answer POST /reset: a new password, and every session of the user ends."""
    fields = call.fields
    place, new = _fields.destination(fields), fields.required("new_password")
    token = fields.optional("verification_token")
    if token is None:
        raise Refused("invalid_argument", "verification required")
    if verified(call, token).destination != place:
        raise Refused("invalid_argument", "phone or email does not match validation code")
    user = call.state.find(place)
    if user is None:
        raise Refused("not_found", "no such user")
    if call.only("documented"):
        _fields.check_strength(new)
    spend_verified(call, token)
    user.password, user.password_updated_at, user.updated_at = new, call.now, call.now
    call.state.end_sessions(user.sub)
    return answer({})
