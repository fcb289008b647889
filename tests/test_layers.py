"""The plan of the house, enforced: what may import what, and how large a room may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cloudbase_auth_async"

# A module imports only from layers with a lower number.
LAYERS = {
    0: {"errors._remedies_api"},
    1: {"errors._remedies_names"},
    2: {"errors._remedies", "models._fields"},
    3: {"errors._base"},
    4: {
        "errors._api",
        "errors._session",
        "models._account",
        "models._authorization",
        "models._captcha",
        "models._device",
        "models._proofs",
        "models._security",
        "models._third_party",
    },
    5: {
        "_claims",
        "_clock",
        "_lazy",
        "_packed",
        "_rsa_keys",
        "_turns",
        "_version",
        "errors",
        "events",
        "models",
    },
    6: {
        "_asked",
        "_background",
        "_keyset",
        "_observe",
        "_sealed",
        "config",
        "stores._trusted",
        "stores._turns",
        "stores.base",
    },
    7: {
        "_call",
        "_cloud_key",
        "_retry",
        "_tokens",
        "flows._asking",
        "flows._newcomer",
        "flows._progress",
        "stores._kernel_lock",
        "stores._redis_script",
        "stores._waiting",
        "stores.memory",
        "tickets",
    },
    8: {
        "_codec",
        "_hooks",
        "_lifetime",
        "_negotiate",
        "_records",
        "_request",
        "_transport",
        "stores._files",
    },
    9: {
        "_jws",
        "_policy",
        "_standing",
        "_verdict",
        "endpoints.account",
        "endpoints.server_token",
        "stores.file",
    },
    10: {
        "_brake",
        "_pipeline",
        "_place",
        "_verified",
        "endpoints",
        "endpoints.accounts",
        "endpoints.authorization",
        "endpoints.captcha",
        "endpoints.device",
        "endpoints.devices",
        "endpoints.own_verification",
        "endpoints.provider_grants",
        "endpoints.providers",
        "endpoints.sign_in",
        "endpoints.sign_up",
        "endpoints.token",
        "endpoints.user",
        "endpoints.user_authorization",
        "endpoints.verification",
        "otel",
        "stores.encrypted",
        "stores.redis",
    },
    11: {"_captcha", "_certs", "_keeping", "_remembered", "_server_bearer", "stores"},
    12: {"_flight", "_saving", "flows._code", "flows._device", "server_tokens"},
    13: {"_exchange", "flows._client"},
    14: {"_holding"},
    15: {"_sharing"},
    16: {"_adopting", "_renewal"},
    17: {"_owned", "_succession"},
    18: {"flows._session"},
    19: {"flows"},
    20: {"session"},
    21: {"sessions"},
    22: {"client"},
    23: {"__init__", "_introspected"},
    24: {"jwks"},
}
LAYER = {module: number for number, modules in LAYERS.items() for module in modules}
MODULES = sorted(PACKAGE.rglob("*.py"))
LIBRARY = [path for path in MODULES if "testing" not in path.parts]
EVERYTHING = [*MODULES, *sorted(ROOT.glob("tests/**/*.py")), *sorted(ROOT.glob("examples/*.py"))]


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _imports(path: Path) -> Iterator[str]:
    """Name every module that a file imports, `from package import module` included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _ours(path: Path, known: set[str]) -> Iterator[str]:
    for imported in _imports(path):
        if imported.startswith("cloudbase_auth_async."):
            inner = imported.removeprefix("cloudbase_auth_async.")
            while inner not in known and "." in inner:
                inner = inner.rpartition(".")[0]
            if inner in known:
                yield inner


@pytest.mark.parametrize("path", LIBRARY, ids=_name)
def test_imports_go_down(path: Path) -> None:
    """A module imports only from layers below its own."""
    for imported in _ours(path, set(LAYER)):
        assert LAYER[imported] < LAYER[_name(path)], f"{_name(path)} imports {imported}"


def test_every_module_has_a_layer() -> None:
    """A new module is given a place in the plan, and a removed one leaves it."""
    assert {_name(path) for path in LIBRARY} == set(LAYER)


@pytest.mark.parametrize("path", LIBRARY, ids=_name)
def test_library_does_not_know_its_testing_kit(path: Path) -> None:
    """Nothing outside `testing` imports it."""
    assert not [name for name in _imports(path) if ".testing" in name]


def test_testing_kit_has_no_circle() -> None:
    """Inside the testing kit, too, imports go one way."""
    kit = {_name(path): path for path in MODULES if "testing" in path.parts}
    below = {name: set(_ours(path, set(kit))) - {name} for name, path in kit.items()}
    done: set[str] = set()
    while ready := {name for name, deps in below.items() if name not in done and deps <= done}:
        done |= ready
    assert done == set(kit), f"in a circle: {sorted(set(kit) - done)}"


def test_one_module_knows_aiohttp() -> None:
    """Only the transport imports aiohttp, so another one can be put in its place."""
    knowing = {_name(p) for p in LIBRARY if any(n.split(".")[0] == "aiohttp" for n in _imports(p))}
    assert knowing == {"_transport"}


def test_nobody_reads_the_clock_past_the_clock() -> None:
    """Only `_clock` imports `time`: a test that moves the clock moves all of the library."""
    knowing = {_name(p) for p in LIBRARY if any(n.split(".")[0] == "time" for n in _imports(p))}
    assert knowing == {"_clock"}


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_are_small(path: Path) -> None:
    """No module is over 400 lines, no function over 50 without its docstring."""
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            lines = (node.end_lineno or 0) - node.lineno + 1
            lines -= docstring.count("\n") + 1 if docstring else 0
            assert lines <= 50, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_swallows_everything(path: Path) -> None:
    """A handler that catches everything raises again, so that no cancellation is lost."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and (
            node.type is None or ast.unparse(node.type) == "BaseException"
        ):
            assert any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
