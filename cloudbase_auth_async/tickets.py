"""
Tickets for custom sign-in: your server signs one for a user of its own.

`auth.sign_in.custom(ticket)` exchanges it. A ticket is `<private_key_id>/@@/<JWT>`, made as
`@cloudbase/node-sdk` makes it, with times in milliseconds. The extra `crypto` brings what reading
a key needs; without it this module can be imported all the same, as its name is a top-level one.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from cloudbase_auth_async import config
from cloudbase_auth_async._clock import Clock, SystemClock
from cloudbase_auth_async._sealed import sealed_function
from cloudbase_auth_async.errors import ConfigurationError
from cloudbase_auth_async.models._fields import unpicklable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_MISSING: Final = (
    "TicketSigner needs the package cryptography: pip install 'cloudbase-auth-async[crypto]'"
)
_LONGEST_SHOWN: Final = 256
_SEPARATOR: Final = "/@@/"
# As @cloudbase/node-sdk 3.18.3 checks it.
_UID: Final = re.compile(r"[a-zA-Z0-9_\-#@~=*(){}[\]:.,<>+]{4,32}")
_HEADER: Final[Mapping[str, str]] = {"alg": "RS256", "typ": "JWT"}
_LIFE_MS: Final = 10 * 60 * 1000
_MILLISECOND: Final = timedelta(milliseconds=1)
_HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(days=7)


class TicketSigner:
    """
    Sign tickets with the key of an environment; made by `from_file` or `from_dict`.

    The key is `tcb_custom_login.json`, downloaded in the CloudBase console under custom login.
    A signer may be used from many tasks and threads at once; a ticket takes about a millisecond.
    """

    __slots__ = ("_clock", "_env", "_key", "_key_id")

    def __init__(self, key: "RSAPrivateKey", *, key_id: str, env: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._env = env
        self._clock = clock

    def __repr__(self) -> str:
        return f"<TicketSigner of {self._env}>"

    __reduce__ = unpicklable

    @classmethod
    @sealed_function
    def from_file(
        cls, path: str | os.PathLike[str], *, env: str | None = None, clock: Clock | None = None
    ) -> Self:
        """
        Read the key file. It blocks while it reads: do it once, when your program starts.

        Args:
            path: of `tcb_custom_login.json`.
            env: the environment the key must be of; any if left out.
            clock: for tests.

        Raises:
            ConfigurationError: the file cannot be read or holds no such key; it names the path,
                or the field that is wrong.
        """
        if not isinstance(cast("object", path), str | os.PathLike):
            raise ConfigurationError("path", "must be a path")
        return cls.from_dict(_document(Path(path)), env=env, clock=clock)

    @classmethod
    @sealed_function
    def from_dict(
        cls, data: Mapping[str, Any], *, env: str | None = None, clock: Clock | None = None
    ) -> Self:
        """
        Take the key from what the key file holds.

        Args:
            data: with `private_key_id`, `private_key` and `env_id`.
            env: the environment the key must be of; any if left out.
            clock: for tests.

        Raises:
            ConfigurationError: a field is missing or wrong; it names the field.
        """
        if not isinstance(cast("object", data), Mapping):
            raise ConfigurationError("data", "must be a mapping")
        wanted = config.optional_text("env", env)
        for field in ("private_key_id", "private_key", "env_id"):
            if data.get(field) is None:
                raise ConfigurationError(field, "is missing; download the newest key file")
        key_id = config.token("private_key_id", data["private_key_id"])
        if _SEPARATOR in key_id:
            raise ConfigurationError("private_key_id", f"must not hold {_SEPARATOR}")
        env_id = config.text("env_id", data["env_id"])
        if wanted is not None and env_id != wanted:
            raise ConfigurationError("env_id", "is another environment than `env`")
        key = _private_key(config.text("private_key", data["private_key"]))
        return cls(key, key_id=key_id, env=env_id, clock=clock or SystemClock())

    @sealed_function
    def ticket(self, uid: str, *, refresh: timedelta = _HOUR, expire: timedelta = _WEEK) -> str:
        """
        Sign a ticket; it can be exchanged for ten minutes.

        Args:
            uid: your user's id: 4 to 32 letters, digits and `_-#@~=*(){}[]:.,<>+`. The same id is
                the same CloudBase user each time.
            refresh: how often the sign-in is to be renewed.
            expire: how long from now it is to last.

        Raises:
            ConfigurationError: an argument is wrong.
        """
        if not _UID.fullmatch(config.text("uid", uid)):
            raise ConfigurationError(
                "uid", "must be 4 to 32 letters, digits and _-#@~=*(){}[]:.,<>+"
            )
        # Checked before the time is read: the same instant stands in all of them.
        refresh_ms, lasts_ms = _milliseconds("refresh", refresh), _milliseconds("expire", expire)
        now = int(self._clock.wall() * 1000)
        payload = {
            "alg": "RS256",
            "env": self._env,
            "iat": now,
            "exp": now + _LIFE_MS,
            "uid": uid,
            "refresh": refresh_ms,
            "expire": now + lasts_ms,
        }
        signed = f"{_part(_HEADER)}.{_part(payload)}"
        return f"{self._key_id}{_SEPARATOR}{signed}.{_base64url(_signature(self._key, signed))}"


def _document(path: Path) -> Mapping[str, Any]:
    problem = "cannot be read"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        problem = "does not exist"
    except (OSError, ValueError):
        pass
    else:
        problem = "is not JSON"
        try:
            document: object = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(document, dict):
                return cast("dict[str, Any]", document)
            problem = "is not a JSON object"
    # Raised out here, the error has no context: the parser's own holds the file's text.
    # Who passes what the file holds in place of its name must not find it in a log.
    name = str(path)
    shown = f"{name!r} " if len(name) < _LONGEST_SHOWN and "{" not in name else ""
    raise ConfigurationError("path", f"{shown}{problem}")


def _private_key(pem: str) -> "RSAPrivateKey":
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )
    except ImportError:
        raise ImportError(_MISSING) from None
    problem = "must be a PEM private key"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        problem = "must not be encrypted"
    except (ValueError, UnsupportedAlgorithm):
        pass
    else:
        if isinstance(key, rsa.RSAPrivateKey):
            return key
        problem = "must be an RSA key"
    raise ConfigurationError("private_key", problem)


def _signature(key: "RSAPrivateKey", text: str) -> bytes:
    """Sign by RS256; not by PyJWT, which warns of the short keys that old environments have."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    return key.sign(text.encode(), PKCS1v15(), SHA256())


def _milliseconds(argument: str, value: object) -> int:
    if not isinstance(value, timedelta) or value < _MILLISECOND:
        raise ConfigurationError(argument, "must be a timedelta of a millisecond or more")
    return value // _MILLISECOND


def _part(fields: Mapping[str, Any]) -> str:
    # As JSON.stringify writes it.
    return _base64url(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
