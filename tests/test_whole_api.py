"""No public coroutine is left out: each has its type pinned, and each is called over sockets."""

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ServerTokens, TokenSession
from cloudbase_auth_async.flows import CodeFlow, DeviceFlow
from cloudbase_auth_async.jwks import IntrospectionVerifier, TokenVerifier
from cloudbase_auth_async.sessions import Sessions

TESTS = Path(__file__).parent
# What is no group of calls, under the name that the type tests give it.
OTHERS: dict[str, type] = {
    "asking": IntrospectionVerifier,
    "auth": AuthClient,
    "auth.sessions": Sessions,
    "device": DeviceFlow,
    "flow": CodeFlow,
    "local": TokenVerifier,
    "server": ServerTokens,
    "session": TokenSession,
}
# Called over sockets in modules of their own, as they are not one request each.
ELSEWHERE = {
    "auth.device.wait": "tests/device/test_flow.py",
    "auth.token.client_credentials": "tests/server/test_one_exchange.py",
    "session.flows.change_password": "tests/flows/test_session_flows.py",
    "session.flows.upgrade_with_provider": "tests/flows/test_session_flows.py",
}


def _coroutines(owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, thing in inspect.getmembers(owner, inspect.iscoroutinefunction):
        if not name.startswith("_"):
            yield name, thing


def _groups() -> dict[str, Callable[..., Any]]:
    """Return the coroutines of the groups on a client and on a session, by their full names."""
    client = AuthClient("an-env")
    roots: dict[str, object] = {"auth": client, "session": client.session(access_token="a")}
    found: dict[str, Callable[..., Any]] = {}
    for root, held in roots.items():
        for name in dir(held):
            group = None if name.startswith("_") else type(getattr(held, name))
            if group is not None and ".endpoints." in group.__module__ + "." + group.__name__:
                found |= {f"{root}.{name}.{n}": c for n, c in _coroutines(group)}
            elif name == "flows":
                found |= {f"{root}.flows.{n}": c for n, c in _coroutines(type(getattr(held, name)))}
    return found


def _own() -> dict[str, Callable[..., Any]]:
    return {
        f"{name}.{each}": coroutine
        for name, owner in OTHERS.items()
        for each, coroutine in _coroutines(owner)
        # What a session has from the rooms below is for the other rooms.
        if owner is not TokenSession or each in vars(TokenSession)
    }


GROUPS = _groups()
EVERYTHING = GROUPS | _own()


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return node.id if isinstance(node, ast.Name) else ""


def _pinned() -> dict[str, bool]:
    """Return what the type tests await, and whether they say of what type the answer is."""
    found: dict[str, bool] = {}
    for path in sorted((TESTS / "typing").glob("*.py")):
        tree = ast.parse(path.read_text())
        asserted = {
            ast.unparse(node.args[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "assert_type"
        }
        held = {
            ast.unparse(node.value): ast.unparse(node.targets[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
                text = ast.unparse(node)
                known = text in asserted or held.get(text) in asserted
                name = _dotted(node.value.func)
                found[name] = found.get(name, False) or known
    return found


PINNED = _pinned()


@pytest.mark.parametrize("name", EVERYTHING)
def test_type_is_pinned(name: str) -> None:
    """A type test awaits the coroutine, and says of what type its answer is."""
    assert PINNED.get(name)


def _called() -> set[str]:
    """Return what the table of operations calls, whose rows the tests of the wire go through."""
    tree = ast.parse((TESTS / "wire/conftest.py").read_text())
    chains = {
        _dotted(node.body.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and isinstance(node.body, ast.Call)
    }
    roots = {"c": "auth", "held": "session"}
    split = (chain.partition(".") for chain in chains)
    return {f"{roots[root]}.{rest}" for root, _, rest in split if root in roots}


@pytest.mark.parametrize("name", GROUPS)
def test_called_over_sockets(name: str) -> None:
    """The coroutine is in the table that the tests of the wire go through, or in one of its own."""
    if name in ELSEWHERE:
        assert name.rpartition(".")[2] in (TESTS.parent / ELSEWHERE[name]).read_text()
    else:
        assert name in _called()


def test_no_exception_is_out_of_date() -> None:
    """What is said to be called elsewhere is there, and is not in the table as well."""
    assert set(ELSEWHERE) <= set(GROUPS)
    assert not set(ELSEWHERE) & _called()
    assert len(GROUPS) > 45
