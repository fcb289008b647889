"""What users may import, and what it says of itself."""

import ast
import importlib
import inspect
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cloudbase_auth_async
from cloudbase_auth_async import (
    AuthClient,
    TicketSigner,
    TokenSession,
    errors,
    jwks,
    models,
    stores,
    testing,
)
from cloudbase_auth_async.endpoints import (
    accounts,
    authorization,
    captcha,
    device,
    devices,
    own_verification,
    provider_grants,
    providers,
    sign_in,
    sign_up,
    token,
    user,
    user_authorization,
    verification,
)
from cloudbase_auth_async.server_tokens import ServerTokens

PACKAGE = Path(cloudbase_auth_async.__file__).parent
GROUPS = [
    sign_in.SignIn,
    sign_up.SignUp,
    verification.Verification,
    token.Token,
    user.User,
    own_verification.OwnVerification,
    devices.Devices,
    user_authorization.UserAuthorization,
    providers.Providers,
    accounts.Accounts,
    authorization.ClientAuthorization,
    provider_grants.ProviderGrants,
    captcha.Captcha,
    device.Device,
]


@pytest.mark.parametrize("module", [cloudbase_auth_async, jwks, stores, testing])
def test_public_names_are_sorted_and_there(module: ModuleType) -> None:
    """`__all__` is sorted, and every name in it exists."""
    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    assert set(module.__all__) <= set(dir(module))
    in_sight = {name for name in dir(module) if not name.startswith("__")}
    beside = {name for name in in_sight if isinstance(getattr(module, name), ModuleType)}
    assert module is jwks or in_sight <= set(module.__all__) | beside
    assert not any(name.startswith("_") for name in in_sight) or module is jwks


@pytest.mark.parametrize("module", [cloudbase_auth_async, stores, testing])
def test_type_checkers_are_told_the_same(module: ModuleType) -> None:
    """What a type checker reads of a package's names is what is loaded at run time."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    (choice,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {
        alias.name: (imported.module or "").removeprefix(module.__name__).removeprefix(".")
        for imported in choice.body
        if isinstance(imported, ast.ImportFrom)
        for alias in imported.names
    }
    (loaded,) = (node for node in ast.walk(choice) if isinstance(node, ast.Dict))
    assert ast.literal_eval(loaded) == told
    assert set(told) == set(module.__all__) - {"__version__"}


FRESH = {
    "attributes": "import cloudbase_auth_async as c; c.errors.ApiError; c.models.UserProfile",
    "star": "from cloudbase_auth_async import *; assert issubclass(ApiError, CloudBaseAuthError)",
    "dir": "import cloudbase_auth_async as c; assert set(c.__all__) < set(dir(c))",
    "help": "import pydoc, cloudbase_auth_async as c; assert 'class AuthClient' in pydoc.plain("
    "pydoc.render_doc(c))",
    "pickle": "import pickle; "
    f"error = pickle.loads({pickle.dumps(errors.ConfigurationError('env', 'is odd'))!r}); "
    "assert error.argument == 'env'",
    "threads": "import concurrent.futures as f, cloudbase_auth_async as c; assert len(set(f."
    "ThreadPoolExecutor().map(lambda n: getattr(c, 'AuthClient'), range(32)))) == 1",
}


@pytest.mark.parametrize("use", FRESH)
def test_first_use_of_a_name(use: str) -> None:
    """Names that are loaded when asked for are there, however they are asked for first."""
    run = _fresh(FRESH[use])
    assert (run.returncode, run.stderr) == (0, "")


def _fresh(code: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_typed() -> None:
    """Type checkers are told that the package is typed."""
    assert (PACKAGE / "py.typed").is_file()


def test_version_is_in_the_changelog() -> None:
    """The newest entry of the changelog is the version of the package."""
    changelog = (PACKAGE.parent / "CHANGELOG.md").read_text()
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == cloudbase_auth_async.__version__


def _coroutines() -> Iterator[tuple[str, Any]]:
    for group in GROUPS:
        for name, method in inspect.getmembers(group, inspect.iscoroutinefunction):
            if not name.startswith("_"):
                yield f"{group.__name__}.{name}", method


# What stands in no group of endpoints, and makes one call of the service all the same.
ELSEWHERE = [
    ("TokenSession.refresh", TokenSession.refresh),
    ("TokenSession.sign_out", TokenSession.sign_out),
    ("IntrospectionVerifier.verify", jwks.IntrospectionVerifier.verify),
    ("ServerTokens.access_token", ServerTokens.access_token),
]


@pytest.mark.parametrize(
    ("name", "coroutine"),
    [*_coroutines(), *ELSEWHERE],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_endpoints_name_their_errors_and_their_source(name: str, coroutine: Any) -> None:
    """Each endpoint says what it raises and which dated vendor page it rests on."""
    text = inspect.getdoc(coroutine) or ""
    assert "Raises:" in text, name
    assert re.search(r"^Source: https://\S+ \(\d{4}-\d\d-\d\d\)$", text, re.MULTILINE), name


# Every endpoint, under its fixed name.
NAMES = {
    "Accounts.exists",
    "Accounts.reset_password",
    "Captcha.create",
    "Captcha.verify",
    "ClientAuthorization.info",
    "Device.authorize",
    "Device.poll",
    "Device.wait",
    "Devices.revoke",
    "Devices.revoke_all",
    "OwnVerification.send",
    "ProviderGrants.grant",
    "ProviderGrants.patch",
    "ProviderGrants.qr_code",
    "ProviderGrants.qr_code_status",
    "ProviderGrants.redirect_uri",
    "ProviderGrants.sub_type",
    "Providers.bind",
    "Providers.change",
    "Providers.list",
    "Providers.transfer",
    "Providers.unbind",
    "SignIn.anonymously",
    "SignIn.code",
    "SignIn.custom",
    "SignIn.password",
    "SignIn.provider",
    "SignUp.register",
    "Token.authorization_code",
    "Token.client_credentials",
    "Token.introspect",
    "Token.password_grant",
    "Token.refresh",
    "Token.revoke",
    "User.delete",
    "User.edit",
    "User.edit_contact",
    "User.edit_profile",
    "User.find",
    "User.me",
    "User.security_history",
    "User.sudo",
    "User.update_password",
    "User.weda_info",
    "UserAuthorization.authorize",
    "UserAuthorization.device",
    "UserAuthorization.info",
    "Verification.send",
    "Verification.verify",
}


def test_names_of_the_design_are_there() -> None:
    """The endpoints stand under their fixed names, and there are no others."""
    assert {name for name, _ in _coroutines()} == NAMES


def test_everything_public_has_a_docstring() -> None:
    """No public class, function or method is left unexplained."""
    missing = []
    for module in (errors, jwks, models, *(inspect.getmodule(group) for group in GROUPS)):
        for name, thing in inspect.getmembers(module, inspect.isclass):
            if not name.startswith("_") and thing.__module__.startswith("cloudbase_auth_async"):
                missing += [name] if not thing.__doc__ else []
    owners = (AuthClient, ServerTokens, TicketSigner, TokenSession)
    for owner in (*owners, *(getattr(jwks, name) for name in jwks.__all__)):
        members = inspect.getmembers(owner, lambda m: inspect.isfunction(m) or _is_property(m))
        missing += [n for n, m in members if not n.startswith("_") and not inspect.getdoc(m)]
    assert not missing


def _is_property(member: object) -> bool:
    return isinstance(member, property)


def test_import_starts_nothing() -> None:
    """No module of the package opens, starts or asks for anything when it is imported."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            call = ast.unparse(node) if isinstance(node, ast.Expr) else ""
            allowed = isinstance(getattr(node, "value", None), ast.Constant) or (
                # A handler or filter on our own logger is no start of anything.
                call.startswith(("_log.addFilter", "log.addHandler")) or path.name == "__main__.py"
            )
            assert not call or allowed, f"{path.name}: {call[:60]}"


def test_every_module_imports_alone() -> None:
    """Each module can be the first one imported: no order has to be known."""
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__main__.py":
            dotted = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            assert importlib.import_module(dotted.removesuffix(".__init__"))
