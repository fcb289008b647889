"""The README's claims about the tests are held to the tests."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
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
