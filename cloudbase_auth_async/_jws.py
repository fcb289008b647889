"""
A compact JWS taken apart, strictly: what is not what the service signs goes no further.

Pure, and done before any key is looked at. The payload is not parsed here: nobody reads what
nobody vouches for yet.
"""

import base64
import binascii
import re
from typing import Any, Final, cast

import attrs

from cloudbase_auth_async._codec import Malformed, parse
from cloudbase_auth_async.errors import VerificationFailed

# Real tokens have about 1,000 characters.
LONGEST_TOKEN: Final = 8192
ALGORITHM: Final = "RS256"

_LONGEST_KID: Final = 256
# The last part may be empty: a token "signed" by `none` is refused for its algorithm.
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)", re.ASCII)
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)


@attrs.frozen
class Jws:
    """
    A signed token in its parts.

    Attributes:
        kid: the id of the key it claims to be signed with.
        signed: the bytes that the signature is over.
        payload: still encoded.
        signature: decoded.
    """

    kid: str = attrs.field(repr=False)
    signed: bytes = attrs.field(repr=False)
    payload: str = attrs.field(repr=False)
    signature: bytes = attrs.field(repr=False)


def malformed(problem: str) -> VerificationFailed:
    """Return the error about a token that is none."""
    return VerificationFailed(problem, reason="malformed")


def bounded(token: object) -> str:
    """
    Check that something can be a token at all.

    Raises:
        VerificationFailed: it is no string, is too long, or cannot stand in a header.
    """
    if not isinstance(token, str):
        raise malformed("the token is no string")
    if len(token) > LONGEST_TOKEN:
        raise malformed(f"the token has more than {LONGEST_TOKEN} characters")
    if not _PRINTABLE.fullmatch(token):
        raise malformed(
            "the token is empty or holds characters that no token has; pass it without `Bearer`"
        )
    return token


def taken_apart(token: object) -> Jws:
    """
    Take a token apart, and check its header.

    Raises:
        VerificationFailed: it is no compact JWS, not by RS256, or names no key.
    """
    parts = _COMPACT.fullmatch(bounded(token))
    if parts is None:
        raise malformed("the token is no compact JWS")
    head, payload, signature = parts.groups()
    kid = _kid(document(head))
    signed = f"{head}.{payload}".encode()
    return Jws(kid, signed, payload, _signature(signature))


def document(part: str) -> dict[str, Any]:
    """
    Decode a part that is a JSON object.

    Raises:
        VerificationFailed: it is none.
    """
    try:
        found = parse(_decoded(part))
    except Malformed:
        found = None
    if type(found) is not dict:
        raise malformed("a part of the token is no JSON object")
    return cast("dict[str, Any]", found)


def _kid(header: dict[str, Any]) -> str:
    # Pinned: a header that may choose the algorithm lets the public key serve as a password.
    if header.get("alg") != ALGORITHM:
        raise VerificationFailed(f"the token is not signed by {ALGORITHM}", reason="algorithm")
    # RFC 7515, 4.1.11: who does not understand an extension must refuse the token. We know none.
    if "crit" in header:
        raise malformed("the token has critical header fields")
    kid = header.get("kid")
    if kid is None:
        raise VerificationFailed("the token names no key", reason="key")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
        raise malformed("the key's id is no usable string")
    return kid


def _signature(part: str) -> bytes:
    raw = _decoded(part)
    # The last character has bits that decode to nothing: with them a second text would pass,
    # and a list of revoked tokens would miss it.
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise malformed("the signature is not encoded as it should be")
    return raw


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        pass  # raised below, where the decoder's own error is no context
    raise malformed("a part of the token is no base64url")
