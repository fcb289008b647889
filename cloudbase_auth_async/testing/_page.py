"""
The page at `/`: users, codes and the last requests, for a person at a browser.

It is one file and loads nothing. Its policy names the hashes of its own style and script, so a
user name or a path that reads like a script is text and nothing else.
"""

import base64
import functools
import hashlib
import re
from importlib import resources
from typing import Final

from cloudbase_auth_async.testing._values import Response

_INLINE: Final = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


@functools.cache
def page() -> Response:
    """Return the page."""
    text = resources.files("cloudbase_auth_async.testing").joinpath("_page.html").read_text("utf-8")
    allowed = [f"{kind}-src '{_hash(content)}'" for kind, content in _INLINE.findall(text)]
    policy = [
        "default-src 'none'",
        *allowed,
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    )
    return Response(status=200, headers=headers, body=text.encode())


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
