"""
Entries of a published key set become RSA keys; what is no signature key of ours is passed over.

The extra `crypto` brings what this module needs; only `jwks` imports it.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

try:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
except ImportError:
    raise ImportError(
        "verifying tokens needs the package cryptography: "
        "pip install 'cloudbase-auth-async[crypto]'"
    ) from None

PublicKey = RSAPublicKey

# More would be no key set of a service that was seen with two, but a load on every fetch.
MOST_KEYS: Final = 32
# NIST SP 800-57 has no use for smaller ones; larger ones make each check slow.
_SMALLEST_BITS: Final = 2048
_LARGEST_BITS: Final = 8192
# FIPS 186-5 asks for more than 2**16; cryptography itself takes no more than 32 bits from a JWK.
_SMALLEST_EXPONENT: Final = 65537
_LARGEST_EXPONENT: Final = 2**32 - 1

_LONGEST_KID: Final = 256
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def usable(entries: Iterable[Mapping[str, Any]]) -> dict[str, PublicKey]:
    """
    Return the keys that may have signed a token, by their ids; at most 32.

    Two different keys under one id are neither of them used: which one signs would depend on
    the order of a list.
    """
    found: dict[str, RSAPublicNumbers] = {}
    ambiguous: set[str] = set()
    for entry in entries:
        kid, numbers = entry.get("kid"), _numbers(entry)
        if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID or numbers is None:
            continue
        if found.get(kid, numbers) != numbers:
            ambiguous.add(kid)
        if len(found) < MOST_KEYS:
            found.setdefault(kid, numbers)
    return {kid: found[kid].public_key() for kid in found if kid not in ambiguous}


def _numbers(entry: Mapping[str, Any]) -> RSAPublicNumbers | None:
    if entry.get("kty") != "RSA" or entry.get("use") not in (None, "sig"):
        return None
    if entry.get("alg") not in (None, "RS256") or not _may_verify(entry.get("key_ops")):
        return None
    modulus, exponent = _number(entry.get("n")), _number(entry.get("e"))
    if not _SMALLEST_BITS <= modulus.bit_length() <= _LARGEST_BITS or modulus % 2 == 0:
        return None
    if not _SMALLEST_EXPONENT <= exponent <= _LARGEST_EXPONENT or exponent % 2 == 0:
        return None
    return RSAPublicNumbers(exponent, modulus)


def _may_verify(operations: object) -> bool:
    if operations is None:
        return True
    return isinstance(operations, list) and "verify" in cast("list[object]", operations)


def _number(text: object) -> int:
    """Read a base64url number; 0 if it is none."""
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        return 0
    try:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    except binascii.Error:
        return 0
