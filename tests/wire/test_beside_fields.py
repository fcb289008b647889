"""What the methods of the official JavaScript client take, ours take, unless a reason is given."""

import importlib.util
import inspect
import operator
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient


def _sibling(name: str) -> Any:
    """Load a module of this folder, which is no package."""
    place = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"fields_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parity, fields = _sibling("parity"), _sibling("parity_fields")


def _arguments(auth: AuthClient, names: str) -> set[str]:
    """Name all arguments of some coroutines of ours."""
    roots = {"auth": auth, "session": auth.session(access_token="a-token")}
    found: set[str] = set()
    for name in names.split():
        root, _, path = name.partition(".")
        found |= inspect.signature(operator.attrgetter(path)(roots[root])).parameters.keys()
    return found


def _reason(method: str, field: str) -> str | None:
    """Return the key of the reason for which ours has no such argument."""
    if f"{method}.{field}" in fields.RENAMED:
        return None
    keys = (f"{method}.{field}", f"*.{field}")
    return next((key for key in keys if key in fields.LEFT_OUT), None)


@pytest.mark.parametrize("method", fields.FIELDS)
async def test_ours_takes_what_theirs_takes(method: str, auth: AuthClient) -> None:
    """Each field has its argument, or the reason why it has none, and not both."""
    ours, theirs = fields.FIELDS[method]
    arguments = _arguments(auth, ours)
    for field in theirs.split():
        taken = fields.RENAMED.get(f"{method}.{field}", field) in arguments
        assert taken is (_reason(method, field) is None), field


async def test_every_exception_is_one() -> None:
    """Each reason and each other name is of a field that theirs has."""
    theirs = {f"{method}.{name}" for method, (_, n) in fields.FIELDS.items() for name in n.split()}
    assert fields.RENAMED.keys() <= theirs
    used = {_reason(*each.split(".")) for each in theirs}
    assert fields.LEFT_OUT.keys() == used - {None}


async def test_no_method_with_fields_is_forgotten() -> None:
    """Each method that ours has a coroutine for is here, unless it takes nothing."""
    offered = {row.method for row in parity.JAVASCRIPT if row.ours}
    takes_nothing = {
        "getCredentials",
        "getLoginState",
        "getProviderSubType",
        "getProviders",
        "getWedaUserInfo",
        "hasLoginState",
        "hasLoginStateSync",
        "loginGroups",
        "loginScope",
        "revokeAllDevices",
        "setCustomSignFunc",  # takes a function
        "signInWithCustomTicket",
    }
    assert fields.FIELDS.keys() == offered - takes_nothing
