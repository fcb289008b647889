"""A `TokenSession` is a face: what is held lives as long as anything of it is in use."""

import asyncio
import gc
from typing import Any

KEY = "the-key-of-alice"


async def test_a_group_alone_keeps_its_session_in_use(world: Any) -> None:
    """Who kept `session.user` alone shares the pair, and its one refresh, with the next `get`."""
    a = await world.join()
    user = (await world.kept(a)).user
    gc.collect()
    again = await a.get()
    assert await a.get() is again
    world.clock.advance(7201)
    await asyncio.gather(user.me(), again.user.me())
    assert world.emulator.spends == 1
    await again.sign_out()
    assert await a.auth.sessions.get(KEY) is None


async def test_a_hook_outlives_the_face_it_came_by(world: Any) -> None:
    """A hook is told of changes as long as anything of the session is in use."""
    a = await world.join()
    session = await world.kept(a)
    news: list[Any] = []
    session.on_change(news.append)
    user = session.user
    del session
    gc.collect()
    again = await a.get()
    await again.refresh()
    await world.until(lambda: news)
    assert news == [again.tokens]
    assert (await user.me()).sub == again.tokens.sub


async def test_nothing_in_use_is_nothing_held(world: Any) -> None:
    """With its last part gone a session leaves the memory, faces and all (B38)."""
    a = await world.join()
    session = await world.kept(a)
    parts = [session.user, session.flows, session.middleware, session.providers]
    del session
    gc.collect()
    assert list(a.auth.sessions._here)
    parts.clear()
    gc.collect()
    assert not a.auth.sessions._here
