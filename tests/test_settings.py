"""Settings that a person mistypes: what the error calls them, wherever they came from."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError
from cloudbase_auth_async.stores import EncryptedStore, FileStore

WRONG = [
    ({"CLOUDBASE_ENV": "c4n/x"}, "CLOUDBASE_ENV", "env"),
    ({"CLOUDBASE_CLIENT_ID": "c4n:x"}, "CLOUDBASE_CLIENT_ID", "client_id"),
    ({"CLOUDBASE_CLIENT_SECRET": "c4n\n"}, "CLOUDBASE_CLIENT_SECRET", "client_secret"),
    ({"CLOUDBASE_REGION": "c4n"}, "CLOUDBASE_REGION", "region"),
    ({"CLOUDBASE_AUTH_BASE_URL": "c4n"}, "CLOUDBASE_AUTH_BASE_URL", "base_url"),
    ({"CLOUDBASE_DEVICE_ID": "c4n" * 24}, "CLOUDBASE_DEVICE_ID", "device_id"),
]


@pytest.mark.parametrize(("environ", "variable", "argument"), WRONG)
def test_a_wrong_variable_is_named(environ: dict[str, str], variable: str, argument: str) -> None:
    """The text names the variable that somebody has to change, and never its value."""
    with pytest.raises(ConfigurationError, match=f"^{variable}: must ") as caught:
        AuthClient.from_environ({"CLOUDBASE_ENV": "env-1", **environ})
    error = caught.value
    assert error.argument == argument
    assert "c4n" not in repr(error) + repr(vars(error))
    assert (error.__cause__, error.__context__) == (None, None)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 -- our own


@pytest.mark.parametrize(
    ("options", "argument"), [({"region": "c4n"}, "region"), ({"timeout": 0}, "timeout")]
)
def test_a_wrong_option_is_named(options: dict[str, Any], argument: str) -> None:
    """What was given as an argument is called by the argument's name, whatever is set."""
    environ = {"CLOUDBASE_ENV": "env-1", "CLOUDBASE_REGION": "ap-guangzhou"}
    with pytest.raises(ConfigurationError, match=f"^{argument}: must ") as caught:
        AuthClient.from_environ(environ, **options)
    assert caught.value.argument == argument


@pytest.mark.parametrize("wrong", ["false", "", 0, 1, None])
def test_a_flag_that_is_none(wrong: Any) -> None:
    """A text, as from a variable, does not silently allow http: it is true, whatever it says."""
    for url in ("http://10.0.0.1/auth/v1", None):
        with pytest.raises(ConfigurationError, match=r"^allow_http: must be True or False$"):
            AuthClient("env-1", base_url=url, allow_http=wrong)


@pytest.mark.parametrize(
    "region", ["ap-guangzhou", "ap-shanghai-fsi", "na-siliconvalley", "ap-x-1"]
)
def test_regions(region: str) -> None:
    """What has the form of a region's id is taken: the vendor may open new ones."""
    assert AuthClient("env-1", region=region).base_url.startswith("https://env-1.a")


MISTYPED = ["guangzhou", "ap_guangzhou", "AP-GUANGZHOU", "ap guangzhou", "ap-guangzhou\n", "ap-"]
MISTYPED += ["ap-1", "a-guangzhou", "ap--guangzhou", "ap-guangzhou-", "ap-" + "g" * 61, "广州"]


@pytest.mark.parametrize("region", MISTYPED)
def test_a_mistyped_region_is_refused(region: str) -> None:
    """A region that cannot be one does not silently mean the international host."""
    with pytest.raises(ConfigurationError, match=r"^region: .* such as 'ap-guangzhou'$") as caught:
        AuthClient("env-1", region=region)
    assert f"{region!r}" not in str(caught.value)


WRONG_STORES = ["sessions", FileStore, {}, object()]


@pytest.mark.parametrize("wrong", WRONG_STORES, ids=range(4))
def test_a_store_that_is_none(wrong: Any) -> None:
    """What is no store is refused when the client is made, and not at the first sign-in."""
    with pytest.raises(ConfigurationError, match=r"store: .*FileStore\(path\)"):
        AuthClient("env", store=wrong)
    with pytest.raises(ConfigurationError, match="inner: must be a store"):
        EncryptedStore(wrong, [EncryptedStore.new_key()])


@pytest.mark.parametrize("wrong", [3, "", None, b"x"])
def test_a_path_that_is_none(wrong: Any) -> None:
    """A path that cannot be one is refused, the empty one, too."""
    with pytest.raises(ConfigurationError, match="path: must be the path of a directory"):
        FileStore(wrong)


def test_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `~` in a store's path is the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FileStore("~/sessions")._place == tmp_path / "sessions"


async def _receiver(_: object) -> None:
    """Take an event and do nothing."""


def test_a_receiver_that_would_not_be_awaited() -> None:
    """A coroutine function as a receiver of events is refused: nobody would await it."""
    with pytest.raises(ConfigurationError, match="on_event: must be a plain function"):
        AuthClient("env", on_event=_receiver)


@pytest.mark.parametrize("make", ["text", "blocking"])
def test_a_redis_client_that_is_none(make: str) -> None:
    """Neither an address nor a blocking client is taken for a client of redis.asyncio."""
    redis = pytest.importorskip("redis")
    from cloudbase_auth_async.stores import RedisStore  # noqa: PLC0415 - needs the extra

    wrong: Any = "redis://localhost" if make == "text" else redis.Redis()
    with pytest.raises(ConfigurationError, match=r"client of redis\.asyncio"):
        RedisStore(wrong)
