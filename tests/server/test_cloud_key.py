"""What a signature is made of; that it is the official one, `tests/js/test_node_sdk.py` shows."""

from typing import Any

import pytest
from yarl import URL

from cloudbase_auth_async._cloud_key import CloudKey

KEY = CloudKey.checked("AKIDdemo", "demo-key", None, "tc3")
REQUEST: dict[str, Any] = {
    "method": "POST",
    "url": "https://host.example/auth/v1/x?a=1",
    "content_type": "application/json",
    "body": b"{}",
    "now": 1_700_000_000.0,
}


def _signed(**changes: Any) -> str:
    return KEY.authorization(**(REQUEST | changes))


@pytest.mark.parametrize(
    ("url", "same_as"),
    [
        ("https://HOST.example/x", "https://host.example/x"),
        ("https://host.example:443/x", "https://host.example/x"),
        ("https://host.example./x", "https://host.example/x"),
        ("https://host.example.:8443/x", "https://host.example:8443/x"),
        ("https://host.example:/x", "https://host.example/x"),
        ("http://host.example:80/x", "http://host.example/x"),
        ("http://[::1]:80/x", "http://[::1]/x"),
    ],
)
def test_host_as_it_is_sent(url: str, same_as: str) -> None:
    """The host that is signed is the one in the header, whatever the URL's spelling."""
    assert _signed(url=url) == _signed(url=same_as)
    sent = URL(url, encoded=True).host_port_subcomponent
    assert sent is not None
    assert sent.lower() == same_as.split("/")[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"url": "https://other.example/auth/v1/x?a=1"},
        {"url": "https://host.example:8443/auth/v1/x?a=1"},
        {"url": "https://host.example/auth/v1/y?a=1"},
        {"url": "https://host.example/auth/v1/x?a=2"},
        {"content_type": "text/plain"},
        {"body": b"{ }"},
        {"now": 1_700_000_001.0},
    ],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_everything_is_signed(changes: dict[str, Any]) -> None:
    """A signature fits one request at one second, and no other."""
    assert _signed(**changes).partition("Signature=")[2] != _signed().partition("Signature=")[2]
    assert _signed(now=1_700_000_000.9) == _signed()


def test_basic_depends_on_nothing() -> None:
    """Basic is the key itself, whatever is sent."""
    key = CloudKey.checked("AKIDdemo", "demo-key", None, "basic")
    assert key.authorization(**REQUEST) == "Basic QUtJRGRlbW86ZGVtby1rZXk="
