"""
The asyncio client for Tencent CloudBase Auth v2.

Start with `AuthClient`; sign in; make a `TokenSession` of the tokens; call `session.user.me()`.
"""

from typing import TYPE_CHECKING

from cloudbase_auth_async._lazy import attached
from cloudbase_auth_async._version import __version__

if TYPE_CHECKING:
    from cloudbase_auth_async import errors, events, models, stores
    from cloudbase_auth_async._tokens import TokenPair
    from cloudbase_auth_async.client import AuthClient
    from cloudbase_auth_async.errors import (
        ApiError,
        CloudBaseAuthError,
        ConfigurationError,
        DecodeError,
        SessionError,
        StoreError,
        TransportError,
    )
    from cloudbase_auth_async.models import Introspection, UserProfile
    from cloudbase_auth_async.server_tokens import ServerTokens
    from cloudbase_auth_async.session import TokenSession
    from cloudbase_auth_async.tickets import TicketSigner
else:
    # Hidden from type checkers: they know every name from above, and report any other.
    __getattr__, __dir__ = attached(
        __name__,
        {
            "ApiError": "errors",
            "AuthClient": "client",
            "CloudBaseAuthError": "errors",
            "ConfigurationError": "errors",
            "DecodeError": "errors",
            "Introspection": "models",
            "ServerTokens": "server_tokens",
            "SessionError": "errors",
            "StoreError": "errors",
            "TicketSigner": "tickets",
            "TokenPair": "_tokens",
            "TokenSession": "session",
            "TransportError": "errors",
            "UserProfile": "models",
            "errors": "",
            "events": "",
            "models": "",
            "stores": "",
        },
    )

__all__ = [
    "ApiError",
    "AuthClient",
    "CloudBaseAuthError",
    "ConfigurationError",
    "DecodeError",
    "Introspection",
    "ServerTokens",
    "SessionError",
    "StoreError",
    "TicketSigner",
    "TokenPair",
    "TokenSession",
    "TransportError",
    "UserProfile",
    "__version__",
    "errors",
    "events",
    "models",
    "stores",
]
