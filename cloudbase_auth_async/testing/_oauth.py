"""Rules of OAuth 2.0 that the flows with codes share: scopes, PKCE, redirect addresses."""

import base64
import hashlib
import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from cloudbase_auth_async.testing._fields import Fields
from cloudbase_auth_async.testing._values import Refused

# RFC 7636, 4.1 and 4.2: a verifier and a challenge have one alphabet and one length.
_PROOF: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def narrowed(wanted: str | None, held: str) -> str:
    """Return the scope that is asked for; it may not be wider than the one that is held."""
    if wanted is None:
        return held
    words = wanted.split()
    if not words or not set(words) <= set(held.split()):
        raise Refused("invalid_scope", "the scope is wider than the user's own")
    return " ".join(words)


def challenge(fields: Fields) -> tuple[str | None, str]:
    """Return the code challenge, if any, and its method, which is `plain` unless said."""
    text, method = fields.optional("code_challenge"), fields.optional("code_challenge_method")
    if text is None and method is not None:
        raise Refused("invalid_argument", "code_challenge_method without code_challenge")
    if text is not None and not _PROOF.fullmatch(text):
        raise Refused("invalid_argument", "code_challenge must have 43 to 128 unreserved letters")
    if method not in (None, "plain", "S256"):
        raise Refused("invalid_argument", "code_challenge_method must be S256 or plain")
    return text, method or "plain"


def proves(verifier: str | None, challenge: str | None, method: str) -> bool:
    """Tell whether a code verifier is the one the challenge was made from."""
    if verifier is None or challenge is None:
        # One without the other: a code without a challenge takes no verifier (OAuth 2.1).
        return verifier == challenge
    if not _PROOF.fullmatch(verifier):
        return False
    if method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return verifier == challenge


def redirect_uri(fields: Fields) -> str | None:
    """Return the address to come back to, if there is one; it must be absolute."""
    text = fields.optional("redirect_uri")
    if text is not None and not _is_absolute(text):
        raise Refused("invalid_argument", "redirect_uri must be an absolute address")
    return text


def with_state(address: str, state: str | None) -> str:
    """Return an address with the caller's `state` appended to its query."""
    if state is None:
        return address
    parts = urlsplit(address)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), ("state", state)]
    try:
        query = urlencode(pairs)
    except UnicodeEncodeError:
        raise Refused("invalid_argument", "state is no text") from None
    return parts._replace(query=query).geturl()


def _is_absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and address.isascii() and address.isprintable()
