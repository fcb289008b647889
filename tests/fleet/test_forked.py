"""A process forks with a session in its hands: parent and child both live on with it."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("forker.py")
LIFETIME_SECONDS = 7200
EARLY_SECONDS = 6950

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


async def _ask(world: Any, process: Any, who: str) -> Any:
    """Ask the parent or the child for a token."""
    process.send("token", world.now, who=who)
    report = await process.hear()
    assert "token" in report, report
    return report


async def _generations(world: Any, process: Any, spends: int) -> None:
    """Let the token die time and again: whoever is asked first buys, the other one adopts."""
    pids: set[int] = set()
    for first, second in [("child", "parent"), ("parent", "child"), ("child", "parent")]:
        world.emulator.expire_access_token()
        reports = [await _ask(world, process, who) for who in (first, second)]
        assert reports[0]["token"] == reports[1]["token"]
        pids |= {report["pid"] for report in reports}
        spends += 1
        world.emulator.assert_spends(spends)
    assert len(pids) == 2
    await _ended(process)


async def _ended(process: Any) -> None:
    process.process.stdin.close()
    assert await process.hear() == {"child": 0}


@needs_fork
@pytest.mark.parametrize("place", ["file"], indirect=True)
async def test_fork_under_the_lock(open_world: Any, place: Any) -> None:
    """A parent forks while it holds the lock, and both go on with one spend each time (B2, B15)."""
    async with open_world(place) as world:
        process = await world.worker(program=PROGRAM)
        process.send("fork locked", world.now)
        assert await process.hear() == {"forked": True}
        await _generations(world, process, 0)


@needs_fork
@pytest.mark.parametrize("place", ["file"], indirect=True)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_fork_in_a_refresh(open_world: Any, place: Any, when: str) -> None:
    """A parent forks while its refresh is under way, and the child adopts what came (B2, B15)."""
    async with open_world(place) as world:
        process = await world.worker(program=PROGRAM)
        fault = world.emulator.faults.add("POST /token", "hold", when=when)
        world.emulator.time_travel(EARLY_SECONDS)
        old = (await _ask(world, process, "parent"))["token"]
        await fault.arrived
        process.send("fork", world.now)
        assert await process.hear() == {"forked": True}
        assert (await _ask(world, process, "child"))["token"] == old
        fault.release()
        while (new := (await _ask(world, process, "parent"))["token"]) == old:  # noqa: ASYNC110 -- in another process
            await asyncio.sleep(0.01)
        world.emulator.time_travel(LIFETIME_SECONDS - EARLY_SECONDS)
        assert (await _ask(world, process, "child"))["token"] == new
        world.emulator.assert_spends(1)
        await _generations(world, process, 1)
