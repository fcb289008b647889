"""
The tests on the determined loop, where every order and every accident can be played again.

**To play a run again.** A failure names its arguments: `seed 17`, `accident 'sign out', step 9`.
`play(scenario, seed=17)` takes the same steps each time; `world.loop.trace` says which they were,
and two traces can be compared line by line. Without a seed the oldest callback runs first, so a
step number alone names the moment. Tokens and request ids differ from run to run, and nothing
here depends on them.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _sibling(name: str) -> Any:
    """Load a module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(
        f"determined_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_loop, _world, _scenes = _sibling("loop"), _sibling("world"), _sibling("scenes")


def _play(scenario: Any, *, seed: int | None = None, **options: Any) -> Any:
    return _world.play(_loop.DeterminedLoop(seed), scenario, **options)


@pytest.fixture
def loops() -> Any:
    """Return the module of the loop."""
    return _loop


@pytest.fixture
def scene() -> Any:
    """Return the class of scenes."""
    return _scenes.Scene


@pytest.fixture
def play() -> Callable[..., Any]:
    """Return what plays a scenario with a seed."""
    return _play


@pytest.fixture
def every() -> Any:
    """Return what plays a scene once with an accident before each of its steps."""
    return _scenes.Every(_play)
