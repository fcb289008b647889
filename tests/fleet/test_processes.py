"""Eight processes share one session: each generation is bought once, and all go on with it."""

import asyncio
from typing import Any

WORKERS = 8
GENERATIONS = 20
EARLY_GENERATIONS = 3
LIFETIME_SECONDS = 600


async def test_one_spend_for_a_fleet(open_world: Any, place: Any) -> None:
    """Eight processes want a new token at once, late or early, and one of them spends (B2, B3)."""
    async with open_world(place, access_lifetime_seconds=LIFETIME_SECONDS) as world:
        workers = await world.workers(WORKERS)
        for generation in range(1, GENERATIONS + 1):
            world.emulator.expire_access_token()
            reports = await _all_at_once(world, workers, "token")
            assert len({report["token"] for report in reports}) == 1
            world.emulator.assert_spends(generation)
        for generation in range(1, EARLY_GENERATIONS + 1):
            # In the advisory window: all are served the old one, and one renews it.
            world.emulator.time_travel(LIFETIME_SECONDS * 0.85)
            await _all_at_once(world, workers, "land")
            world.emulator.assert_spends(GENERATIONS + generation)


async def _all_at_once(world: Any, workers: list[Any], do: str) -> list[Any]:
    """Have every worker do a thing; none fails, and all hold the same refresh token then."""
    for worker in workers:
        worker.send(do, world.now)
    reports = await asyncio.gather(*(worker.hear() for worker in workers))
    assert not [report for report in reports if "error" in report]
    assert len({report["refresh_token"] for report in reports}) == 1
    return reports
