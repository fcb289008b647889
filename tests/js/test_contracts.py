"""
The official JavaScript client where the emulator speaks one of the two contracts alone.

Every call brings what it brings from the emulator that is told nothing, but for the calls that
stand here, each with the reason.
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

Reports = Mapping[str, Mapping[str, Mapping[str, Any]]]
Refusal = tuple[str, str]

# The documentation's example of an anonymous sign-in has no refresh token. The client goes on:
# it signs in anew when the access token dies, and is the same user.
NO_REFRESH_TOKEN: Final = frozenset(
    {
        "signInAnonymously",
        "getCredentials: anonymous, expired",
        "getCredentials: anonymous, revoked",
    }
)

# What the documentation demands and the client sends otherwise, or not at all.
_TARGET: Final = ("POST /verification", "target is required")
_CODE: Final = ("POST /provider/token", "provider_code is required")
# The documentation wants it in the query, the client puts it into the body.
_SUDO: Final = ("PATCH /user/password", "sudo_token invalid")
REFUSED: Final[Mapping[str, Refusal]] = {
    "getVerification": _TARGET,
    "getVerification: signed in": _TARGET,
    # The client has the code inside of `provider_params`.
    "grantProviderToken: parameters": _CODE,
    "setPassword": _SUDO,
    "updatePasswordByOld": _SUDO,
    # Its preparation changes the password.
    "getUserBehaviorLog: changes": _SUDO,
}

# What the client can do at a service of the primary contract, once the app's own server has
# signed the user in. It cannot refresh there, nor do anything that takes the secret.
WITH_A_SERVER: Final = frozenset(
    {
        "getCredentials",
        "hasLoginState",
        "getLoginState",
        "loginScope",
        "loginGroups",
        "getUserInfo",
        "getUserProfile",
        "signOut: with parameters",
        "sudo: password",
        "checkPassword",
        "setPassword",
        "updatePasswordByOld",
        "deleteMe",
        "checkUsername",  # which no service ever sees
        "OAuth2Client.setCredentials",
        "OAuth2Client.setAccessKeyCredentials",
        "OAuth2Client.getAccessToken",
        "OAuth2Client.getCredentials",
        "OAuth2Client.getCredentialsSync",
        "OAuth2Client.getCredentialsAsync",
        "OAuth2Client.getScope",
        "OAuth2Client.getGroups",
        "OAuth2Client.request",
        "weAppJwtDecodeAll",
    }
)


def _brought(row: Mapping[str, Any]) -> object:
    return row["result"], row.get("facts")


def test_documented_contract(reports: Reports) -> None:
    """Where the documented contract is spoken alone, nearly every call brings the same."""
    usual, found = reports["default"], reports["documented"]
    different = {method for method in usual if _brought(usual[method]) != _brought(found[method])}
    assert different == NO_REFRESH_TOKEN | REFUSED.keys()


@pytest.mark.parametrize("method", sorted(NO_REFRESH_TOKEN))
def test_anonymous_users_have_no_refresh_token(method: str, reports: Reports) -> None:
    """That the refresh token is missing is the only difference."""
    usual = reports["default"][method]["facts"]
    assert reports["documented"][method]["facts"] == usual | {"refresh": False}


@pytest.mark.parametrize("method", REFUSED)
def test_documentation_demands_more(method: str, reports: Reports) -> None:
    """The call is refused for what the documentation demands, and for nothing else."""
    route, description = REFUSED[method]
    row = reports["documented"][method]
    assert row["requests"][-1]["route"] == route
    assert description in row["why"]


def test_primary_contract(reports: Reports) -> None:
    """Where the primary contract is spoken alone, user calls of its own paths bring the same."""
    usual, found = reports["default"], reports["primary"]
    same = {
        method for method in WITH_A_SERVER if _brought(usual[method]) == _brought(found[method])
    }
    assert same == WITH_A_SERVER


def test_primary_contract_demands_the_secret(reports: Reports) -> None:
    """Every other call is refused for want of the secret, or has no path there."""
    others = reports["primary"].keys() - WITH_A_SERVER
    statuses = {name: reports["primary"][name]["requests"][-1]["status"] for name in others}
    assert {name for name in others if statuses[name] not in (401, 404)} == set()
    assert statuses["signIn"] == statuses["refreshTokenForce"] == statuses["signOut: revoke"] == 401
    assert statuses["signInAnonymously"] == 404
