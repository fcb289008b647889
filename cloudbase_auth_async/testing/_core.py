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
Number: `/token`'s `invalid_grant`,   none: no source prints one, so a client may not lean on
wrong old password, blocked user      `error_code`; `error` and status have to do
Tokens of a blocked user              401/16 on user calls and `invalid_grant` at a refresh;
                                      introspection still shows them
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
Basic without a secret                taken on anonymous sign-in and `/user/authorize/info`, where
                                      the JavaScript client sends it; 401/4022 elsewhere
Basic on revocation, documented       401/16: an answer of `{}` would hide a live token
No Authorization on introspection     401: nobody says what happens
Revoking a refresh token              answered `{}`, and the token lives on: only access tokens
                                      are documented
Sign-out with a revoked token         401/16: only age is forgiven
User's bearer on client calls         401/16 on all of them, as the gateway does
Device id of 72 or more characters    400/3 on every path, not only where it was seen
Unknown field in a body               ignored, but for `target` above
`null` or "" in a body, or no body    as good as absent
Unknown path, method; huge body       404/5, 405/12 with `Allow`; 413/3 over 1 MiB
Weak new password                     refused where only the documented contract is spoken
Accounts in the provider list         the bound ones, `bind: true`
Captcha after wrong passwords         from the sixth sign-in on, whichever of the user's names it
                                      comes with, before the password is looked at; never
                                      where only the primary contract is spoken
`captcha_token` that comes again      refused, although the JavaScript client keeps it until it
                                      expires (`captcha_tokens="until_expiry"`: taken until then)
`captcha_token` nobody asked for      checked and used up all the same, also by a refused call
Place of a `captcha_token`            header and query; the one place that is told, if one is
Answer to a captcha's picture         one, right or wrong: who errs needs a new picture
Status of 4001, 4002, 4019            400
Custom user's `sub`                   not the customUserId, but a number of its own
Bad ticket                            400/3, whatever is wrong; `iat` in the future and a life of
                                      over ten minutes are wrong too
Ticket used again                     accepted: it has no id, and two of one moment are equal
Unknown `provider_id`                 has a sign-in page like any other
Used or foreign `provider_code`       400/4019; the attempt uses it up; 600 s otherwise
`provider_token` used up by           any sign-in, bind or change that succeeds, and its own PATCH
Third party's number and address      never the user's logins: nobody has verified them
Third party's account of another      400/9 at bind, sign-up and `/user/trans/by/provider`;
user                                  `/user/provider/{id}/trans` takes it away from them
Second account of one third party     takes the place of the first
QR code: status, life, picture        `waiting`, `approved` or `denied`, words of our own; 300 s;
                                      opaque text. Once its `provider_token` is handed out, and
                                      for another `wxAppId`, 404/5; the token is of the `wxAppId`
Sub-type of a provider                empty for each
What WeDa knows of a user             what `/user/me` has
Unbinding the last way to sign in     allowed
`/user/trans/by/provider`             the same user, with new tokens; the old session is over
User name, third-party sign-up        5 to 24 characters, the narrower of two rules on one page
User name nobody can have, sign-in    400/3, and not 404/5
Sessions after a new password         all over after `/reset`, else all but the caller's, access
                                      tokens too; a captcha that was due stays due
Anonymous session after a sign-up     lives on, for the same `sub`
`CUR_USER` for another's address      400/9
Bearer on `/verification`             any live one: the JavaScript client sends it when it can
Wrong verification code               400/3, and the right one still works
Password for `sudo_token`, with a     taken: only a comment of the JavaScript client says that
phone number bound                    it is not
Too many codes                        429/8 with `Retry-After`, nothing of it in the body
`email_redirect_to`                   a code is sent all the same
Lifetime of an authorization code     60 s; any try uses it up, and a second one ends the
                                      session that the first one started
`code_verifier` without a challenge   refused, and so is a `redirect_uri` that the request for
                                      the code did not have
Scope wider than the user's own       400 `invalid_scope`; no number in any source
Device code: lifetime and interval    600 s and 5 s; `slow_down` even when the user has said
                                      yes, and then 5 s more for every later poll
Used device code, unknown user_code   400 `invalid_grant`, 404/5
Who gets a device's session           the client that asked for the code, nobody else
Time of a TC3 signature               within 300 s; from `Timestamp=` or `X-TC-Timestamp`. Its
                                      date may be 20261122 or 2026-11-22: two sources, two forms
Wrong Tencent Cloud key               401/4022, as for a wrong client secret
A server's token                      no `sub`, no `scope`; 401/16 on user calls, but for
                                      /user/basic/edit with `user_id`
Anonymous user edits their account    403/7: they sign up first
Phone, email taken, basic/edit        400/9; user name 409/6, as at sign-up
Encrypted passwords in basic/edit     400/3: the key they need is on no documented page
`password` without `new_password`     400/3, and the old one is needed where there is one
`conflict_resolution`                 TRANSFER deletes who could not sign in any more
Several filters in /user/query        all must hold; none at all is 400/3; how to reach a user
                                      is shown to that user alone
Form of the security history          `{total, data, page_token?}`, last sign-in first; `limit`
                                      1 to 100, 20 unless given; only sign-ins are recorded
Ending all sessions, or a device's    the caller's own too; an unknown device is 404/5
`redirect_uri` at sign-out            must be absolute; `state` goes into its query
Spent refresh token, `grace_seconds`  the same answer again, until those seconds are over
====================================  =======================================================
"""

from typing import Final

from cloudbase_auth_async.testing import _captcha, _fields
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
    return match.route.handler(_captcha.checked(match.route.guard(call), match.route.name))
