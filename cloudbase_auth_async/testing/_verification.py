"""Handlers for codes: "send" one, check it, and what a checked code is worth."""

import secrets
from typing import Final

from cloudbase_auth_async.testing import _fields
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import SentCode, VerifiedDestination, drop_expired
from cloudbase_auth_async.testing._values import Refused, Response, answer

LIFETIME_SECONDS: Final = 600


def send(call: Call) -> Response:
    """Answer POST /verification: a new code kills the earlier one for that destination."""
    fields = call.fields
    place = _fields.destination(fields)
    is_user = call.state.find(place) is not None
    _check_target(call, fields, is_user=is_user)
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
    if target not in (None, "ANY", "USER", "NOT_USER"):
        raise Refused("invalid_argument", "target must be ANY, USER or NOT_USER")
    if target == "USER" and not is_user:
        raise Refused("failed_precondition", "target USER, and nobody is registered there")
    if target == "NOT_USER" and is_user:
        raise Refused("failed_precondition", "target NOT_USER, and somebody is registered there")
