"""A captcha: the picture that a person reads, and what the right answer is worth."""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import attrs

from cloudbase_auth_async.errors._base import ConfigurationError
from cloudbase_auth_async.models._fields import extra_fields, secret, unpicklable

_LARGEST_IMAGE = 1024 * 1024

# RFC 2397: data:[<mediatype>][;base64],<data>
_URI = re.compile(
    r"data:(?P<kind>[^,;\s]*)(?:;[^,;=\s]+=[^,;\s]*)*(?P<packed>;base64)?,(?P<data>[\x21-\x7e]+)",
    re.ASCII | re.IGNORECASE,
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def unpacked(uri: str) -> tuple[str, bytes] | None:
    """Take a data URI apart, into media type and bytes; None if it is none, or monstrous."""
    found = _URI.fullmatch(uri)
    if found is None or _BAD_ESCAPE.search(found["data"]):
        return None
    image = unquote_to_bytes(found["data"])
    if found["packed"]:
        try:
            image = base64.b64decode(image, validate=True)
        except ValueError:
            return None
    if not 0 < len(image) <= _LARGEST_IMAGE:
        return None
    return found["kind"].lower() or "text/plain", image


@attrs.frozen(kw_only=True)
class CaptchaChallenge:
    """
    A picture that waits for its one answer.

    Attributes:
        token: names the picture in `captcha.verify`.
        data: the picture as a `data:` URI, as an `<img>` takes it.
        type: what it is; `"image"` in all of the documentation.
        expires_in: seconds it waits (300 in the documentation).
    """

    token: str = secret()
    data: str = secret()
    type: str = "image"
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    @property
    def image(self) -> bytes:
        """The picture itself, ready for a file or for `Image.open(BytesIO(...))`."""
        return self._unpacked()[1]

    @property
    def media_type(self) -> str:
        """What the picture's bytes are, such as `"image/gif"`."""
        return self._unpacked()[0]

    def _unpacked(self) -> tuple[str, bytes]:
        found = unpacked(self.data)
        if found is None:  # made by hand: in an answer it was checked
            raise ConfigurationError("data", "must be a data URI")
        return found

    __reduce__ = unpicklable


@attrs.frozen(kw_only=True)
class CaptchaPass:
    """
    A captcha was solved.

    Attributes:
        captcha_token: let a call pass that was answered `CaptchaRequired`, once.
        expires_in: seconds it lives (600 in the documentation).
    """

    captcha_token: str = secret()
    expires_in: int | None = None
    extra: Mapping[str, Any] = extra_fields()

    __reduce__ = unpicklable
