"""
`TokenPair`: the access and refresh token of one user, as one frozen value.

The two travel together because half of an old pair with half of a new one signs a user out.
"""

from collections.abc import Mapping
from datetime import datetime
from types import NoneType
from typing import Any, Self, TypeVar, cast

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._claims import moment, span, unverified_claims
from cloudbase_auth_async._sealed import sealed_function
from cloudbase_auth_async.errors import ConfigurationError


@attrs.frozen(kw_only=True)
class TokenPair:
    """
    What a sign-in, a sign-up or a refresh answers.

    It cannot be pickled: `to_dict` is the one place where its secrets are written out.

    Attributes:
        access_token: the bearer for user calls, usually a JWT. Empty in a session that was made
            from a refresh token alone and has not refreshed yet, and after a refresh that brought
            a new refresh token but no access token that could be used.
        refresh_token: single use; None if the service gave none.
        expires_at: when the access token dies, on the service's clock; None if nothing says so.
        expires_in: its whole life in seconds, as the service said it.
        token_type: `"Bearer"`.
        scope: scopes, separated by spaces, such as `"user sso"` or `"anonymous"`.
        sub: the user's id.
        groups: names of the groups the user is in.
        extra: fields of the answer that this library does not know. `need_weda_resource`, a flag
            for another product of the vendor's, is among them: under a name here, a wrong type in
            it would cost a sign-in.
    """

    access_token: str = attrs.field(repr=False)
    refresh_token: str | None = attrs.field(default=None, repr=False)
    expires_at: datetime | None = None
    expires_in: int | None = None
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a password
    scope: str | None = None
    sub: str | None = None
    groups: tuple[str, ...] = ()
    id_token: str | None = attrs.field(default=None, repr=False)
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, hash=False)
    # Monotonic seconds before the request that brought the pair. It means something in this
    # process only, so it is in no dict, no comparison and no repr.
    started: float | None = attrs.field(default=None, repr=False, eq=False)

    def to_dict(self) -> dict[str, Any]:
        """
        Write the pair out, secrets and all, in values that JSON can hold.

        `expires_at` becomes a number, seconds since the epoch.
        """
        expires_at = None if self.expires_at is None else self.expires_at.timestamp()
        return {
            **self.extra,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_at": expires_at,
            "expires_in": self.expires_in,
            "token_type": self.token_type,
            "scope": self.scope,
            "sub": self.sub,
            "groups": list(self.groups),
            "id_token": self.id_token,
        }

    @classmethod
    @sealed_function
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Read what `to_dict` wrote, or the service's own answer as somebody stored it.

        Raises:
            ConfigurationError: a field is missing or of the wrong type; it names the field.
        """
        if not isinstance(cast("Any", data), Mapping):
            raise ConfigurationError("tokens", "must be a mapping")
        known: dict[str, Any] = {name: _read(data, name, kinds) for name, kinds in _FIELDS.items()}
        if not known["access_token"] and not known["refresh_token"]:
            raise ConfigurationError("access_token", "is missing, and so is refresh_token")
        known["access_token"] = known["access_token"] or ""
        known["refresh_token"] = known["refresh_token"] or None  # services in Go write ""
        known["token_type"] = known["token_type"] or "Bearer"
        known["expires_at"] = _moment(known["expires_at"])
        known["groups"] = _strings("groups", data.get("groups"))
        known["extra"] = {name: value for name, value in data.items() if name not in known}
        pair = cls(**known)
        return described(pair)

    def __reduce__(self) -> Any:
        raise TypeError("a TokenPair holds secrets and is not pickled; use to_dict()")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


_FIELDS: dict[str, tuple[type, ...]] = {
    "access_token": (str,),
    "refresh_token": (str,),
    "expires_at": (int, float),
    "expires_in": (int,),
    "token_type": (str,),
    "scope": (str,),
    "sub": (str,),
    "id_token": (str,),
}


# The service's own longest, a publishable key, lives 73 years.
_LONGEST_LIFE_SECONDS = 10_000_000_000

P = TypeVar("P", bound=TokenPair)


_LARGEST = 2**63


def _read(data: Mapping[str, Any], name: str, kinds: tuple[type, ...]) -> Any:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ConfigurationError(name, f"must be of type {kinds[-1].__name__}")
    if isinstance(value, int | float) and not -_LARGEST < value < _LARGEST:
        raise ConfigurationError(name, "must be a reasonable number")
    return value


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple | NoneType):
        raise ConfigurationError(name, "must be a list of strings")
    items = tuple(cast("list[Any]", value or ()))
    if not all(isinstance(item, str) for item in items):
        raise ConfigurationError(name, "must be a list of strings")
    return items


def _moment(epoch_seconds: float | None) -> datetime | None:
    if epoch_seconds is None:
        return None
    found = moment(epoch_seconds)
    if found is None:
        raise ConfigurationError("expires_at", "must be seconds since the epoch")
    return found


def described(pair: P, *, server_now: float | None = None) -> P:
    """
    Fill in `sub` and `expires_at` from the access token's own claims.

    Args:
        pair: as the service or a store gave it.
        server_now: seconds since the epoch on the service's clock when the request began; with
            it, an opaque token's expiry follows from `expires_in`.
    """
    told = span(unverified_claims(pair.access_token))
    expires_at = pair.expires_at
    if told.exp is not None:
        expires_at = moment(told.exp)
    elif expires_at is None and server_now is not None and pair.expires_in:
        expires_at = moment(server_now + min(pair.expires_in, _LONGEST_LIFE_SECONDS))
    return attrs.evolve(pair, sub=told.sub or pair.sub, expires_at=expires_at)


def pair_of(tokens: object, *, otherwise: str = "") -> TokenPair:
    """
    Take a pair, or what `to_dict` wrote.

    Args:
        tokens: what somebody gave as such.
        otherwise: words about what else there is for something that is neither.

    Raises:
        ConfigurationError: it is neither.
    """
    if not isinstance(tokens, TokenPair):
        if forgotten := config.not_awaited(tokens):
            raise ConfigurationError("tokens", f"is {forgotten}: await the sign-in first")
        if not isinstance(tokens, Mapping):
            raise ConfigurationError(
                "tokens", f"must be a TokenPair or what its to_dict wrote{otherwise}"
            )
        tokens = TokenPair.from_dict(cast("Mapping[str, Any]", tokens))
    # One that came from a call is described already; one made by hand is not.
    return tokens if tokens.started is not None else described(tokens)
