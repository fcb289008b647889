"""The one request of the JavaScript client that no other client makes, without the client."""

import base64
import json

import pytest

from cloudbase_auth_async.testing import Emulator, Request


@pytest.mark.parametrize(
    ("pair", "status"),
    [
        ("demo-env:", 200),
        ("demo-env:demo-secret", 200),
        ("demo-env:no", 401),
        ("demo-env", 401),
        ("other:", 400),
    ],
)
def test_anonymous_sign_in_with_basic(pair: str, status: int) -> None:
    """An anonymous user is signed in anew by Basic without a secret, not by a wrong one."""
    basic = base64.b64encode(pair.encode()).decode()
    request = Request(
        method="POST",
        path="/auth/v1/signin/anonymously",
        headers=(("x-device-id", "device-1"), ("Authorization", f"Basic {basic}")),
        body=json.dumps({}).encode(),
    )
    assert Emulator().answer(request).status == status
