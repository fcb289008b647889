"""
The emulated service: one plain function of a request, the state and the time.

Nothing here waits, so one request is over before the next begins: a refresh token can be
spent once, however many ask at the same moment.

What the service does not document, this one does in the way that is hardest on a client:

====================================  =======================================================
Question                              Choice, and why
====================================  =======================================================
Reuse of a spent refresh token        the whole session dies, access tokens too: a client that
                                      resends blindly must lose (`reuse="refuse"`: only that)
Refresh token of another client       refused: it belongs to the client it was issued to
Number of `invalid_grant`, wrong      none: no source prints one, so a client may not lean on
old password, blocked user            `error_code`; `error` and status have to do
Lifetime of a rotated refresh token   counted anew: the other choice no client could survive
Old access token after a refresh      lives until its own `exp`, as measured on the service
Wrong password, unknown user          two errors, 400/4043 and 404/5: a client must know both
Anonymous refresh token               none where only the documented contract is spoken, as
                                      its example has none; one elsewhere ("tokens")
User data in a token answer           `sub` only: no example shows more
Profile fields without a value        absent, not null and not ""
`sudo_token`                          works once, for its own user, 900 s
`verification_token`                  works once, for its own destination, 600 s; a refused
                                      sign-up does not use it up
Username taken, destination taken     409/6 and 400/9: two errors for one form
`target` at a primary-only service    refused as unknown, 400/3: the field is not in its contract
Basic on introspection, documented    `{}`, the answer for a worthless token (or 401, if told)
Basic on revocation, documented       401/16: an answer of `{}` would hide a live token
No Authorization on introspection     401: nobody says what happens
Revoking a refresh token              answered `{}`, and the token lives on: only access tokens
                                      are documented
Sign-out with a revoked token         401/16: only age is forgiven
User's bearer on client calls         401/16 on all of them, as the gateway does
Device id of 72 or more characters    400/3 on every path, not only where it was seen
Unknown field in a body               ignored, but for `target` above
Weak new password                     refused where only the documented contract is spoken
Accounts in the provider list         the bound ones, `bind: true`
====================================  =======================================================
"""

from typing import Final

from cloudbase_auth_async.testing import _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._routes import find
from cloudbase_auth_async.testing._state import State
from cloudbase_auth_async.testing._values import Refused, Request, Response, answer

_DEVICE_ID_LIMIT: Final = 72


def handle(request: Request, state: State, now: float) -> Response:
    """Answer one request that comes that many seconds after the epoch."""
    try:
        return _answer(request, state, now)
    except Refused as refusal:
        return refusal.response()


def _answer(request: Request, state: State, now: float) -> Response:
    match = find(request.method, request.path, state.settings.dialect)
    if match.route is None:
        if not match.allowed:
            return answer({"code": 5, "message": "Not Found"}, status=404)
        allow = ("Allow", ", ".join(match.allowed))
        body = {"code": 12, "message": "Method Not Allowed"}
        return answer(body, status=405, headers=(allow,))
    if len(request.body) > _fields.MAX_BODY:
        raise Refused("invalid_argument", "the body is too large", status=413)
    if len(request.header("x-device-id") or "") >= _DEVICE_ID_LIMIT:
        raise Refused("invalid_argument", "device id must less than 72")
    call = Call(request=request, state=state, now=now, params=match.params)
    return match.route.handler(match.route.guard(call))
