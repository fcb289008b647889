"""
The values that calls answer: frozen, typed, secrets out of `repr`, unknown fields in `extra`.

A field the service did not send, or sent as null, is None (or an empty tuple). Sets that the
service may extend (`status`, `gender`, `provider_type`) stay plain strings.
"""

from cloudbase_auth_async.models._account import (
    FoundUser,
    FoundUsers,
    ProfileProvider,
    UserGroup,
    UserProfile,
)
from cloudbase_auth_async.models._authorization import (
    Authorization,
    AuthorizationInfo,
    ClientInfo,
    ScopeInfo,
)
from cloudbase_auth_async.models._captcha import CaptchaChallenge, CaptchaPass
from cloudbase_auth_async.models._device import DeviceAuthorization
from cloudbase_auth_async.models._proofs import (
    Introspection,
    SendLimit,
    SudoToken,
    Verification,
    VerifiedCode,
)
from cloudbase_auth_async.models._security import SecurityEvent, SecurityHistory
from cloudbase_auth_async.models._third_party import (
    LinkedProvider,
    MiniProgramCode,
    MiniProgramCodeStatus,
    ProviderGrant,
    ProviderRedirect,
    ProviderSubType,
    ThirdPartyProfile,
)

__all__ = [
    "Authorization",
    "AuthorizationInfo",
    "CaptchaChallenge",
    "CaptchaPass",
    "ClientInfo",
    "DeviceAuthorization",
    "FoundUser",
    "FoundUsers",
    "Introspection",
    "LinkedProvider",
    "MiniProgramCode",
    "MiniProgramCodeStatus",
    "ProfileProvider",
    "ProviderGrant",
    "ProviderRedirect",
    "ProviderSubType",
    "ScopeInfo",
    "SecurityEvent",
    "SecurityHistory",
    "SendLimit",
    "SudoToken",
    "ThirdPartyProfile",
    "UserGroup",
    "UserProfile",
    "Verification",
    "VerifiedCode",
]

# Tracebacks and reports name the place that users import from, not the room behind it.
for _name in __all__:
    globals()[_name].__module__ = __name__
