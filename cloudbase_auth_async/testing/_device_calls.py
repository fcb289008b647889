"""Handlers of the device flow (RFC 8628): a code for the device, a yes of the user, the poll."""

import secrets
from typing import Any, Final

from cloudbase_auth_async.testing import _oauth, _tokens
from cloudbase_auth_async.testing._call import Call, known_client
from cloudbase_auth_async.testing._fields import Fields
from cloudbase_auth_async.testing._records import DEVICE_CODE_SECONDS, POLL_SECONDS, DeviceCode
from cloudbase_auth_async.testing._state import State
from cloudbase_auth_async.testing._values import Refused, Response, answer

GRANT_TYPES: Final = ("device_code", "urn:ietf:params:oauth:grant-type:device_code")

# RFC 8628, 6.1: no vowels, so that no code reads as a word.
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_SLOWER_SECONDS: Final = 5


def start(call: Call) -> Response:
    """Answer POST /device/code."""
    fields = call.fields
    claimed = fields.optional("client_id") or call.client_id
    letters = [secrets.choice(_LETTERS) for _ in range(8)]
    record = DeviceCode(
        user_code="".join([*letters[:4], "-", *letters[4:]]),
        client_id=known_client(call, claimed),
        scope=fields.optional("scope"),
        expires_at=call.now + DEVICE_CODE_SECONDS,
    )
    device_code = secrets.token_urlsafe(48)
    _forget_old(call)
    call.state.device_codes[device_code] = record
    address = f"{call.issue.issuer}/device"
    return answer(
        {
            "device_code": device_code,
            "user_code": record.user_code,
            "expires_in": DEVICE_CODE_SECONDS,
            "interval": POLL_SECONDS,
            "verification_uri": address,
            "verification_uri_complete": f"{address}?user_code={record.user_code}",
        }
    )


def authorize(call: Call) -> Response:
    """Answer POST /user/device/authorize: the user says yes to a device, once."""
    fields = call.fields
    user_code, wanted = fields.required("user_code"), fields.optional("scope")
    fields.optional("state")
    record = pending(call.state, user_code, call.now)
    if record is None:
        raise Refused("not_found", "no device waits with that user_code")
    grant = call.session.token.grant
    asked = _oauth.narrowed(record.scope, grant.scope)
    record.scope = _oauth.narrowed(wanted, asked)
    record.sub, record.status = grant.sub, "approved"
    return answer({})


def pending(state: State, user_code: str, now: float) -> DeviceCode | None:
    """Return the device that waits with that user code."""
    for record in state.device_codes.values():
        if record.user_code == user_code and record.status == "pending":
            return record if now < record.expires_at else None
    return None


def poll(call: Call, fields: Fields) -> dict[str, Any]:
    """Return the token answer once the user has said yes; the device code works once."""
    device_code = fields.required("device_code")
    _forget_old(call)
    record = call.state.device_codes.get(device_code)
    if record is None or record.client_id != call.client_id:
        raise Refused("invalid_grant", "the device code is unknown or was already used")
    if record.expires_at <= call.now:
        raise Refused("expired_token", "the device code has expired")
    last, record.polled_at = record.polled_at, call.now
    if last is not None and call.now - last < record.interval_seconds:
        record.interval_seconds += _SLOWER_SECONDS
        raise Refused("slow_down", "asked again too soon: wait five seconds more from now on")
    if record.status == "denied":
        raise Refused("access_denied", "the user said no")
    if record.status == "pending":
        raise Refused("authorization_pending", "the user has not answered yet")
    del call.state.device_codes[device_code]
    user = call.state.users.get(record.sub)
    if user is None:
        raise Refused("access_denied", "the user is gone")
    return _tokens.sign_in(call.issue, user, call.client_id, scope=record.scope)


def _forget_old(call: Call) -> None:
    codes = call.state.device_codes
    for name in [name for name, record in codes.items() if record.forgotten_at <= call.now]:
        del codes[name]
