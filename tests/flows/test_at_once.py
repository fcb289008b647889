"""A flow that is run twice at once, or goes on elsewhere from where it was cut short."""

import asyncio
import json
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.models import Verification
from cloudbase_auth_async.testing import Emulator

MAIL = "alice@example.com"


@attrs.define
class Slow:
    """Somebody who answers when told to."""

    typed: asyncio.Future[str] = attrs.field(
        factory=lambda: asyncio.get_running_loop().create_future()
    )
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    times: int = 0

    async def __call__(self, _: Verification) -> str:
        """Wait for the word, and say it each time."""
        self.times += 1
        self.asked.set()
        return await asyncio.shield(self.typed)


async def test_two_runs(auth: AuthClient, emulator: Emulator, sent: Any) -> None:
    """Two runs at once send one code, and have one answer (B5)."""
    flow, first, second = auth.flows.sign_in_or_up(email=MAIL), Slow(), Slow()
    runs = [asyncio.create_task(flow.run(ask)) for ask in (first, second)]
    await first.asked.wait()
    await second.asked.wait()
    first.typed.set_result(emulator.codes[MAIL])
    tokens = await runs[0]
    second.typed.set_result("whatever")
    assert await runs[1] is tokens
    assert sent() == ["POST /verification", "POST /verification/verify", "POST /signin"]


async def test_given_up_by_the_other_run(auth: AuthClient, emulator: Emulator, sent: Any) -> None:
    """Who was asked for a code that another run gave up is asked for the next one (B5)."""
    flow, wrong, right = auth.flows.sign_in_or_up(email=MAIL), Slow(), Slow()

    async def read(sent: Verification) -> str:
        first = await right(sent)
        return first if right.times == 1 else emulator.codes[MAIL]

    runs = [asyncio.create_task(flow.run(ask)) for ask in (wrong, read)]
    await wrong.asked.wait()
    await right.asked.wait()
    wrong.typed.set_result("wrong!")
    with pytest.raises(errors.InvalidCode):
        await runs[0]
    assert not flow.sent
    right.typed.set_result("of the first")
    assert (await runs[1]).sub
    assert right.times == 2
    assert sent().count("POST /verification") == 2
    assert sent().count("POST /verification/verify") == 4


async def test_proof_used_up_in_two_runs(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """Two runs that hold a used-up proof find out together, and send one code (B4, B5)."""
    first = auth.flows.sign_in_or_up(email=MAIL)
    emulator.faults.add("POST /signin", "drop_after")
    with pytest.raises(errors.TransportError):
        await first.run(person(MAIL))
    flow = auth.flows.sign_in_or_up(email=MAIL, resume=first.to_dict())
    one, other = await asyncio.gather(flow.run(person(MAIL)), flow.run(person(MAIL)))
    assert one is other
    assert sent().count("POST /verification") == 2


async def test_completed_where_it_was_given_up(auth: AuthClient, sent: Any) -> None:
    """Who completes with a code that is given up meanwhile is told that there is none."""
    first = auth.flows.sign_in_or_up(email=MAIL)
    await first.send()
    flow = auth.flows.sign_in_or_up(email=MAIL, resume=first.to_dict() | {"doubtful": True})
    wrong = [flow.complete("wrong!") for _ in range(2)]
    refused, late = await asyncio.gather(*wrong, return_exceptions=True)
    assert isinstance(refused, errors.InvalidCode)
    assert isinstance(late, errors.ConfigurationError)
    assert (late.argument, sent().count("POST /verification/verify")) == ("code", 1)


@pytest.mark.parametrize("turns", range(36))
async def test_cut_short_and_taken_elsewhere(
    auth: AuthClient, emulator: Emulator, person: Any, turns: int
) -> None:
    """What is written down when a run is cancelled is gone on with elsewhere, in one run (B5)."""
    async with emulator.client() as ending:
        flow = ending.flows.sign_in_or_up(email=MAIL)
        caller = asyncio.create_task(flow.run(person(MAIL)))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller})
        saved = json.loads(json.dumps(flow.to_dict()))
    asked = person(MAIL)
    assert (await auth.flows.sign_in_or_up(email=MAIL, resume=saved).run(asked)).sub
    assert len(asked.asked) <= 2


async def test_done_by_the_other_run_too_late(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """Where the other run ends when its proof is dead, no code is sent for what is done (B5)."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    held = emulator.faults.add("POST /signin", "hold", when="after")
    first = asyncio.create_task(flow.run(person(MAIL)))
    await held.arrived
    emulator.clock.advance(seconds=601)
    assert not flow.proven
    second = asyncio.create_task(flow.run(person(MAIL)))
    while len(auth._background._tasks) < 2:  # noqa: ASYNC110 - until it would send one
        await asyncio.sleep(0)
    held.release()
    assert await first is await second
    assert sent().count("POST /verification") == 1
