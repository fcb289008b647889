"""Handlers of the authorization code flow: hand out a code, exchange it, describe the client."""

import secrets
from typing import Any, Final

from cloudbase_auth_async.testing import _oauth, _tokens
from cloudbase_auth_async.testing._call import Call, known_client
from cloudbase_auth_async.testing._fields import Fields
from cloudbase_auth_async.testing._records import AuthorizationCode
from cloudbase_auth_async.testing._state import drop_expired
from cloudbase_auth_async.testing._values import Refused, Response, answer

CODE_SECONDS: Final = 60

_SCOPE_NAMES: Final = {"user": "Profile", "sso": "Single sign-on", "anonymous": "Anonymous"}


def authorize(call: Call) -> Response:
    """Answer POST /user/authorize: a code in the name of the signed-in user."""
    fields = call.fields
    if fields.required("response_type") != "code":
        raise Refused("unsupported_response_type", "response_type must be code")
    grant = call.session.token.grant
    claimed = fields.optional("client_id") or call.request.query.get("client_id")
    challenge, method = _oauth.challenge(fields)
    record = AuthorizationCode(
        sub=grant.sub,
        client_id=known_client(call, claimed or grant.client_id),
        scope=_oauth.narrowed(fields.optional("scope"), grant.scope),
        redirect_uri=_oauth.redirect_uri(fields),
        challenge=challenge,
        method=method,
        expires_at=call.now + CODE_SECONDS,
    )
    body = {"code": secrets.token_urlsafe(32), "scope": record.scope, "expires_in": CODE_SECONDS}
    state = fields.optional("state")
    if state is not None:
        body["state"] = state
    drop_expired(call.state.auth_codes, call.now)
    call.state.auth_codes[str(body["code"])] = record
    return answer(body)


def info(call: Call) -> Response:
    """Answer GET /user/authorize/info: who asks, and for what."""
    query = call.request.query
    client_id = known_client(call, query.get("client_id") or call.client_id)
    held = "user sso" if call.admitted is None else call.admitted.token.grant.scope
    scope = _oauth.narrowed(query.get("scope") or None, held)
    scopes = [{"id": word, "name": _SCOPE_NAMES[word]} for word in scope.split()]
    return answer({"client": {"id": client_id, "name": client_id}, "scopes": scopes})


def exchange(call: Call, fields: Fields) -> dict[str, Any]:
    """Return the token answer for a code; trying uses it up, right or wrong."""
    record = call.state.auth_codes.get(fields.required("code"))
    address, verifier = fields.optional("redirect_uri"), fields.optional("code_verifier")
    if record is None or record.client_id != call.client_id or record.expires_at <= call.now:
        raise Refused("invalid_grant", "the code is unknown or has expired")
    if record.used:
        # RFC 6749, 4.1.2: whoever has got hold of the code must not keep the tokens.
        call.state.grants.pop(record.grant_id or "", None)
        raise Refused("invalid_grant", "the code was already used")
    record.used = True
    user = call.state.users.get(record.sub)
    proven = _oauth.proves(verifier, record.challenge, record.method)
    if user is None or address != record.redirect_uri or not proven:
        raise Refused("invalid_grant", "the code belongs to another request")
    body = _tokens.sign_in(call.issue, user, call.client_id, scope=record.scope)
    record.grant_id = call.state.access[body["access_token"]].grant.id
    return body
