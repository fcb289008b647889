"""A session behind a proxy that spoils connections outlives it, as far as that can be had."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location("fleet_chaos", Path(__file__).with_name("chaos.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
chaos: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(chaos)

SHARE = 0.2


@pytest.mark.parametrize("seed", range(3))
async def test_forgiving_service(seed: int) -> None:
    """Where a lost answer can be had again, no accident ever ends the session (B4, B40)."""
    async with chaos.behind_chaos(seed=seed, share=SHARE, forgiving=True) as run:
        await run.go(300)
    assert run.ends == 0
    assert run.outcomes["served"] > run.generations


@pytest.mark.parametrize("seed", range(3))
async def test_strict_service(seed: int) -> None:
    """Where it cannot, only a lost answer ends it, and not before its token is dead (B4, B7)."""
    async with chaos.behind_chaos(seed=seed, share=SHARE, forgiving=False) as run:
        await run.go(100)
    assert run.ends
    drawn = run.proxy.drawn
    assert run.ends <= drawn["lose"] + drawn["truncate"] + drawn["half-close"] + drawn["stall"]
