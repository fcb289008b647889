"""Locks inside one process: order, growth, loops that ended, forks."""

import asyncio
import math
import os
import threading

import pytest

from cloudbase_auth_async.stores._turns import Line, Turns
from cloudbase_auth_async.stores.memory import MemoryStore


async def _take(turns: Turns, key: str = "a", *, wait: float = math.inf) -> Line:
    line = await turns.take(key, asyncio.get_running_loop().time() + wait)
    assert line is not None
    return line


async def test_order() -> None:
    """Who came first is served first, and nothing is remembered in the end."""
    turns = Turns()
    served: list[int] = []
    line = await _take(turns)

    async def visit(number: int) -> None:
        mine = await _take(turns)
        served.append(number)
        turns.give_back("a", mine)

    visits = [asyncio.create_task(visit(number)) for number in range(1000)]
    await asyncio.sleep(0)
    turns.give_back("a", line)
    await asyncio.gather(*visits)
    assert served == list(range(1000))
    assert len(turns) == 0


async def test_nobody_jumps_the_queue() -> None:
    """A key that was handed over is taken, even before its new holder runs."""
    turns = Turns()
    line = await _take(turns)
    waiter = asyncio.create_task(_take(turns))
    await asyncio.sleep(0)
    turns.give_back("a", line)
    assert await turns.take("a", 0) is None
    turns.give_back("a", await waiter)
    assert await turns.take("a", 0) is not None


async def test_waiters_in_vain_leave_nothing() -> None:
    """Waiters that ran out of time or were cancelled are not kept (B11)."""
    turns = Turns()
    line = await _take(turns)
    for _ in range(100):
        assert await turns.take("a", 0) is None
    waiters = [asyncio.create_task(_take(turns)) for _ in range(100)]
    await asyncio.sleep(0)
    assert len(line.waiters) == 100
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)
    assert len(line.waiters) == 0
    turns.give_back("a", line)
    assert len(turns) == 0


async def test_handed_over_to_a_cancelled_waiter() -> None:
    """A waiter cancelled between its turn and its next step hands the key on (B11)."""
    turns = Turns()
    line = await _take(turns)
    first, second = (asyncio.create_task(_take(turns)) for _ in range(2))
    await asyncio.sleep(0)
    turns.give_back("a", line)
    first.cancel()
    turns.give_back("a", await second)
    assert first.cancelled()
    assert len(turns) == 0


def test_loop_that_ended() -> None:
    """A key held when its loop was closed is free in the next loop (B15)."""
    turns = Turns()
    old = asyncio.run(_take(turns))
    new = asyncio.run(_take(turns, wait=0))
    assert new is not old
    turns.give_back("a", old)  # too late: it is not theirs any more
    assert len(turns) == 1


def test_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key held by the process this one was forked from is free here (B15)."""

    async def scene() -> None:
        turns = Turns()
        line = await _take(turns)
        waiter = asyncio.create_task(_take(turns))
        await asyncio.sleep(0)
        parent = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
        mine = await _take(turns, wait=0)
        turns.give_back("a", line)  # the parent's `with` block ends here, too: nobody is woken
        assert await turns.take("a", 0) is None
        assert not waiter.done()
        turns.give_back("a", mine)
        waiter.cancel()

    asyncio.run(scene())


def test_two_running_loops() -> None:
    """A key held in another thread's running loop is waited for, in time or in vain."""
    turns = Turns()
    taken, leave = threading.Event(), threading.Event()

    async def other() -> None:
        line = await _take(turns)
        taken.set()
        while not leave.is_set():  # noqa: ASYNC110 -- the event is another thread's
            await asyncio.sleep(0.001)
        turns.give_back("a", line)

    async def here() -> None:
        assert await turns.take("a", 0) is None
        asyncio.get_running_loop().call_soon(leave.set)
        turns.give_back("a", await _take(turns))

    thread = threading.Thread(target=asyncio.run, args=(other(),))
    thread.start()
    assert taken.wait(30)
    asyncio.run(here())
    thread.join()
    assert len(turns) == 0


async def test_memory_store_forgets_its_locks() -> None:
    """A store that locked many keys remembers none."""
    store = MemoryStore()
    for number in range(100):
        async with store.lock(str(number), wait_seconds=0, hold_seconds=1):
            assert len(store._turns) == 1
    assert len(store._turns) == 0
