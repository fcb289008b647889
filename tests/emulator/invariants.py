"""What holds of the emulated service after every request, whatever the request was."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from cloudbase_auth_async.testing import Response
from cloudbase_auth_async.testing._state import State

# What a call may accept once only, by route; POST /token by grant type.
ONCE: Mapping[str, tuple[str, ...]] = {
    "POST /signin": ("verification_token",),
    "POST /signup": ("verification_token",),
    "POST /user/sudo": ("verification_token",),
    "POST /verification/verify": ("verification_id",),
    "PATCH /user/contact": ("verification_token", "sudo_token"),
    "authorization_code": ("code",),
    "device_code": ("device_code",),
    "refresh_token": ("refresh_token",),
}


@attrs.frozen
class Watch:
    """Looks at every answer, and at the state behind it."""

    state: State
    accepted: set[tuple[str, str]] = attrs.field(factory=set[tuple[str, str]])

    def check(self, route: str, fields: Mapping[str, Any], response: Response) -> Any:
        """Check an answer and what it left behind, and return its body."""
        body = answered(response)
        if response.status == 200:
            self._accept(str(fields.get("grant_type")) if route == "POST /token" else route, fields)
        consistent(self.state)
        return body

    def _accept(self, kind: str, fields: Mapping[str, Any]) -> None:
        if kind == "refresh_token" and self.state.settings.grace_seconds:
            return
        for name in ONCE.get(kind, ()):
            value = fields.get(name)
            if isinstance(value, str) and value:
                assert (name, value) not in self.accepted, f"{kind} accepted a {name} twice"
                self.accepted.add((name, value))


def answered(response: Response) -> Any:
    """Check that an answer is JSON, and an error an error, and return its body."""
    body = json.loads(response.body)
    assert isinstance(body, dict)
    assert 200 <= response.status < 500
    assert ("Content-Type", "application/json; charset=utf-8") in response.headers
    if response.status == 200:
        # `code` alone is an authorization code, and no error.
        assert not {"error", "message"} & body.keys()
    else:
        assert {"error", "code"} & body.keys()
    if "error" in body:
        assert body["error_description"]
        assert isinstance(body.get("error_code", 0), int)
    return body


def consistent(state: State) -> None:
    """Check that everything the service remembers fits together."""
    _users_and_logins(state)
    _sessions(state)
    for device in state.device_codes.values():
        assert (device.status == "approved") is bool(device.sub)
        assert device.interval_seconds >= 5
    for code in state.auth_codes.values():
        assert code.sub
        assert code.grant_id is None or code.used
    for sign_in in state.sign_ins:
        assert sign_in.sub


def _users_and_logins(state: State) -> None:
    for sub, user in state.users.items():
        assert sub
        assert sub == user.sub
        for login in user.logins():
            assert state.logins.get(login) == sub, "a user cannot sign in"
    for login, sub in state.logins.items():
        assert login in state.users[sub].logins(), "a login leads to a user without it"
    for sub in state.devices.values():
        assert state.users[sub].anonymous


def _sessions(state: State) -> None:
    for grant in state.grants.values():
        assert grant.sub in state.users or (grant.sub == "" and not grant.refreshable)
    unspent = [token.grant.id for token in state.refresh.values() if not token.spent]
    live = Counter(name for name in unspent if name in state.grants)
    assert max(live.values(), default=0) <= 1, "two live refresh tokens in one session"
    assert state.spends == sum(token.spent for token in state.refresh.values())
    assert state.spends <= state.refresh_attempts
