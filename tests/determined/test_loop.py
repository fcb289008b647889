"""The determined loop itself: its clock, its order, its hook, and what it says of a deadlock."""

import asyncio
from typing import Any

import pytest


async def _three(marks: list[str]) -> None:
    async def mark(name: str) -> None:
        for turn in range(3):
            marks.append(f"{name}{turn}")
            await asyncio.sleep(0)

    await asyncio.gather(*(mark(name) for name in "abc"))


def _order(loops: Any, seed: int | None) -> list[str]:
    marks: list[str] = []
    loops.DeterminedLoop(seed).run_until_complete(_three(marks))
    return marks


def test_time_jumps(loops: Any) -> None:
    """An hour's sleep takes no time, and the shorter of two sleeps ends first."""
    loop = loops.DeterminedLoop()
    ended: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append(loop.time())

    async def both() -> None:
        await asyncio.gather(sleep(3600), sleep(60))

    loop.run_until_complete(both())
    assert ended == [60, 3600]


def test_seeds_reproduce(loops: Any) -> None:
    """A seed gives its order each time, and seeds give many orders; each task keeps its own."""
    assert _order(loops, None)[:3] == ["a0", "b0", "c0"]
    assert _order(loops, 5) == _order(loops, 5)
    orders = {tuple(_order(loops, seed)) for seed in range(50)}
    assert len(orders) > 40
    for order in orders:
        assert [mark for mark in order if mark[0] == "b"] == ["b0", "b1", "b2"]


def test_deadlock_is_named(loops: Any) -> None:
    """Who waits for nobody is named instead of waited for."""

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await asyncio.create_task(forever(), name="the one who waits")

    loop = loops.DeterminedLoop()
    with pytest.raises(loops.Stuck, match="the one who waits"):
        loop.run_until_complete(wait())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.before_step = lambda _, __: None


def test_hook_before_a_step(loops: Any) -> None:
    """A task that is cancelled before its third step makes two, and that one raises."""
    loop = loops.DeterminedLoop()
    made: list[int] = []

    async def walk() -> None:
        for number in range(5):
            made.append(number)
            await asyncio.sleep(0)

    loop.before_step = lambda step, task: task.cancel() if step == 3 else None
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(walk())
    assert made == [0, 1]
    assert loop.steps == 3
