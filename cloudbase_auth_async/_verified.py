"""
What a token says that somebody vouches for, and the rules it must meet to count as a user's.

Pure. A signature alone says little: another environment's token, a server's and a public key of
the kind every web page carries are signed by the same service.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async import _claims
from cloudbase_auth_async._jws import malformed
from cloudbase_auth_async.config import Settings
from cloudbase_auth_async.errors import ConfigurationError, VerificationFailed
from cloudbase_auth_async.models._fields import extra_fields

ANONYMOUS: Final = "anonymous"
# What stands in `sub` of a publishable key, and in its `meta`, as seen in public ones.
_PUBLISHABLE_SUBS: Final = frozenset({"anon", "anonymous"})
_PUBLISHABLE: Final = "PublishableKey"
_HTTPS_PORT: Final = ":443"


@attrs.frozen(kw_only=True)
class Claims:
    """
    What a verified token says.

    A claim the token does not have is None, or empty. An opaque token, which only introspection
    can judge, has no more than what the service says of it.

    Attributes:
        sub: the user's id; never empty.
        iss: who issued it, such as `"https://{env}.api.tcloudbasegateway.com"`.
        aud: the clients it is meant for.
        exp: from when on it is worthless, on the service's clock.
        iat: when it was issued.
        nbf: before when it is worthless.
        scope: scopes, separated by spaces.
        scopes: the single scopes.
        is_anonymous: whether the user has not said who they are. Verifiers let them pass.
        is_publishable_key: whether it is no user's token but a key that is public.
        name, picture, email, phone_number: of the user, when it was issued.
        groups, roles: the names of what the user is in.
        project_id: the environment's id.
        provider_type: how the user signed in, such as `"email"`.
        user_type, client_type: the service's words for what they are.
        is_system_admin: whether the service calls its bearer an administrator.
        meta: what the service notes besides.
        extra: every other claim.
    """

    sub: str
    iss: str | None = None
    aud: tuple[str, ...] = ()
    exp: datetime | None = None
    iat: datetime | None = None
    nbf: datetime | None = None
    scope: str | None = None
    name: str | None = None
    picture: str | None = None
    email: str | None = None
    phone_number: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    project_id: str | None = None
    provider_type: str | None = None
    user_type: str | None = None
    client_type: str | None = None
    is_system_admin: bool | None = None
    meta: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    extra: Mapping[str, Any] = extra_fields()

    @property
    def scopes(self) -> frozenset[str]:
        """The single scopes."""
        return frozenset((self.scope or "").split())

    @property
    def is_anonymous(self) -> bool:
        """Whether the user has not said who they are; the scope tells, whatever the name is."""
        return ANONYMOUS in self.scopes

    @property
    def is_publishable_key(self) -> bool:
        """Whether it is no user's token but a key that is public, and the same for everybody."""
        return self.meta.get("platform") == _PUBLISHABLE or self.sub in _PUBLISHABLE_SUBS


_TEXTS: Final = (
    *("iss", "scope", "name", "picture", "email", "phone_number"),
    *("project_id", "provider_type", "user_type", "client_type"),
)
_MOMENTS: Final = ("exp", "iat", "nbf")
_NAMES: Final = ("groups", "roles")


def claims_of(document: Mapping[str, Any]) -> Claims:
    """
    Read claims, strictly: nothing is coerced. A null counts as absent.

    Raises:
        VerificationFailed: a claim has the wrong type, or there is no subject.
    """
    left = {name: value for name, value in document.items() if value is not None}
    found: dict[str, Any] = {name: _text(left, name) for name in _TEXTS}
    found |= {name: _moment(left, name) for name in _MOMENTS}
    found |= {name: _names(left, name) for name in _NAMES}
    sub = _text(left, "sub")
    if not sub:
        # A server's token has none: it may do everything, and is nobody.
        raise VerificationFailed("the token is not a user's", reason="subject")
    return Claims(
        sub=sub,
        aud=_audience(left),
        is_system_admin=_typed(left, "is_system_admin", bool),
        meta=_typed(left, "meta", dict) or {},
        extra=left,
        **found,
    )


def _wrong(name: str) -> VerificationFailed:
    return malformed(f"the claim `{name}` has the wrong type")


def _typed(left: dict[str, Any], name: str, kind: type) -> Any:
    value = left.pop(name, None)
    if value is not None and not isinstance(value, kind):
        raise _wrong(name)
    return value


def _text(left: dict[str, Any], name: str) -> str | None:
    return cast("str | None", _typed(left, name, str))


def _moment(left: dict[str, Any], name: str) -> datetime | None:
    value = left.pop(name, None)
    if value is None:
        return None
    # Of JSON's numbers only these two; a boolean is an int, too.
    moment = _claims.moment(value) if type(value) in (int, float) else None
    if moment is None:
        raise _wrong(name)
    return moment


def _audience(left: dict[str, Any]) -> tuple[str, ...]:
    value = left.pop("aud", None)
    return _strings("aud", [value] if isinstance(value, str) else _list("aud", value))


def _names(left: dict[str, Any], name: str) -> tuple[str, ...]:
    """Read a list of names; some answers of the service list objects with an `id` instead."""
    values = _list(name, left.pop(name, None))
    return _strings(name, [_name(value) for value in values])


def _name(value: object) -> object:
    return cast("dict[str, object]", value).get("id") if isinstance(value, dict) else value


def _list(name: str, value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(name)
    return cast("list[object]", value)


def _strings(name: str, values: list[object]) -> tuple[str, ...]:
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values):
        raise _wrong(name)
    return texts


@attrs.frozen(kw_only=True)
class Rules:
    """
    What makes a vouched-for token one of a user of ours.

    Attributes:
        env: whose users count, where a token says whose its user is.
        issuers: whose tokens count.
        audiences: for whom a token must be meant; one of them is enough.
        leeway_seconds: how far the clock of who signed may be from the one of who answered.
        allow_publishable_keys: whether a key that is public counts.
    """

    env: str
    issuers: frozenset[str]
    audiences: frozenset[str]
    leeway_seconds: float = 0.0
    allow_publishable_keys: bool = False

    def judge(self, claims: Claims, *, now: float) -> None:
        """
        Check everything.

        Args:
            claims: of a token whose signature is good.
            now: the service's epoch seconds.

        Raises:
            VerificationFailed: a rule is not met.
        """
        if claims.iss not in self.issuers:
            raise VerificationFailed("the token is of another issuer", reason="issuer")
        self.check_audience(claims.aud)
        self.check_user(claims)
        if claims.exp is None:
            raise malformed("the token has no expiry")
        if claims.exp.timestamp() + self.leeway_seconds <= now:
            raise VerificationFailed("the token has expired", reason="expired")
        latest = now + self.leeway_seconds
        for begins in (claims.iat, claims.nbf):
            if begins is not None and begins.timestamp() > latest:
                raise VerificationFailed("the token is not valid yet", reason="not_yet_valid")

    def check_audience(self, audience: Iterable[str]) -> None:
        """
        Check for whom a token is meant.

        Raises:
            VerificationFailed: not for one of ours.
        """
        if self.audiences.isdisjoint(audience):
            raise VerificationFailed("the token is meant for another client", reason="audience")

    def check_user(self, claims: Claims) -> None:
        """
        Check whose it is.

        Raises:
            VerificationFailed: everybody's, or a user's of another environment.
        """
        # Older environments share a key to sign with: it alone does not tell them apart.
        if claims.project_id not in (None, "", self.env):
            raise VerificationFailed("the token is of another environment", reason="issuer")
        if claims.is_publishable_key and not self.allow_publishable_keys:
            raise VerificationFailed("the token is a publishable key", reason="subject")


def usual_issuers(settings: Settings) -> frozenset[str]:
    """
    Name the issuers of an environment's tokens.

    Real ones name the host they were asked for at, some of them as `http`: a name, not an address.
    """
    official = (
        host.removesuffix(_HTTPS_PORT) for host in settings.hosts if host.endswith(_HTTPS_PORT)
    )
    named = {f"{scheme}://{host}" for host in official for scheme in ("http", "https")}
    return frozenset(named | {settings.base_url.removesuffix("/auth/v1")})


def usual_audiences(settings: Settings) -> frozenset[str]:
    """Name whom an environment's tokens are meant for: the client, or the environment itself."""
    return frozenset({settings.client_id, settings.env})


def names(argument: str, given: Iterable[str] | None, usual: frozenset[str]) -> frozenset[str]:
    """Check a list of names that an argument gives in the place of the usual ones."""
    if given is None:
        return usual
    if isinstance(given, str) or not isinstance(cast("object", given), Iterable):
        raise ConfigurationError(argument, "must be a list of strings, not a single one")
    found = tuple(given)
    if not found or not all(isinstance(cast("object", name), str) and name for name in found):
        raise ConfigurationError(argument, "must hold strings with something in them")
    return frozenset(found)


def duration(argument: str, given: object, *, least: float, most: float) -> float:
    """Check a `timedelta` and return its seconds."""
    if not isinstance(given, timedelta):
        raise ConfigurationError(argument, "must be a datetime.timedelta")
    if not least <= given.total_seconds() <= most:
        raise ConfigurationError(argument, f"must be {least:g} to {most:g} seconds")
    return given.total_seconds()
