"""
Issue, look up, rotate and kill tokens.

An incoming token is found by its text, never by its signature: what the service has
forgotten is worthless however well it is signed.
"""

import secrets
from typing import Any, Final

import attrs

from cloudbase_auth_async.testing import _keys
from cloudbase_auth_async.testing._records import SignIn
from cloudbase_auth_async.testing._state import (
    AccessToken,
    Grant,
    RefreshToken,
    State,
    User,
)
from cloudbase_auth_async.testing._values import Refused

# A server's own token, by client credentials.
SERVER_SECONDS: Final = 432_000
# How many access tokens are issued between two clearings of the long expired ones.
_PRUNE_EVERY: Final = 4096


@attrs.frozen(kw_only=True)
class Issue:
    """Who hands out tokens, and when."""

    state: State
    now: float
    issuer: str
    device_id: str = ""
    user_agent: str = ""


def sign_in(
    issue: Issue, user: User, client_id: str, *, scope: str | None = None
) -> dict[str, Any]:
    """Start a session, with all of the user's scope unless given, and return the token answer."""
    if user.status == "BLOCKED":
        raise Refused("user_blocked", "the user is blocked")
    if user.status == "PENDING":
        raise Refused("user_pending", "the user is not activated")
    user.last_login = issue.now
    issue.state.sign_ins.append(_noted(issue, user, client_id))
    grant = Grant(
        id=secrets.token_urlsafe(12),
        sub=user.sub,
        client_id=client_id,
        scope=scope or ("anonymous" if user.anonymous else "user sso"),
        refreshable=issue.state.settings.anonymous_refresh or not user.anonymous,
        device_id=issue.device_id,
    )
    issue.state.grants[grant.id] = grant
    return _token_answer(issue, grant, user)


def refresh(issue: Issue, text: str, client_id: str) -> dict[str, Any]:
    """Exchange a refresh token for a new pair; the one presented dies at once."""
    state = issue.state
    state.refresh_attempts += 1
    token = state.refresh.get(text)
    if token is None or token.grant.client_id != client_id:
        raise Refused("invalid_grant", "the refresh token is unknown")
    grant = token.grant
    user = state.users.get(grant.sub)
    alive = grant.id in state.grants and token.expires_at > issue.now
    if token.spent:
        in_grace = issue.now < token.spent_at + state.settings.grace_seconds
        if alive and in_grace and user is not None and user.status != "BLOCKED":
            return dict(token.answer)
        if state.settings.reuse == "revoke_family":
            state.grants.pop(grant.id, None)
        raise Refused("invalid_grant", "the refresh token was already used")
    if not alive or user is None or user.status == "BLOCKED":
        raise Refused("invalid_grant", "the refresh token has expired or was revoked")
    token.spent, token.spent_at = True, issue.now
    state.spends += 1
    token.answer = _token_answer(issue, grant, user)
    return dict(token.answer)


def server(issue: Issue) -> dict[str, Any]:
    """Return the token answer for a server: an administrator who is no user."""
    client_id = issue.state.settings.env
    grant = Grant(
        id=secrets.token_urlsafe(12), sub="", client_id=client_id, scope="", refreshable=False
    )
    issue.state.grants[grant.id] = grant
    claims = _server_claims(issue, grant)
    text = _new_access_token(issue, grant, claims, SERVER_SECONDS)
    return {"token_type": "Bearer", "access_token": text, "expires_in": SERVER_SECONDS}


def is_server(token: AccessToken) -> bool:
    """Tell whether an access token is a server's, which has no user."""
    return not token.grant.sub


def live(state: State, text: str, now: float) -> AccessToken | None:
    """Return the access token if it is worth something at that moment."""
    token = state.access.get(text)
    if token is None or token.revoked or token.grant.id not in state.grants:
        return None
    return token if now < token.expires_at else None


def expired(state: State, text: str, now: float) -> AccessToken | None:
    """Return the access token if it would still live, but for its age."""
    token = state.access.get(text)
    if token is None or token.revoked or token.grant.id not in state.grants:
        return None
    return token if now >= token.expires_at else None


def end(state: State, text: str) -> None:
    """Kill the session an access token belongs to; an unknown token is nobody's loss."""
    token = state.access.get(text)
    if token is not None:
        state.grants.pop(token.grant.id, None)


def revoke(state: State, text: str) -> None:
    """Kill one access token and leave its session and its refresh token alone."""
    state.access[text].revoked = True


def _token_answer(issue: Issue, grant: Grant, user: User) -> dict[str, Any]:
    lifetime = issue.state.settings.access_lifetime_seconds
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "access_token": _new_access_token(issue, grant, _claims(issue, grant, user), lifetime),
    }
    if grant.refreshable:
        body["refresh_token"] = _new_refresh_token(issue, grant)
    return body | {"expires_in": lifetime, "scope": grant.scope, "sub": grant.sub}


def _noted(issue: Issue, user: User, client_id: str) -> SignIn:
    return SignIn(
        id=secrets.token_urlsafe(12),
        sub=user.sub,
        client_id=client_id,
        device_id=issue.device_id,
        user_agent=issue.user_agent,
        created_at=issue.now,
    )


def _new_access_token(issue: Issue, grant: Grant, claims: dict[str, Any], lifetime: int) -> str:
    state, settings = issue.state, issue.state.settings
    if len(state.access) % _PRUNE_EVERY == _PRUNE_EVERY - 1:
        _prune(state, issue.now)
    issued_at = int(issue.now)
    expires_at = issued_at + lifetime
    if settings.opaque_access_tokens:
        text = secrets.token_urlsafe(48)
    else:
        algorithm = settings.algorithm
        text = _keys.key(algorithm, state.key_generation).sign(
            claims | {"exp": expires_at, "iat": issued_at}
        )
    state.access[text] = AccessToken(
        text=text, grant=grant, issued_at=issued_at, expires_at=expires_at
    )
    return text


def _new_refresh_token(issue: Issue, grant: Grant) -> str:
    text = "m." + secrets.token_urlsafe(72)
    lifetime = issue.state.settings.refresh_lifetime_seconds
    issue.state.refresh[text] = RefreshToken(grant=grant, expires_at=issue.now + lifetime)
    return text


def _claims(issue: Issue, grant: Grant, user: User) -> dict[str, Any]:
    # Random, and so the reason why two tokens of one second differ.
    session_mark = secrets.token_urlsafe(16)
    claims: dict[str, Any] = {"iss": issue.issuer, "sub": grant.sub, "aud": grant.client_id}
    if grant.scope == "anonymous":
        claims |= {"nonce": session_mark, "at_hash": session_mark, "name": "Anonymous"}
    else:
        provider = "email" if user.email else "phone" if user.phone_number else "username"
        claims |= {"at_hash": "r." + session_mark, "provider_type": provider}
    return claims | {
        "scope": grant.scope,
        "project_id": issue.state.settings.env,
        "meta": {"wxOpenId": "", "wxUnionId": ""},
        "user_type": "",
    }


def _server_claims(issue: Issue, grant: Grant) -> dict[str, Any]:
    return {
        "iss": issue.issuer,
        "aud": grant.client_id,
        "at_hash": "r." + secrets.token_urlsafe(16),
        "project_id": issue.state.settings.env,
        "is_system_admin": True,
    }


def _prune(state: State, now: float) -> None:
    # An access token stays known for a refresh lifetime after its end: signing out with
    # an expired one must still find the session.
    horizon = now - state.settings.refresh_lifetime_seconds
    for text in [text for text, token in state.access.items() if token.expires_at <= horizon]:
        del state.access[text]
    for text in [text for text, token in state.refresh.items() if token.expires_at <= now]:
        del state.refresh[text]
