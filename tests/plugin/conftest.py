"""
The plugin's fixtures for the tests in this folder, also where the package is not installed.

Where it is, pytest has loaded the plugin already, and these are the same fixtures once more.
"""

import socket
import sys
from collections.abc import Iterator

import pytest

from cloudbase_auth_async.testing.plugin import (
    cloudbase_auth,
    cloudbase_emulator,
    cloudbase_server,
    cloudbase_session,
    cloudbase_user,
    pytest_configure,
)

__all__ = [
    "cloudbase_auth",
    "cloudbase_emulator",
    "cloudbase_server",
    "cloudbase_session",
    "cloudbase_user",
    "pytest_configure",
]


@pytest.fixture
def kept_port() -> Iterator[int]:
    """Hold a port for an emulator that is opened more than once: nobody gets it in between."""
    with socket.socket() as held:
        if sys.platform == "linux":  # elsewhere two sockets do not share one, listening or not
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        if sys.platform != "linux":
            held.close()
        yield port
