"""
Everything the emulated service remembers, in plain dictionaries.

Only synchronous code touches it, so each request sees and leaves it whole.
"""

import secrets
from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, Protocol, TypeVar

import attrs

from cloudbase_auth_async.testing._records import AuthorizationCode, DeviceCode, SignIn
from cloudbase_auth_async.testing._values import CaptchaPlace, Settings


@attrs.frozen(kw_only=True)
class BoundProvider:
    """A third-party account that belongs to a user."""

    provider_id: str
    provider_user_id: str
    provider_user_name: str


@attrs.define(kw_only=True, eq=False)
class User:
    """One user; a test may write `status` to block them."""

    sub: str
    created_at: float
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    phone_number: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    name: str | None = None
    gender: str | None = None
    picture: str | None = None
    locale: str | None = None
    description: str | None = None
    status: str = "ACTIVE"
    anonymous: bool = False
    updated_at: float
    password_updated_at: float | None = None
    last_login: float | None = None
    providers: dict[str, BoundProvider] = attrs.field(factory=dict[str, BoundProvider], repr=False)

    def logins(self) -> list[str]:
        """Return every text this user may sign in with."""
        names = (self.username, self.phone_number, self.email)
        return [name for name in names if name]


@attrs.frozen(kw_only=True)
class Grant:
    """One signed-in session: every token that descends from one sign-in."""

    id: str
    sub: str
    client_id: str
    scope: str
    refreshable: bool
    device_id: str = ""


@attrs.define(kw_only=True, eq=False)
class AccessToken:
    """One access token that was handed out."""

    text: str = attrs.field(repr=False)
    grant: Grant
    issued_at: int
    expires_at: float
    revoked: bool = False


@attrs.define(kw_only=True, eq=False)
class RefreshToken:
    """One refresh token that was handed out; a spent one is kept to recognise its reuse."""

    grant: Grant
    expires_at: float
    spent: bool = False
    # When it was spent, and what it was exchanged for.
    spent_at: float = 0.0
    answer: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)


@attrs.define(kw_only=True, eq=False)
class SentCode:
    """A code that was "sent"; the right one works once."""

    verification_id: str = attrs.field(repr=False)
    destination: str
    code: str = attrs.field(repr=False)
    expires_at: float


@attrs.frozen(kw_only=True)
class VerifiedDestination:
    """What a verification_token stands for."""

    destination: str
    code: str = attrs.field(repr=False)
    expires_at: float


@attrs.frozen(kw_only=True)
class Sudo:
    """What a sudo_token stands for."""

    sub: str
    expires_at: float


@attrs.frozen(kw_only=True)
class ProviderGrant:
    """What a provider_token stands for."""

    account: BoundProvider
    expires_at: float
    # What the third party tells of its user: name, picture, email and the like.
    profile: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


@attrs.frozen(kw_only=True)
class ProviderCode:
    """What a provider_code stands for, and the address the third party sent it to."""

    account: BoundProvider
    profile: Mapping[str, str] = attrs.field(repr=False)
    redirect_uri: str | None
    expires_at: float


@attrs.define(kw_only=True, eq=False)
class QrCode:
    """A QR code that waits for somebody with a mini program."""

    wx_app_id: str
    expires_at: float
    status: Literal["waiting", "approved", "denied"] = "waiting"
    # Who has scanned it and agreed, and what is told of them.
    account: BoundProvider | None = None
    profile: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


@attrs.frozen(kw_only=True)
class CaptchaPicture:
    """A picture that waits for its one answer."""

    text: str = attrs.field(repr=False)
    client_id: str
    expires_at: float


@attrs.frozen(kw_only=True)
class CaptchaPass:
    """What a captcha_token stands for."""

    client_id: str
    expires_at: float


@attrs.define(kw_only=True, eq=False)
class CaptchaDemand:
    """How many calls of a route still pass without a captcha, and where it looks for one."""

    free: int
    where: CaptchaPlace = "either"


@attrs.define(kw_only=True, eq=False)
class State:
    """The service's memory."""

    settings: Settings
    key_generation: int = 0
    spends: int = 0
    refresh_attempts: int = 0
    users: dict[str, User] = attrs.field(factory=dict[str, User], repr=False)
    logins: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    devices: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    grants: dict[str, Grant] = attrs.field(factory=dict[str, Grant], repr=False)
    access: dict[str, AccessToken] = attrs.field(factory=dict[str, AccessToken], repr=False)
    refresh: dict[str, RefreshToken] = attrs.field(factory=dict[str, RefreshToken], repr=False)
    sent: dict[str, SentCode] = attrs.field(factory=dict[str, SentCode], repr=False)
    codes: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    verified: dict[str, VerifiedDestination] = attrs.field(
        factory=dict[str, VerifiedDestination], repr=False
    )
    sudo: dict[str, Sudo] = attrs.field(factory=dict[str, Sudo], repr=False)
    provider_tokens: dict[str, ProviderGrant] = attrs.field(
        factory=dict[str, ProviderGrant], repr=False
    )
    provider_codes: dict[str, ProviderCode] = attrs.field(
        factory=dict[str, ProviderCode], repr=False
    )
    qr_codes: dict[str, QrCode] = attrs.field(factory=dict[str, QrCode], repr=False)
    captcha_pictures: dict[str, CaptchaPicture] = attrs.field(
        factory=dict[str, CaptchaPicture], repr=False
    )
    captcha_passes: dict[str, CaptchaPass] = attrs.field(factory=dict[str, CaptchaPass], repr=False)
    # By route.
    captcha_demands: dict[str, CaptchaDemand] = attrs.field(factory=dict[str, CaptchaDemand])
    # By `sub`: how many wrong passwords in a row.
    wrong_passwords: dict[str, int] = attrs.field(factory=dict[str, int], repr=False)
    # By destination: until when no other code is sent there.
    quiet_until: dict[str, float] = attrs.field(factory=dict[str, float], repr=False)
    # By customUserId: the `sub`; and by private_key_id: the public key of tickets.
    custom_users: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    ticket_keys: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    # By code and by device_code; and the last sign-ins, oldest first.
    auth_codes: dict[str, AuthorizationCode] = attrs.field(
        factory=dict[str, AuthorizationCode], repr=False
    )
    device_codes: dict[str, DeviceCode] = attrs.field(factory=dict[str, DeviceCode], repr=False)
    sign_ins: deque[SignIn] = attrs.field(factory=lambda: deque[SignIn](maxlen=10_000), repr=False)
    # What was "sent" and nobody has shown yet: the command line prints it.
    outbox: deque[SentCode] = attrs.field(factory=lambda: deque[SentCode](maxlen=1000), repr=False)

    def find(self, login: str) -> User | None:
        """Return the user who signs in with that name, phone number or e-mail address."""
        sub = self.logins.get(login)
        return None if sub is None else self.users[sub]

    def keep(self, user: User) -> User:
        """Remember a user, new or changed, under all their logins."""
        self.users[user.sub] = user
        for login in user.logins():
            self.logins[login] = user.sub
        return user

    def rename(self, user: User) -> None:
        """Remember a user under the logins they have now, and under no other."""
        _drop_values(self.logins, user.sub)
        self.keep(user)

    def forget(self, user: User) -> None:
        """Delete a user with everything that could still act for them."""
        del self.users[user.sub]
        _drop_values(self.logins, user.sub)
        self.release_devices(user)
        self.end_sessions(user.sub)

    def release_devices(self, user: User) -> None:
        """Let the devices of an anonymous user have a new one."""
        _drop_values(self.devices, user.sub)

    def end_sessions(self, sub: str, *, but: Grant | None = None) -> None:
        """Kill every session of a user, except one."""
        for grant in [grant for grant in self.grants.values() if grant.sub == sub]:
            if grant is not but:
                del self.grants[grant.id]

    def clear(self) -> None:
        """Start again with nobody known; the settings and the keys stay."""
        fresh = State(settings=self.settings, key_generation=self.key_generation)
        fresh.ticket_keys = self.ticket_keys
        for name in attrs.fields_dict(State):
            setattr(self, name, getattr(fresh, name))


class _Expires(Protocol):
    @property
    def expires_at(self) -> float: ...


_Record = TypeVar("_Record", bound=_Expires)


def drop_expired(records: MutableMapping[str, _Record], now: float) -> None:
    """Forget the records whose time is over."""
    for name in [name for name, record in records.items() if record.expires_at <= now]:
        del records[name]


def new_sub() -> str:
    """Return a user id as the service makes them: 19 decimal digits."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


def new_anonymous_sub() -> str:
    """Return an anonymous user's id: 22 characters of base64url."""
    return secrets.token_urlsafe(16)


def _drop_values(names: MutableMapping[str, str], sub: str) -> None:
    for name in [name for name, owner in names.items() if owner == sub]:
        del names[name]
