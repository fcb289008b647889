"""Settings that a person mistypes: what the error calls them, wherever they came from."""

import pickle
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError

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
