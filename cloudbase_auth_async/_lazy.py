"""
Public names that are loaded when they are first asked for.

pytest imports this package at the start of every run, before it measures coverage and whether or
not a test needs the service: a package that holds only names costs such a run next to nothing.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def attached(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """
    Return the `__getattr__` and the `__dir__` of a package.

    Args:
        package: its dotted name.
        homes: for each public name the submodule that has it; "" for one that is a submodule.
    """

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{home or name}")
        found = getattr(module, name) if home else module
        # Two threads may both come here; they find the same thing.
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        there = vars(sys.modules[package]).items()
        # Not what it takes to find them, nor our own modules: a completion would offer those.
        return sorted({*homes, *(name for name, found in there if _is_public(name, found))})

    return find, names


def _is_public(name: str, found: object) -> bool:
    return name.startswith("__") or (isinstance(found, ModuleType) and not name.startswith("_"))
