"""What an error carries: cleaned texts, plain values, no secret, nobody else's exception."""

import copy
import json
import pickle
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.errors import ApiError
from cloudbase_auth_async.testing import Emulator

SECRET = "c4nary-passw0rd"


async def refused(
    emulator: Emulator, auth: AuthClient, body: Any, *, status: int = 400, **headers: str
) -> ApiError:
    """Sign in at a service that answers so, and return the error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    emulator.faults.add("POST /signin", "status", status=status, body=body, headers=named)
    with pytest.raises(ApiError) as caught:
        await auth.sign_in.password("alice", SECRET)
    return caught.value


@pytest.mark.parametrize("more", [{"error": f"name_{SECRET}"}, {"error_code": 3}])
async def test_an_echoed_password_is_taken_out(
    more: dict[str, Any],
    emulator: Emulator,
    auth: AuthClient,
) -> None:
    """A password echoed in any text of an error body does not come back out (B23)."""
    body = {"error_description": f"no: {SECRET}!", "requestId": f"r-{SECRET}"}
    error = await refused(emulator, auth, body | more)
    assert SECRET not in str(error)
    assert SECRET not in repr(vars(error))
    assert (error.description, error.request_id) == ("no: ***!", "r-***")


async def test_an_echoed_token_is_taken_out_encoded_too(
    emulator: Emulator, auth: AuthClient
) -> None:
    """A token echoed as it stood in the query, quoted, does not come back out (B23)."""
    token = "c4nary+token/with=signs"
    body = {"error": "boom", "error_description": "/introspect?token=c4nary%2Btoken%2Fwith%3Dsigns"}
    emulator.faults.add("GET /token/introspect", "status", status=400, body=body)
    with pytest.raises(ApiError) as caught:
        await auth.token.introspect(token)
    assert caught.value.description == "/introspect?token=***"


async def test_a_secret_inside_another_leaves_no_rest(emulator: Emulator, auth: AuthClient) -> None:
    """Where the new password begins with the old one, no rest of it is left over (B23)."""
    body = {"error": "boom", "error_description": f"too weak: {SECRET}-2nd"}
    emulator.faults.add("PATCH /user/password", "status", status=400, body=body)
    session = auth.session(access_token="opaque")
    with pytest.raises(ApiError) as caught:
        await session.user.update_password(old_password=SECRET, new_password=f"{SECRET}-2nd")
    assert caught.value.description == "too weak: ***"


@pytest.mark.parametrize("foul", list("\r\n\t\0\x1b\x7f\x85\u2028\u2029\u202e\ud800"))
async def test_control_characters_are_cleaned(
    foul: str, emulator: Emulator, auth: AuthClient
) -> None:
    """No text of the service can forge a log line, steer a terminal or break an encoding."""
    body = {"error": f"na{foul}me", "error_description": f"a{foul}b", "requestId": f"r{foul}1"}
    error = await refused(emulator, auth, json.dumps(body))
    for text in (error.error, error.description, error.request_id, str(error)):
        assert foul not in str(text)
        assert len(str(text).splitlines()) == 1
        str(text).encode()


async def test_long_texts_are_cut(emulator: Emulator, auth: AuthClient) -> None:
    """No text of the service fills a log: descriptions end at 500 characters, names at 100."""
    body = {"error": "n" * 900, "error_description": "d" * 9000, "requestId": "r" * 900}
    error = await refused(emulator, auth, body)
    assert (len(error.error or ""), len(error.description or "")) == (100, 500)
    assert len(error.request_id) == 100


async def test_errors_travel(emulator: Emulator, auth: AuthClient) -> None:
    """An error can be pickled, copied and told again; each twin is equal and has no traceback."""
    error = await refused(emulator, auth, {"error": "invalid_grant", "error_code": 9}, status=401)
    for twin in (
        pickle.loads(pickle.dumps(error)),  # noqa: S301 - what was just made
        copy.copy(error),
        copy.deepcopy(error),
        error.again(),
    ):
        assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))
        assert twin is not error
        assert twin.__traceback__ is None


async def test_errors_hold_plain_values_and_nobody_else(
    emulator: Emulator, auth: AuthClient
) -> None:
    """An error has neither cause nor context, and its attributes are plain values."""
    error = await refused(emulator, auth, b"{", status=500)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert {type(value) for value in vars(error).values()} <= {str, int, float, type(None)}
