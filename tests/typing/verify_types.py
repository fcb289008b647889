"""What type checkers make of the verifiers. Never executed."""

from datetime import datetime, timedelta
from typing import assert_type

from cloudbase_auth_async import AuthClient
from cloudbase_auth_async.jwks import Claims, IntrospectionVerifier, TokenVerifier, Verifier


class _Own:
    async def verify(self, token: str) -> Claims:
        return Claims(sub=token)


async def either_is_a_verifier(auth: AuthClient, token: str) -> None:
    """A handler may take any verifier, and gets the same claims of each."""
    local = TokenVerifier(auth, audiences=["shop"], leeway=timedelta(seconds=5))
    asking = IntrospectionVerifier(auth, ttl=timedelta(minutes=1), max_entries=10)
    await _handled(local, token)
    await _handled(asking, token)
    await _handled(_Own(), token)
    assert_type(await local.verify(token), Claims)
    assert_type(await asking.verify(token), Claims)


async def _handled(verifier: Verifier, token: str) -> None:
    claims = await verifier.verify(token)
    assert_type(claims, Claims)
    assert_type(claims.sub, str)
    assert_type(claims.exp, datetime | None)
    assert_type(claims.aud, tuple[str, ...])
    assert_type(claims.scopes, frozenset[str])
    assert_type(claims.is_anonymous, bool)


def seconds_are_no_duration(auth: AuthClient) -> None:
    """A number says nothing of its unit: without the ignore the checker fails (B40)."""
    TokenVerifier(auth, leeway=30)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
