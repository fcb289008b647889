"""
Check the access tokens that somebody brings: in a gateway, or before a handler of a web service.

    verifier = TokenVerifier(auth)  # once, beside the AuthClient

    async def handler(request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            claims = await verifier.verify(token if scheme.lower() == "bearer" else "")
        except errors.VerificationFailed:
            raise web.HTTPUnauthorized from None
        except errors.CloudBaseAuthError:  # the service's keys cannot be had
            raise web.HTTPServiceUnavailable from None
        return web.json_response({"hello": claims.sub})

| | `TokenVerifier` | `IntrospectionVerifier` |
| --- | --- | --- |
| asks the service | every ten minutes, for its keys | for each token, every `ttl` |
| sees a revocation | no: the token works until it expires | `ttl` later at most |
| takes opaque tokens | no | yes |
| while the service is down | goes on, for a day | raises the error |

Both refuse what is signed well and is still no user: a server's token, and a publishable key, which
is public. An anonymous user is a user, and passes: look at `claims.is_anonymous`. The extra
`crypto` brings what this module needs.
"""

from collections.abc import Coroutine, Iterable
from datetime import timedelta
from typing import Any, Final, Protocol

import jwt

from cloudbase_auth_async._certs import KeyRing
from cloudbase_auth_async._introspected import IntrospectionVerifier
from cloudbase_auth_async._jws import ALGORITHM, document, taken_apart
from cloudbase_auth_async._sealed import sealed, sealed_function
from cloudbase_auth_async._verified import (
    Claims,
    Rules,
    claims_of,
    duration,
    names,
    usual_audiences,
    usual_issuers,
)
from cloudbase_auth_async.client import AuthClient, rooms_of
from cloudbase_auth_async.config import flag
from cloudbase_auth_async.errors import VerificationFailed

__all__ = ["Claims", "IntrospectionVerifier", "TokenVerifier", "Verifier"]

_MOST_LEEWAY_SECONDS: Final = 600.0
_LEAST_KEY_AGE_SECONDS: Final = 60.0
_MOST_KEY_AGE_SECONDS: Final = 7 * 86400.0

_RS256: Final = jwt.get_algorithm_by_name(ALGORITHM)


class Verifier(Protocol):
    """Whoever can tell whether a token is to be trusted."""

    # Not `async def`: to type checkers that would be a narrower type than what wraps a coroutine.
    def verify(self, token: str) -> Coroutine[Any, Any, Claims]:
        """
        Return what a token says.

        Raises:
            VerificationFailed: it is not to be trusted.
        """
        ...


class TokenVerifier:
    """
    Verify tokens locally, with the public keys of the service.

    Each verifier has keys of its own, fetched when the first token comes: make one for each
    client and keep it. A revoked token is good until it expires: see `IntrospectionVerifier`.
    An anonymous user's token passes; `Claims.is_anonymous` tells.

    Args:
        auth: the client of the environment whose tokens count; no credentials of it are used.
        audiences: for whom tokens may be meant (`aud`); the client's id and the environment's
            unless given.
        issuers: who may have issued them (`iss`), letter by letter; unless given, the hosts of
            the environment, as http and https, and the origin of the client's `base_url`.
        leeway: how far apart the clocks of the service may be, up to ten minutes. This machine's
            own clock hardly matters: the service's answers tell the time.
        key_max_age: how long keys are trusted while the service cannot be reached, one minute to
            seven days.
        allow_publishable_keys: count a key that is public as a user's token.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    @sealed_function
    def __init__(
        self,
        auth: AuthClient,
        *,
        audiences: Iterable[str] | None = None,
        issuers: Iterable[str] | None = None,
        leeway: timedelta = timedelta(seconds=30),
        key_max_age: timedelta = timedelta(hours=24),
        allow_publishable_keys: bool = False,
    ) -> None:
        rooms = rooms_of(auth)
        settings = rooms.caller.settings
        oldest = duration(
            "key_max_age", key_max_age, least=_LEAST_KEY_AGE_SECONDS, most=_MOST_KEY_AGE_SECONDS
        )
        self._rules = Rules(
            env=settings.env,
            issuers=names("issuers", issuers, usual_issuers(settings)),
            audiences=names("audiences", audiences, usual_audiences(settings)),
            leeway_seconds=duration("leeway", leeway, least=0, most=_MOST_LEEWAY_SECONDS),
            allow_publishable_keys=flag("allow_publishable_keys", allow_publishable_keys),
        )
        self._env = settings.env
        self._server_time = rooms.caller.server_time
        self._keys = KeyRing(rooms.caller, rooms.background, max_age=oldest)

    def __repr__(self) -> str:
        return f"<TokenVerifier {self._env}>"

    @sealed
    async def verify(self, token: str) -> Claims:
        """
        Return what a token says, if it is one of a user of this environment.

        It waits only where no key is held that could have signed the token, and for the first
        token after an idle hour.

        Args:
            token: what follows `Bearer ` in the header.

        Raises:
            VerificationFailed: it is not to be trusted; `reason` says why.
            ApiError, TransportError, DecodeError: the keys cannot be had, and those held are of
                no help.

        Source: https://github.com/TencentCloudBase/awesome-cloudbase-examples (2026-11-22)
        """
        jws = taken_apart(token)
        key = await self._keys.key(jws.kid)
        if not _RS256.verify(jws.signed, key, jws.signature):
            raise VerificationFailed("the signature does not match", reason="signature")
        claims = claims_of(document(jws.payload))
        self._rules.judge(claims, now=self._server_time.now())
        return claims


# Tracebacks and reports name the place that users import from, not the room behind it.
for _public in (Claims, IntrospectionVerifier):
    _public.__module__ = __name__
