"""
Issue, look up, rotate and kill tokens.

An incoming token is found by its text, never by its signature: what the service has
forgotten is worthless however well it is signed.
"""

import secrets
from typing import Any, Final

import attrs

from cloudbase_auth_async.testing import _keys
from cloudbase_auth_async.testing._state import (
    AccessToken,
    Grant,
    RefreshToken,
    State,
    User,
)
from cloudbase_auth_async.testing._values import Refused

# How many access tokens are issued between two clearings of the long expired ones.
_PRUNE_EVERY: Final = 4096


@attrs.frozen(kw_only=True)
class Issue:
    """Who hands out tokens, and when."""

    state: State
    now: float
    issuer: str


def sign_in(issue: Issue, user: User, client_id: str) -> dict[str, Any]:
    """Start a session and return the token answer."""
    if user.status == "BLOCKED":
        raise Refused("user_blocked", "the user is blocked")
    if user.status == "PENDING":
        raise Refused("user_pending", "the user is not activated")
    user.last_login = issue.now
    grant = Grant(
        id=secrets.token_urlsafe(12),
        sub=user.sub,
        client_id=client_id,
        scope="anonymous" if user.anonymous else "user sso",
        refreshable=issue.state.settings.anonymous_refresh or not user.anonymous,
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
    if token.spent:
        if state.settings.reuse == "revoke_family":
            state.grants.pop(grant.id, None)
        raise Refused("invalid_grant", "the refresh token was already used")
    user = state.users.get(grant.sub)
    alive = grant.id in state.grants and token.expires_at > issue.now
    if not alive or user is None or user.status == "BLOCKED":
        raise Refused("invalid_grant", "the refresh token has expired or was revoked")
    token.spent = True
    state.spends += 1
    return _token_answer(issue, grant, user)


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
        "access_token": _new_access_token(issue, grant, user),
    }
    if grant.refreshable:
        body["refresh_token"] = _new_refresh_token(issue, grant)
    return body | {"expires_in": lifetime, "scope": grant.scope, "sub": grant.sub}


def _new_access_token(issue: Issue, grant: Grant, user: User) -> str:
    state, settings = issue.state, issue.state.settings
    if len(state.access) % _PRUNE_EVERY == _PRUNE_EVERY - 1:
        _prune(state, issue.now)
    issued_at = int(issue.now)
    expires_at = issued_at + settings.access_lifetime_seconds
    if settings.opaque_access_tokens:
        text = secrets.token_urlsafe(48)
    else:
        algorithm = settings.algorithm
        text = _keys.key(algorithm, state.key_generation).sign(
            _claims(issue, grant, user) | {"exp": expires_at, "iat": issued_at}
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


def _prune(state: State, now: float) -> None:
    # An access token stays known for a refresh lifetime after its end: signing out with
    # an expired one must still find the session.
    horizon = now - state.settings.refresh_lifetime_seconds
    for text in [text for text, token in state.access.items() if token.expires_at <= horizon]:
        del state.access[text]
    for text in [text for text, token in state.refresh.items() if token.expires_at <= now]:
        del state.refresh[text]
