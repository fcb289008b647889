"""Promise 11: hooks are outside; what they do is their own affair."""

import asyncio
from typing import Any

import pytest


async def test_told_in_order(world: Any) -> None:
    """Each new pair is told once, in order, and None at the end, to sync and async hooks."""
    session = await world.session()
    plain: list[Any] = []
    slow: list[Any] = []

    async def slowly(tokens: Any) -> None:
        await asyncio.sleep(0)
        slow.append(tokens)

    session.on_change(plain.append)
    session.on_change(slowly)
    pairs = [await session.refresh() for _ in range(5)]
    await session.sign_out()
    await world.drained()
    assert plain == slow == [*pairs, None]


async def test_slow_hook_delays_nobody(world: Any) -> None:
    """Callers go on while a hook takes its time, and it still hears everything in order (B10)."""
    session = await world.session()
    gate = asyncio.Event()
    heard: list[Any] = []

    async def slow(tokens: Any) -> None:
        await gate.wait()
        heard.append(tokens)

    session.on_change(slow)
    pairs = [await session.refresh() for _ in range(3)]
    await session.user.me()
    assert heard == []
    gate.set()
    await world.drained()
    assert heard == pairs


async def test_one_at_a_time(world: Any) -> None:
    """A hook is told of a change when it is done with the one before, so none is stored last."""
    session = await world.session()
    gate = asyncio.Event()
    began: list[Any] = []
    stored: list[Any] = []

    async def store(tokens: Any) -> None:
        began.append(tokens)
        if len(began) == 1:
            await gate.wait()
        stored.append(tokens)

    session.on_change(store)
    pairs = [await session.refresh(), await session.refresh()]
    await session.user.me()
    assert began == pairs[:1]
    gate.set()
    await world.drained()
    assert stored == pairs


@pytest.mark.parametrize("name", ["access_token", "refresh", "sign_out", "me", "aclose"])
async def test_hook_calls_back(world: Any, name: str) -> None:
    """A hook that calls the session back finishes at once (B10, B12)."""
    session = await world.session()
    done: list[Any] = []

    async def hook(tokens: Any) -> None:
        if tokens is None or done:
            return
        done.append(tokens)
        call = session.user.me if name == "me" else getattr(session, name)
        await asyncio.wait_for(call(), 20)
        done.append("finished")

    session.on_change(hook)
    await session.refresh()
    await world.drained()
    assert done[1:] == ["finished"]


async def test_hook_that_refreshes_from_the_next_change(world: Any) -> None:
    """A hook that refreshes each time until five pairs were told does not deadlock (B10)."""
    session = await world.session()
    told: list[Any] = []

    async def hook(tokens: Any) -> None:
        told.append(tokens)
        if len(told) < 5:
            await session.refresh()

    session.on_change(hook)
    await session.refresh()
    await world.drained()
    assert len(set(told)) == 5
    assert told[-1] is session.tokens


async def test_hook_that_raises(world: Any) -> None:
    """What a hook raises goes to the loop's handler; callers and other hooks see nothing (B33)."""
    session = await world.session()
    heard: list[Any] = []

    async def broken(_: Any) -> None:
        raise LookupError("somebody's bug")

    def also_broken(_: Any) -> None:
        raise LookupError("another bug")

    for hook in (broken, also_broken, heard.append):
        session.on_change(hook)
    world.clock.advance(7201)
    await session.user.me()
    await session.refresh()
    await world.drained()
    failures = [trouble["exception"] for trouble in world.troubles]
    world.troubles.clear()
    assert [str(failure) for failure in failures] == ["somebody's bug", "another bug"] * 2
    assert len(heard) == 2


async def test_hook_that_ends_in_a_cancellation(world: Any) -> None:
    """A hook that lets somebody's `CancelledError` out robs no other hook of its news (B33)."""
    session = await world.session()
    heard: list[Any] = []

    async def broken(_: Any) -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task

    session.on_change(broken)
    session.on_change(heard.append)
    pairs = [await session.refresh(), await session.refresh()]
    await world.drained()
    world.troubles.clear()
    assert heard == pairs


async def test_told_after_the_commit(world: Any) -> None:
    """When a hook runs, the session already holds what it is told (B29)."""
    session = await world.session()
    seen: list[bool] = []
    session.on_change(lambda tokens: seen.append(tokens is session.tokens))
    await session.refresh()
    await world.drained()
    assert seen == [True]


async def test_removed(world: Any) -> None:
    """A hook that was removed hears no more; removing it twice is no error."""
    session = await world.session()
    first: list[Any] = []
    second: list[Any] = []
    remove = session.on_change(first.append)
    session.on_change(second.append)
    await session.refresh()
    await world.drained()
    remove()
    remove()
    await session.refresh()
    await world.drained()
    assert (len(first), len(second)) == (1, 2)


async def test_hook_removes_itself(world: Any) -> None:
    """A hook may take itself away while it runs."""
    session = await world.session()
    told: list[Any] = []

    def once(tokens: Any) -> None:
        told.append(tokens)
        remove()

    remove = session.on_change(once)
    await session.refresh()
    await session.refresh()
    await world.drained()
    assert len(told) == 1


async def test_failed_refresh_is_no_change(world: Any) -> None:
    """Nothing changed, nothing told."""
    session = await world.session()
    told: list[Any] = []
    session.on_change(told.append)
    world.emulator.faults.add("POST /token", "status", status=429)
    world.clock.advance(7000)
    await session.access_token()
    await world.drained()
    assert told == []


async def test_nobody_is_told_of_another(world: Any) -> None:
    """A hook hears of its own session, and of a twin's refresh when it shared it (B8)."""
    alice, bob = await world.session("alice"), await world.session("bob")
    twin = world.auth.session(alice.tokens)
    heard: dict[str, list[Any]] = {"alice": [], "bob": [], "twin": []}
    for name, session in (("alice", alice), ("bob", bob), ("twin", twin)):
        session.on_change(heard[name].append)
    await asyncio.gather(alice.refresh(), twin.refresh())
    await world.drained()
    assert heard == {"alice": [alice.tokens], "bob": [], "twin": [alice.tokens]}
