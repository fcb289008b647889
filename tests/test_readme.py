"""The README's claims about the tests are held to the tests."""

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BESIDE = ROOT / "tests/wire/parity.py"
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
