"""
Everything this library raises: one tree, plain values, no secrets.

    CloudBaseAuthError
    ├── ConfigurationError (also a ValueError)   wrong arguments, found before they are sent
    ├── ClientClosed                             used after `aclose()`
    ├── TransportError                           no usable answer arrived
    │   ├── ConnectFailed                        surely nothing was sent
    │   ├── RequestTimedOut
    │   ├── ConnectionLost
    │   └── AnswerTooLarge
    ├── DecodeError                              an answer arrived that says nothing known
    ├── ApiError                                 the service refused; one subclass a family
    │   └── InvalidCredentials, RateLimited, Unauthenticated, …
    ├── SessionError                             the session, not one call, is the trouble
    │   ├── NotSignedIn                          signed out here
    │   ├── SessionEnded                         the service refused the refresh token for good
    │   ├── RefreshOutcomeUnknown                a refresh may or may not have happened
    │   ├── ReauthenticationRequired             no refresh token, and the access token is dead
    │   └── SubjectChanged                       a refresh answered with somebody else's tokens
    ├── StoreError                               the place where sessions are kept failed
    │   ├── StoreBusy                            a session's lock was not to be had in time
    │   └── StoreCorrupt                         what was kept cannot be read; it was moved aside
    └── VerificationFailed                       a token that somebody brought is not to be trusted

Which subclass of `ApiError` an answer gets is decided in `_verdict.py`, by name and by status.
"""

from cloudbase_auth_async.errors._api import (
    AlreadyExists,
    ApiError,
    AuthorizationPending,
    CaptchaInvalid,
    CaptchaRequired,
    DeviceCodeExpired,
    InvalidArgument,
    InvalidClient,
    InvalidCode,
    InvalidCredentials,
    InvalidGrant,
    LoginMethodDisabled,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ProviderFailed,
    RateLimited,
    SecondFactorRequired,
    ServerUnavailable,
    SlowDown,
    SudoRequired,
    TooManyAttempts,
    Unauthenticated,
    UserBlocked,
    UserNotFound,
    UserPending,
)
from cloudbase_auth_async.errors._base import (
    AnswerTooLarge,
    ClientClosed,
    CloudBaseAuthError,
    ConfigurationError,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    RequestTimedOut,
    TransportError,
)
from cloudbase_auth_async.errors._session import (
    NotSignedIn,
    ReauthenticationRequired,
    RefreshOutcomeUnknown,
    SessionEnded,
    SessionError,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    SubjectChanged,
    VerificationFailed,
)

__all__ = [
    "AlreadyExists",
    "AnswerTooLarge",
    "ApiError",
    "AuthorizationPending",
    "CaptchaInvalid",
    "CaptchaRequired",
    "ClientClosed",
    "CloudBaseAuthError",
    "ConfigurationError",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "DeviceCodeExpired",
    "InvalidArgument",
    "InvalidClient",
    "InvalidCode",
    "InvalidCredentials",
    "InvalidGrant",
    "LoginMethodDisabled",
    "NotFound",
    "NotSignedIn",
    "PermissionDenied",
    "PreconditionFailed",
    "ProviderFailed",
    "RateLimited",
    "ReauthenticationRequired",
    "RefreshOutcomeUnknown",
    "RequestTimedOut",
    "SecondFactorRequired",
    "ServerUnavailable",
    "SessionEnded",
    "SessionError",
    "SlowDown",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "SubjectChanged",
    "SudoRequired",
    "TooManyAttempts",
    "TransportError",
    "Unauthenticated",
    "UserBlocked",
    "UserNotFound",
    "UserPending",
    "VerificationFailed",
]

# Tracebacks, pickles and reports name the place that users import from, not the room behind it.
for _name in __all__:
    globals()[_name].__module__ = __name__
