"""
The keys that sign access tokens: made when first needed, once a process.

A test run with hundreds of emulators pays for one RSA key, not for hundreds.
"""

import base64
import functools
import hashlib
import secrets
import threading
import uuid
from collections.abc import Mapping
from typing import Any

import attrs
import jwt
from jwt.algorithms import has_crypto

from cloudbase_auth_async.testing._values import Algorithm

_making = threading.Lock()


@attrs.frozen(kw_only=True)
class Key:
    """One signing key, and what the world may know of it."""

    kid: str
    algorithm: Algorithm
    private: Any = attrs.field(repr=False)
    public: Mapping[str, str] | None = attrs.field(default=None, repr=False)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT whose header holds `alg` and `kid` only, as the service's do."""
        # PyJWT writes `"typ": "JWT"` unless the header says that there is none.
        header = {"kid": self.kid, "typ": None}
        return jwt.encode(dict(claims), self.private, algorithm=self.algorithm, headers=header)


def usual_algorithm() -> Algorithm:
    """Return RS256, as the service signs, or HS256 where `cryptography` is not installed."""
    return "RS256" if has_crypto else "HS256"


def key(algorithm: Algorithm, generation: int) -> Key:
    """Return the key of that generation, counted from 0; rolling a key means counting on."""
    # A server makes its first key in a thread: who asks meanwhile must get that same one.
    with _making:
        return _key(algorithm, generation)


def takes_long(algorithm: Algorithm) -> bool:
    """Tell whether the first key of that algorithm has still to be made, and is slow to make."""
    return algorithm == "RS256" and _key.cache_info().currsize == 0


@functools.cache
def _key(algorithm: Algorithm, generation: int) -> Key:  # noqa: ARG001 -- the cache reads it
    if algorithm == "HS256":
        return Key(kid=str(uuid.uuid4()), algorithm=algorithm, private=secrets.token_bytes(32))
    return _rsa()


def published(algorithm: Algorithm, generation: int) -> list[Mapping[str, str]]:
    """Return the JWKS entries: the key in use, and the one before it after a roll."""
    generations = range(max(generation - 1, 0), generation + 1)
    keys = (key(algorithm, number).public for number in generations)
    return [public for public in keys if public is not None]


def _rsa() -> Key:
    # Imported here: without the `testing` extra the emulator still runs, with HS256.
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = private.public_key().public_numbers()
    modulus = numbers.n.to_bytes(256, "big")
    kid = str(uuid.UUID(bytes=hashlib.sha256(modulus).digest()[:16]))
    public = {
        "kid": kid,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "n": _base64url(modulus),
        "e": _base64url(numbers.e.to_bytes(3, "big")),
    }
    return Key(kid=kid, algorithm="RS256", private=private, public=public)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
