"""Guards of the calls that take more than one kind of credentials."""

import attrs

from cloudbase_auth_async.testing import _cloud_key, _tokens
from cloudbase_auth_async.testing._call import (
    Call,
    authorization,
    client,
    known_client,
    right_basic,
    user,
)
from cloudbase_auth_async.testing._values import Refused


def client_or_key(call: Call) -> Call:
    """Let in a client, or a server with its Tencent Cloud key, which is no client."""
    scheme, credentials = authorization(call.request)
    if scheme == "basic" and not right_basic(call, credentials) and holds_key(call):
        return call
    return client(call)


def key(call: Call) -> Call:
    """Let in a server that shows its Tencent Cloud key, or has signed with it."""
    signed = _cloud_key.by_signature(call.request, call.state.settings, call.now)
    if not signed and not holds_key(call):
        raise Refused("unauthorized_client", "the secret id or the secret key is wrong")
    return call


def holds_key(call: Call) -> bool:
    """Tell whether the call shows the Tencent Cloud key in Basic."""
    scheme, credentials = authorization(call.request)
    return scheme == "basic" and _cloud_key.by_basic(credentials, call.state.settings)


def client_or_user(call: Call) -> Call:
    """Let in a client, or a user, who then speaks for the client they signed in with."""
    return user(call) if authorization(call.request)[0] == "bearer" else client(call)


def client_without_secret_or_user(call: Call) -> Call:
    """Let in a user, or Basic whose secret may be empty, as the JavaScript client sends it."""
    scheme, credentials = authorization(call.request)
    if scheme == "bearer":
        return user(call)
    pair = _cloud_key.decoded(credentials) if scheme == "basic" else None
    client_id, colon, secret = (pair or "").partition(":")
    if not colon or (secret and not right_basic(call, credentials)):
        raise Refused("unauthorized_client", "the client credentials are missing or wrong")
    return attrs.evolve(call, client_id=known_client(call, client_id))


def client_without_secret(call: Call) -> Call:
    """Let in a client, or Basic without a secret: so the JavaScript client signs in anew."""
    scheme, credentials = authorization(call.request)
    pair = _cloud_key.decoded(credentials) if scheme == "basic" else None
    client_id, colon, secret = (pair or "").partition(":")
    if not colon or secret:
        return client(call)
    return attrs.evolve(call, client_id=known_client(call, client_id))


def user_or_server(call: Call) -> Call:
    """Let in a user, or a server's own token, which comes without a session."""
    scheme, text = authorization(call.request)
    token = _tokens.live(call.state, text, call.now) if scheme == "bearer" else None
    if token is not None and _tokens.is_server(token):
        return attrs.evolve(call, client_id=token.grant.client_id)
    return user(call)
