"""
The plugin's fixtures for the tests in this folder, also where the package is not installed.

Where it is, pytest has loaded the plugin already, and these are the same fixtures once more.
"""

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
