"""Handlers for codes: "send" one, check it, and what a checked code is worth."""

import math
import secrets
from typing import Final
from urllib.parse import urlsplit

from cloudbase_auth_async.testing import _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import SentCode, VerifiedDestination, drop_expired
from cloudbase_auth_async.testing._values import Refused, Response, answer

LIFETIME_SECONDS: Final = 600

_TARGETS: Final = (None, "ANY", "USER", "NOT_USER", "CUR_USER")
# The two generations of the JavaScript client have two lists; an empty text is no usage.
_USAGES: Final = frozenset(
    {None, "REGISTER", "SIGN_IN", "PASSWORD_RESET", "EMAIL_ADDRESS_CHANGE", "PHONE_NUMBER_CHANGE"}
    | {"email", "recovery", "reauthentication"}
)


def send(call: Call) -> Response:
    """Answer POST /verification: a new code kills the earlier one for that destination."""
    fields = call.fields
    place = _fields.destination(fields)
    is_user = call.state.find(place) is not None
    _check_target(call, fields, is_user=is_user)
    _check_extras(call, fields)
    _check_interval(call, place)
    state = call.state
    drop_expired(state.sent, call.now)
    for earlier in [sent for sent in state.sent.values() if sent.destination == place]:
        del state.sent[earlier.verification_id]
    sent = SentCode(
        verification_id=secrets.token_urlsafe(32),
        destination=place,
        code=f"{secrets.randbelow(10**6):06d}",
        expires_at=call.now + LIFETIME_SECONDS,
    )
    state.sent[sent.verification_id] = sent
    state.codes[place] = sent.code
    state.outbox.append(sent)
    return answer(
        {
            "verification_id": sent.verification_id,
            "expires_in": LIFETIME_SECONDS,
            "is_user": is_user,
        }
    )


def verify(call: Call) -> Response:
    """Answer POST /verification/verify: the right code works once."""
    fields = call.fields
    name, code = fields.required("verification_id"), fields.required("verification_code")
    state = call.state
    drop_expired(state.sent, call.now)
    sent = state.sent.get(name)
    if sent is None or sent.code != code:
        raise Refused("invalid_argument", "the verification code or its id is wrong or expired")
    del state.sent[name]
    drop_expired(state.verified, call.now)
    token = secrets.token_urlsafe(48)
    state.verified[token] = VerifiedDestination(
        destination=sent.destination, code=code, expires_at=call.now + LIFETIME_SECONDS
    )
    return answer({"verification_token": token, "expires_in": LIFETIME_SECONDS})


def verified(call: Call, token: str) -> VerifiedDestination:
    """Return what a verification_token stands for, without spending it."""
    drop_expired(call.state.verified, call.now)
    proof = call.state.verified.get(token)
    if proof is None:
        raise Refused("invalid_argument", "the verification token is unknown, used or expired")
    return proof


def spend_verified(call: Call, token: str) -> None:
    """Use a verification_token up: each works once."""
    del call.state.verified[token]


def _check_target(call: Call, fields: _fields.Fields, *, is_user: bool) -> None:
    if call.only("primary"):
        # Hard on a client that sends the documented form first.
        if "target" in fields:
            raise Refused("invalid_argument", "unknown field target")
        return
    target = fields.required("target") if call.only("documented") else fields.optional("target")
    if target not in _TARGETS:
        raise Refused("invalid_argument", "target must be ANY, USER, NOT_USER or CUR_USER")
    if target == "CUR_USER" and _fields.destination(fields) not in call.session.user.logins():
        raise Refused("failed_precondition", "target CUR_USER, and it is not the user's own")
    if target == "USER" and not is_user:
        raise Refused("failed_precondition", "target USER, and nobody is registered there")
    if target == "NOT_USER" and is_user:
        raise Refused("failed_precondition", "target NOT_USER, and somebody is registered there")


def _check_extras(call: Call, fields: _fields.Fields) -> None:
    if call.only("primary"):
        return
    for name in ("locale", "destination"):
        fields.optional(name)
    if fields.optional("usage") not in _USAGES:
        raise Refused("invalid_argument", "there is no such usage")
    redirect = fields.optional("email_redirect_to")
    if redirect is None:
        return
    if "email" not in fields:
        raise Refused("invalid_argument", "email_redirect_to is for e-mail only")
    if not _is_full_url(redirect):
        raise Refused("invalid_argument", "email_redirect_to must be a full URL")


def _is_full_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _check_interval(call: Call, place: str) -> None:
    interval, quiet = call.state.settings.code_interval_seconds, call.state.quiet_until
    if interval is None:
        return
    left = quiet.get(place, 0.0) - call.now
    if left > 0:
        wait = ("Retry-After", str(math.ceil(left)))
        raise Refused("resource_exhausted", "a code was sent there just now", headers=(wait,))
    quiet[place] = call.now + interval
