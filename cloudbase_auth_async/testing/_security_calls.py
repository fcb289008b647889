"""Handlers for the user's security: where they signed in, and ending those sessions."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._records import SignIn
from cloudbase_auth_async.testing._user_calls import timestamp
from cloudbase_auth_async.testing._values import Refused, Response, answer

_ACTION: Final = "USER_LOGIN"
_USUAL_LIMIT: Final = 20
_LARGEST_LIMIT: Final = 100
_NUMBER: Final = re.compile(r"[0-9]{1,6}")


def history(call: Call) -> Response:
    """Answer GET /user/security/history: the sign-ins, the last one first."""
    query = call.request.query
    wanted, unwanted = query.get("query[action]"), query.get("ne_query[action]")
    if not {wanted, unwanted} <= {None, _ACTION}:
        raise Refused("invalid_argument", "the action is not known")
    limit, start = _limit(query.get("limit")), _start(query.get("page_token"))
    sub = call.session.user.sub
    # Nothing but sign-ins is recorded here, so that all the rest is nothing.
    mine = [] if unwanted else [one for one in call.state.sign_ins if one.sub == sub]
    page = mine[::-1][start : start + limit]
    body: dict[str, Any] = {"total": len(mine), "data": [_described(one) for one in page]}
    if start + limit < len(mine):
        body["page_token"] = _page_token(start + limit)
    return answer(body)


def revoke_all(call: Call) -> Response:
    """Answer DELETE /user/revoke/all: every session ends, this one too."""
    call.state.end_sessions(call.session.user.sub)
    return answer({})


def revoke_device(call: Call) -> Response:
    """Answer DELETE /user/authorized/devices/{device_id}: the sessions of one device end."""
    grants = call.state.grants
    sub, device_id = call.session.user.sub, call.params["device_id"]
    ended = [one for one in grants.values() if (one.sub, one.device_id) == (sub, device_id)]
    if not ended:
        raise Refused("not_found", "the user is not signed in on that device")
    for grant in ended:
        del grants[grant.id]
    return answer({})


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL_LIMIT
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= _LARGEST_LIMIT:
        raise Refused("invalid_argument", f"limit must be 1 to {_LARGEST_LIMIT}")
    return int(text)


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    if not _NUMBER.fullmatch(text):
        raise Refused("invalid_argument", "page_token is not one of ours")
    return int(text)


def _page_token(start: int) -> str:
    return base64.urlsafe_b64encode(f"{start:06d}".encode()).decode()


def _described(one: SignIn) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "ip": "127.0.0.1",
        "user_agent": one.user_agent,
        "client_id": one.client_id,
        "device_id": one.device_id,
        "created_at": timestamp(one.created_at),
        "meta": {"from": ""},
    }
