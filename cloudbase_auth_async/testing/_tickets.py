"""
Custom sign-in: tickets that somebody else's server signs for its own users.

A ticket is `<private_key_id>/@@/<JWT>`. Its times are milliseconds, which no JWT library
expects, so only the signature is left to one.
"""

import functools
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final, cast

import jwt

from cloudbase_auth_async.testing import _keys, _tokens
from cloudbase_auth_async.testing._call import Call
from cloudbase_auth_async.testing._state import State, User, new_sub
from cloudbase_auth_async.testing._values import Refused, Response, answer

_SEPARATOR: Final = "/@@/"
_UID: Final = re.compile(r"[a-zA-Z0-9_\-#@~=*(){}[\]:.,<>+]{4,32}")
_LONGEST_MS: Final = 600_000


def add_key(state: State) -> dict[str, str]:
    """
    Register a new key for tickets.

    Returns:
        The content of a `tcb_custom_login.json`.
    """
    if _keys.usual_algorithm() != "RS256":
        raise RuntimeError(
            "tickets need RSA: pip install 'cloudbase-auth-async[testing]' for `cryptography`"
        )
    private, public = _pair(len(state.ticket_keys))
    name = str(uuid.uuid4())
    state.ticket_keys[name] = public
    return {"private_key_id": name, "private_key": private, "env_id": state.settings.env}


def sign_in(call: Call) -> Response:
    """Answer POST /signin/custom: the same uid is the same user each time."""
    fields = call.fields
    if fields.required("provider_id") != "custom":
        raise Refused("invalid_argument", "provider_id must be custom")
    uid = _checked_uid(call, _payload(call.state, fields.required("ticket")))
    user = call.state.users.get(call.state.custom_users.get(uid, ""))
    if user is None:
        user = call.state.keep(User(sub=new_sub(), created_at=call.now, updated_at=call.now))
        call.state.custom_users[uid] = user.sub
    return answer(_tokens.sign_in(call.issue, user, call.client_id))


def _payload(state: State, ticket: str) -> Mapping[str, Any]:
    """Return what a ticket says, if a key that is registered here has signed it."""
    key_id, _, token = ticket.partition(_SEPARATOR)
    key = state.ticket_keys.get(key_id)
    if key is None:
        raise _bad("it names no key of this environment")
    try:
        text = jwt.PyJWS().decode(token, key, algorithms=["RS256"])
        payload: object = json.loads(text)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _bad("its signature is wrong") from None
    if not isinstance(payload, dict):
        raise _bad("its payload is no object")
    return cast("dict[str, Any]", payload)


def _checked_uid(call: Call, payload: Mapping[str, Any]) -> str:
    if payload.get("alg") != "RS256" or payload.get("env") != call.state.settings.env:
        raise _bad("it is for another environment or algorithm")
    issued, expires = payload.get("iat"), payload.get("exp")
    # bool is an int, to Python.
    if type(issued) is not int or type(expires) is not int:
        raise _bad("iat and exp must be whole milliseconds")
    if not issued <= call.now * 1000 < expires:
        raise _bad("it has expired or is not valid yet")
    if expires - issued > _LONGEST_MS:
        raise _bad("it lives longer than ten minutes")
    uid = payload.get("uid")
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise _bad("uid must have 4 to 32 letters, digits, _-#@~=*(){}[]:.,<>+")
    return uid


def _bad(reason: str) -> Refused:
    return Refused("invalid_argument", f"the ticket is invalid: {reason}")


@functools.cache
def _pair(number: int) -> tuple[str, Any]:  # noqa: ARG001 -- the cache reads it
    """Return the private key as PEM and the public one, made once a process for each number."""
    # Imported here: without the `testing` extra the rest of the emulator still runs.
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return pem.decode(), private.public_key()
