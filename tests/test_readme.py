"""The README's claims about the tests are held to the tests."""

import ast
import builtins
import importlib.util
import re
from pathlib import Path
from typing import Any, Final

import pytest

from cloudbase_auth_async import AuthClient

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BESIDE = ROOT / "tests/wire/parity.py"
# What a client shows beside its groups.
CLIENT: Final = {"aclose", "base_url", "device_id", "from_environ", "server", "session", "sessions"}
NAMED = sorted(set(re.findall(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`", README)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda each: each.rpartition("/")[2])
def test_named_tests_are_there(file: str, test: str) -> None:
    """Each test file that the README names exists, and has the test it names."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not test or test in functions


def test_every_accident_has_a_test() -> None:
    """No row of the table of accidents goes without a test, and no test stands for two."""
    table = README.partition("### The table of accidents")[2].partition("\n\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    tests = [re.search(r"`(tests/\S+::\w+)` \|$", row) for row in rows]
    assert len(rows) > 25
    assert all(tests)
    assert len({found.group(1) for found in tests if found}) == len(rows)


def _parity() -> Any:
    """Load the rows that the README's table is made of."""
    spec = importlib.util.spec_from_file_location("readme_parity", BESIDE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_operation_of_the_official_clients_has_its_row() -> None:
    """The README's table has the rows of the data that the tests beside those clients go by."""
    section = README.partition("Beside the official clients\n")[2].partition("\n\n#")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == list(
        _parity().table()
    )


def test_nothing_is_in_sight_that_the_readme_does_not_name() -> None:
    """A client, its groups, a session and a server's token show what their rows name, no more."""
    table = README.partition("## What there is\n")[2].partition("\n\nCalls about")[0]
    rows = re.findall(r"^\| `((?:auth|session)\.[a-z_]+)[^|]* \| (.+) \|$", table, re.MULTILINE)
    named = {place: set(re.findall(r"`(\w+)`", told)) for place, told in rows}
    auth = AuthClient("env-id")
    session = auth.session(access_token="an-access-token")
    groups = {place: set(_groups(place, named)) for place in ("auth", "session")}
    assert _in_sight(auth) == groups["auth"] | CLIENT
    assert _in_sight(session) == named.pop("auth.session") | groups["session"]
    assert _in_sight(auth.server("AKID", "key")) == named.pop("auth.server")
    assert len(named) > 15
    for place, names in named.items():
        owner, _, group = place.partition(".")
        assert _in_sight(getattr(auth if owner == "auth" else session, group)) == names, place


# What a block may take from the reader's own program, and from the blocks before it.
YOURS: Final = {
    "auth",
    "bearer",
    "secret_id",
    "secret_key",
    "session",
    "sub",
    "typed",
}
BLOCKS: Final = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_blocks_say_where_their_names_come_from(number: int) -> None:
    """A block of code that is copied out of the README lacks no import and no definition."""
    tree = ast.parse(BLOCKS[number])
    known, used = {*dir(builtins), *YOURS}, set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                known.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                known.add(name)
            case ast.alias(name=name, asname=other):
                known.add(other or name.partition(".")[0])
    assert len(BLOCKS) > 10
    assert not used - known


def _groups(owner: str, named: dict[str, set[str]]) -> list[str]:
    made = {"auth.session", "auth.server"}
    return [place.partition(".")[2] for place in named.keys() - made if place.startswith(owner)]


def _in_sight(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}
