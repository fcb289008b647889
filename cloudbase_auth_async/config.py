"""
Settings of a client and the checks of every argument, made before anything is sent.

A check names the argument that is wrong and never shows its value.
"""

import inspect
import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Any, Literal, Self, cast, get_args
from urllib.parse import urlsplit

import attrs

from cloudbase_auth_async.errors import ConfigurationError

DialectName = Literal["auto", "primary", "documented"]

DEFAULT_REGION = "ap-shanghai"
# Regions served from mainland hosts; any other has the international gateway.
# As @cloudbase/node-sdk 3.18.3 lists them, read 2026-11-22.
CHINA_REGIONS = frozenset(
    {
        "ap-beijing",
        "ap-chengdu",
        "ap-chongqing",
        "ap-guangzhou",
        "ap-hongkong",
        "ap-nanjing",
        "ap-shanghai",
        "ap-shanghai-fsi",
        "ap-shenzhen-fsi",
    }
)

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_HOST_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
# A name such as `guangzhou` or `ap_guangzhou` would silently mean the international host.
_REGION = re.compile(r"(?=.{1,63}\Z)[a-z]{2,}-[a-z]+(?:-[0-9a-z]+)*", re.ASCII)
_PHONE = re.compile(r"\+[0-9]{1,3} [0-9]{4,20}", re.ASCII)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# "device id must less than 72": docs.cloudbase.net/http-api/auth/auth-sign-out, 2026-11-22.
_LONGEST_DEVICE_ID = 71


def text(argument: str, value: object) -> str:
    """Check that a value is a string with something in it."""
    if not isinstance(value, str):
        raise ConfigurationError(argument, f"must be a string{_instead(argument, value)}")
    if not value:
        raise ConfigurationError(argument, "must not be empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ConfigurationError(argument, "must not hold half a character")  # it has no UTF-8
    return value


def _instead(argument: str, value: object) -> str:
    """Say where the string is, if somebody gave the whole answer that it is a part of."""
    if forgotten := not_awaited(value):
        return f", not {forgotten}: await it first"
    kind = type(value)
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0] and attrs.has(kind)
    return (
        f" (its `.{argument}`)" if ours and argument in attrs.fields_dict(cast("Any", kind)) else ""
    )


def not_awaited(value: object) -> str:
    """Name what somebody forgot to await; of anything else there is nothing to say."""
    if not inspect.iscoroutine(value):
        return "an awaitable" if inspect.isawaitable(value) else ""
    if inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
        value.close()  # a warning that nobody awaited it would stand before what we say
    return "a coroutine"


def optional_text(argument: str, value: object) -> str | None:
    """Check a value that may be left out."""
    return None if value is None else text(argument, value)


def token(argument: str, value: object) -> str:
    """Check that a value can stand in an `Authorization` header."""
    if not _PRINTABLE.fullmatch(text(argument, value)):
        raise ConfigurationError(argument, "must be printable ASCII without spaces")
    return str(value)


def optional_token(argument: str, value: object) -> str | None:
    """Check a token that may be left out."""
    return None if value is None else token(argument, value)


def texts(argument: str, value: object) -> dict[str, str]:
    """Check that a value maps names to strings, and return a copy."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(argument, "must be a mapping")
    pairs = cast("Mapping[object, object]", value)
    return {text(argument, name): text(argument, each) for name, each in pairs.items()}


def phone_number(argument: str, value: object) -> str:
    """Check `+86 13800000000`: country code, one space, digits."""
    if not _PHONE.fullmatch(text(argument, value)):
        raise ConfigurationError(
            argument, "must be a country code, a space and digits, such as '+86 13800000000'"
        )
    return str(value)


def email(argument: str, value: object) -> str:
    """Check for one `@` with something on either side; the service knows the rest."""
    if not _EMAIL.fullmatch(text(argument, value)):
        raise ConfigurationError(argument, "must be an e-mail address")
    return str(value)


def destination(phone: object, mail: object) -> dict[str, str]:
    """Check that exactly one of phone number and e-mail is given; return it as body fields."""
    if phone is None and mail is None:
        raise ConfigurationError("phone_number", "or email must be given")
    if phone is not None and mail is not None:
        raise ConfigurationError("phone_number", "and email must not both be given")
    if phone is not None:
        return {"phone_number": phone_number("phone_number", phone)}
    return {"email": email("email", mail)}


def path_part(argument: str, value: object) -> str:
    """Check an id that becomes part of a path: it is quoted, and may not be a dot segment."""
    if text(argument, value) in (".", ".."):
        raise ConfigurationError(argument, "must not be a dot segment")
    return str(value)


def seconds(argument: str, value: object) -> float:
    """Check a positive, finite number of seconds."""
    return rate(argument, value, of=" of seconds")


def rate(argument: str, value: object, *, of: str = "") -> float:
    """Check a positive, finite number, such as of something a second."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:  # noqa: PLR2004
        raise ConfigurationError(argument, f"must be a positive number{of}")
    return float(value)


def flag(argument: str, value: object) -> bool:
    """Check a yes or no; 1 is neither."""
    if not isinstance(value, bool):
        raise ConfigurationError(argument, "must be True or False")
    return value


def optional_flag(argument: str, value: object) -> bool | None:
    """Check a yes or no that may be left out."""
    return None if value is None else flag(argument, value)


def count(argument: str, value: object) -> int:
    """Check a positive number of things."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(argument, "must be a positive integer")
    return value


def store(argument: str, value: object) -> None:
    """Check that a value has what a store must have; a class in place of an object has it, too."""
    methods = ("load", "replace", "remove", "lock", "keys")
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in methods):
        raise ConfigurationError(argument, "must be a store, such as FileStore(path)")


def _device_id(value: object) -> str:
    if len(token("device_id", value)) > _LONGEST_DEVICE_ID:
        raise ConfigurationError("device_id", f"must have at most {_LONGEST_DEVICE_ID} characters")
    return str(value)


def _label(argument: str, value: object) -> str:
    if not _LABEL.fullmatch(text(argument, value)):
        raise ConfigurationError(argument, "must be letters, digits and hyphens")
    return str(value)


def _region(value: object) -> str:
    if not _REGION.fullmatch(text("region", value)):
        raise ConfigurationError("region", "must be a region's id, such as 'ap-guangzhou'")
    return str(value)


def default_base_url(env: str, region: str) -> str:
    """
    Name the host of an environment.

    The primary contract's host for the regions of mainland China and Hong Kong, the international
    gateway for all others.
    """
    if region in CHINA_REGIONS:
        return f"https://{env}.{region}.tcb-api.tencentcloudapi.com/auth/v1"
    return f"https://{env}.api.intl.tcloudbasegateway.com/auth/v1"


def _base_url(value: object, *, allow_http: bool) -> str:
    url = text("base_url", value).rstrip("/")
    parts, host = urlsplit(""), ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        pass  # a host or a port that cannot be one
    if not _is_host(host) or re.search(r"[^\x21-\x7e]", url):
        raise ConfigurationError("base_url", "must be an absolute URL")
    if not parts.path.endswith(_PATH):
        # Without it every call ends in a 404, and a sign-in would blame the user.
        raise ConfigurationError("base_url", f"must end in {_PATH}")
    if parts.username is not None or "?" in url or "#" in url:
        raise ConfigurationError("base_url", "must have no user, query or fragment")
    if parts.scheme == "https" or (parts.scheme == "http" and (allow_http or is_loopback(host))):
        return url
    raise ConfigurationError("base_url", "must be https, unless its host is loopback")


_PATH = "/auth/v1"


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # An empty or overlong label fails in the resolver, with an error that is not ours.
        return all(_HOST_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))
    return True


def is_loopback(host: str) -> bool:
    """Tell whether a host surely is this machine: `localhost` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@attrs.frozen(kw_only=True)
class Settings:
    """
    What a client was told, checked.

    Attributes:
        base_url: ends in `/auth/v1`, without a slash after it.
        timeout: seconds for one call, its retries included.
        connect_timeout: seconds for one connection.
        max_answer_bytes: the largest answer that is read, as sent and once unpacked.
    """

    env: str
    client_id: str
    client_secret: str | None = attrs.field(repr=False)
    base_url: str
    device_id: str
    dialect: DialectName
    timeout: float
    connect_timeout: float
    max_answer_bytes: int
    hosts: frozenset[str]

    def __reduce__(self) -> Any:
        raise TypeError("the settings of a client hold its secret and are not pickled")

    @classmethod
    def checked(
        cls,
        *,
        env: object,
        client_id: object,
        client_secret: object,
        region: object,
        base_url: object,
        device_id: object,
        dialect: object,
        timeout: object,
        connect_timeout: object,
        max_answer_bytes: object,
        allow_http: object,
    ) -> Self:
        """
        Check everything.

        Raises:
            ConfigurationError: names the first argument that is wrong.
        """
        env_id, place = _label("env", env), _region(region)
        if dialect not in get_args(DialectName):
            raise ConfigurationError("dialect", "must be 'auto', 'primary' or 'documented'")
        if type(max_answer_bytes) is not int or max_answer_bytes < 1:
            raise ConfigurationError("max_answer_bytes", "must be a positive integer")
        usual = default_base_url(env_id, place)
        insecure = flag("allow_http", allow_http)
        url = usual if base_url is None else _base_url(base_url, allow_http=insecure)
        identity = env_id if client_id is None else token("client_id", client_id)
        if ":" in identity:
            raise ConfigurationError("client_id", "must not hold a colon")  # ends the user in Basic
        return cls(
            env=env_id,
            client_id=identity,
            client_secret=None if client_secret is None else token("client_secret", client_secret),
            base_url=url,
            device_id=_device_id(device_id),
            dialect=cast("DialectName", dialect),
            timeout=seconds("timeout", timeout),
            connect_timeout=seconds("connect_timeout", connect_timeout),
            max_answer_bytes=max_answer_bytes,
            hosts=_hosts(env_id, place, url),
        )


def _hosts(env: str, region: str, base_url: str) -> frozenset[str]:
    """Name the hosts that may see a user's bearer: those of this environment, as `host:port`."""
    mainland = f"{env}.{region}.tcb-api.tencentcloudapi.com:443"
    gateways = {f"{env}.api.tcloudbasegateway.com:443", f"{env}.api.intl.tcloudbasegateway.com:443"}
    parts = urlsplit(base_url)
    own = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    return frozenset(host.lower() for host in (mainland, own, *gateways))


_ENVIRON = {
    "env": "CLOUDBASE_ENV",
    "client_id": "CLOUDBASE_CLIENT_ID",
    "client_secret": "CLOUDBASE_CLIENT_SECRET",
    "region": "CLOUDBASE_REGION",
    "base_url": "CLOUDBASE_AUTH_BASE_URL",
    "device_id": "CLOUDBASE_DEVICE_ID",
}


def from_environ(environ: Mapping[str, str] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read the arguments of a client from environment variables; an empty one counts as unset.

    Args:
        environ: read instead of `os.environ`.
        options: arguments given otherwise; they win.

    Raises:
        ConfigurationError: `CLOUDBASE_ENV` is not set, nor is `env` among the options.
    """
    source = os.environ if environ is None else environ
    found = {name: source[key] for name, key in _ENVIRON.items() if source.get(key)}
    found.update(options)
    if "env" not in found:
        raise ConfigurationError("CLOUDBASE_ENV", "is not set")
    return found


def named_as_read(error: ConfigurationError, options: Mapping[str, Any]) -> ConfigurationError:
    """Return an error whose text names the variable an argument was read from, if it was."""
    variable = _ENVIRON.get(error.argument)
    if variable is None or error.argument in options:
        return error
    problem = str(error).removeprefix(f"{error.argument}: ")
    return ConfigurationError(error.argument, problem, variable=variable)
