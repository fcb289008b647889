"""
Handlers for tokens: exchange, introspect, revoke, publish the keys.

Introspection and revocation are where the two contracts differ most: in the one the client
shows its credentials and names a token, in the other the token is the bearer.
"""

from typing import Any

import attrs

from cloudbase_auth_async.testing import _authorize_calls, _device_calls, _guards, _keys, _tokens
from cloudbase_auth_async.testing._call import (
    Call,
    authorization,
    client,
    known_client,
    right_basic,
)
from cloudbase_auth_async.testing._fields import Fields
from cloudbase_auth_async.testing._sign_in import by_password
from cloudbase_auth_async.testing._state import AccessToken
from cloudbase_auth_async.testing._values import Refused, Response, answer


def exchange(call: Call) -> Response:
    """Answer POST /token for whatever may be exchanged."""
    fields = call.fields
    call = _named_in_the_body(call, fields)
    grant_type = fields.required("grant_type")
    if grant_type == "client_credentials" and call.speaks("documented"):
        return _exchange_key(call)
    if not call.client_id:
        raise Refused("unauthorized_client", "the client credentials are missing or wrong")
    if grant_type == "refresh_token":
        body = _tokens.refresh(call.issue, fields.required("refresh_token"), call.client_id)
    elif grant_type == "password":
        body = _tokens.sign_in(call.issue, by_password(call, fields), call.client_id)
    elif grant_type == "authorization_code" and call.speaks("documented"):
        body = _authorize_calls.exchange(call, fields)
    elif grant_type in _device_calls.GRANT_TYPES and call.speaks("documented"):
        body = _device_calls.poll(call, fields)
    else:
        raise Refused("unsupported_grant_type", "grant_type is not supported")
    return answer(body)


def client_credential(call: Call) -> Response:
    """Answer POST /token/clientCredential: a server's token for a Tencent Cloud key."""
    if call.fields.required("grant_type") != "client_credentials":
        raise Refused("unsupported_grant_type", "grant_type must be client_credentials")
    return answer(_tokens.server(call.issue))


def introspect(call: Call) -> Response:
    """Answer GET /token/introspect in the form the caller used, if it is spoken here."""
    scheme, credentials = authorization(call.request)
    if call.only("documented") and scheme == "basic":
        if call.state.settings.introspect_with_basic == "refuse":
            raise Refused("unauthenticated", "the bearer token is missing")
        return answer({})
    if call.speaks("documented") and scheme != "basic":
        if scheme != "bearer":
            raise Refused("unauthenticated", "the bearer token is missing")
        token = _tokens.live(call.state, credentials, call.now)
        return answer({} if token is None else _described(token))
    _need_basic(call)
    text = call.request.query.get("token")
    if not text:
        raise Refused("invalid_argument", "token is required")
    token = _tokens.live(call.state, text, call.now)
    if token is None:
        return answer({"active": False})
    times = {"exp": int(token.expires_at), "iat": token.issued_at}
    return answer({"active": True} | _described(token) | times)


def revoke(call: Call) -> Response:
    """Answer POST /revoke in the form the caller used, if it is spoken here."""
    scheme, credentials = authorization(call.request)
    if call.speaks("documented") and scheme == "bearer":
        if _tokens.live(call.state, credentials, call.now) is None:
            raise Refused("unauthenticated", "the access token is invalid, expired or revoked")
        _tokens.end(call.state, credentials)
        return answer({})
    if call.only("documented") and scheme != "none":
        raise Refused("unauthenticated", "the bearer token is missing")
    if scheme == "none" and call.speaks("documented"):
        # The JavaScript client's form: no Authorization, the client in the query.
        client(call)
    else:
        _need_basic(call)
    _tokens.end(call.state, call.fields.required("token"))
    return answer({})


def certs(call: Call) -> Response:
    """Answer GET /certs: the public keys."""
    state = call.state
    return answer({"keys": _keys.published(state.settings.algorithm, state.key_generation)})


def _named_in_the_body(call: Call, fields: Fields) -> Call:
    """Return the call in the name of the client in its body, as the documented form has it."""
    claimed, secret = fields.optional("client_id"), fields.optional("client_secret")
    if authorization(call.request)[0] != "none":
        return call
    if claimed is not None:
        call = attrs.evolve(call, client_id=known_client(call, claimed))
    settings = call.state.settings
    # The JavaScript client sends an empty one, which is as good as none.
    if secret is not None and (call.client_id, secret) != (
        settings.client_id,
        settings.client_secret,
    ):
        raise Refused("unauthorized_client", "the client secret is wrong")
    return call


def _exchange_key(call: Call) -> Response:
    if not _guards.holds_key(call):
        raise Refused("unauthorized_client", "the secret id or the secret key is wrong")
    return answer(_tokens.server(call.issue))


def _need_basic(call: Call) -> None:
    scheme, credentials = authorization(call.request)
    if scheme != "basic" or not right_basic(call, credentials):
        raise Refused("unauthorized_client", "the client credentials are missing or wrong")


def _described(token: AccessToken) -> dict[str, Any]:
    grant = token.grant
    described = {
        "token_type": "Bearer",
        "client_id": grant.client_id,
        "sub": grant.sub,
        "scope": grant.scope,
    }
    # A server's token has neither user nor scope.
    return {name: value for name, value in described.items() if value}
