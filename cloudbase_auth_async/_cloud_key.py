"""
The Tencent Cloud key of a server: how a request says that it comes from its owner.

Either Basic `SecretId:SecretKey`, or a TC3-HMAC-SHA256 signature, with which the key itself
never leaves this machine. The signature is that of Tencent Cloud's API version 3, as
`@cloudbase/signature-nodejs` makes it (https://cloud.tencent.com/document/api/598/38504).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, Self, cast, get_args
from urllib.parse import urlsplit

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models._fields import secret, unpicklable

KeyMethod = Literal["tc3", "basic"]

_ALGORITHM: Final = "TC3-HMAC-SHA256"
_SIGNED: Final = "content-type;host"
_SCOPE: Final = ("tcb", "tc3_request")
_PORTS: Final = {"http": 80, "https": 443}


@attrs.define(kw_only=True)
class CloudKey:
    """
    A key and the method by which it is shown.

    Attributes:
        method: `"tc3"` signs, `"basic"` shows the key.
        session_token: what goes with a temporary key.
    """

    method: KeyMethod
    secret_id: str = secret()
    secret_key: str = secret()
    session_token: str | None = secret(None)
    # The last header: until it is five minutes old, whoever reads it can use it.
    _shown: str = attrs.field(default="", init=False, eq=False, repr=False)

    __reduce__ = unpicklable

    @classmethod
    def checked(
        cls, secret_id: object, secret_key: object, session_token: object, method: object
    ) -> Self:
        """
        Check everything.

        Raises:
            ConfigurationError: names the first argument that is wrong.
        """
        if method not in get_args(KeyMethod):
            raise ConfigurationError("method", "must be 'tc3' or 'basic'")
        identity = config.token("secret_id", secret_id)
        if any(mark in identity for mark in ":/,"):
            # In Basic, in the signature's scope and in its header that is where the id ends.
            raise ConfigurationError("secret_id", "must not hold a colon, a slash or a comma")
        key = config.token("secret_key", secret_key)
        token = None if session_token is None else config.token("session_token", session_token)
        if token is not None and method == "basic":
            raise ConfigurationError("session_token", "goes with the method 'tc3' only")
        return cls(
            method=cast("KeyMethod", method),
            secret_id=identity,
            secret_key=key,
            session_token=token,
        )

    @property
    def secrets(self) -> Sequence[str]:
        """What of it must not come back in an error's text."""
        last = self._shown.rpartition("Signature=")[2].partition(",")[0]
        found = (self.secret_key, self.session_token, self._pair(), last)
        return [text for text in found if text]

    def authorization(
        self, *, method: str, url: str, content_type: str, body: bytes, now: float
    ) -> str:
        """
        Return the `Authorization` header of one request.

        Args:
            method: in upper case.
            url: as it is sent, query included.
            content_type: the header's value.
            body: the very bytes that are sent.
            now: the service's epoch seconds, as far as they are known.
        """
        if self.method == "basic":
            return f"Basic {self._pair()}"
        # A second early, as the official client does: what is signed in the future is refused.
        stamp = int(now) - 1
        date = datetime.fromtimestamp(stamp, UTC).date().isoformat()
        scope = "/".join((date, *_SCOPE))
        canonical = _canonical(method, url, content_type, body)
        signature = self._signature(date, f"{_ALGORITHM}\n{stamp}\n{scope}\n{_sha256(canonical)}")
        self._shown = (
            f"{_ALGORITHM} Credential={self.secret_id}/{scope}, SignedHeaders={_SIGNED}, "
            f"Signature={signature}, Timestamp={stamp}"
        )
        return self._shown + (f", Token={self.session_token}" if self.session_token else "")

    def _pair(self) -> str:
        return base64.b64encode(f"{self.secret_id}:{self.secret_key}".encode()).decode()

    def _signature(self, date: str, text: str) -> str:
        key = f"TC3{self.secret_key}".encode()
        for step in (date, *_SCOPE):
            key = hmac.digest(key, step.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical(method: str, url: str, content_type: str, body: bytes) -> bytes:
    parts = urlsplit(url)
    lines = (
        method,
        parts.path,
        parts.query,
        f"content-type:{content_type}",
        f"host:{_host(url)}",
        "",
        _SIGNED,
        _sha256(body),
    )
    return "\n".join(lines).encode()


def _host(url: str) -> str:
    """Return the `Host` header that is sent with a URL: its port only where it is unusual."""
    parts = urlsplit(url)
    name = parts.netloc.lower().rpartition("@")[2]
    if parts.port is not None:
        name = name.rpartition(":")[0]
    name = name.rstrip(".:")
    usual = parts.port in (None, _PORTS.get(parts.scheme))
    return name if usual else f"{name}:{parts.port}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
