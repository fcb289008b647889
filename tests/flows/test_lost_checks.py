"""A code whose check, or whose replacement, got no answer: dead or alive, nobody knows."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, errors
from cloudbase_auth_async.testing import Emulator

MAIL = "alice@example.com"
CHECK = "POST /verification/verify"
LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("half_body", {}),
    ("empty", {}),
    ("wrong_types", {}),
]
# The service has not seen the check, but who waits for an answer cannot know that.
UNSEEN: list[tuple[str, dict[str, Any]]] = [
    ("drop_before", {}),
    ("bad_gateway", {}),
    ("status", {"status": 503}),
]
# These say that nothing was done.
HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("refuse", {"times": 3}),  # as often as a client tries
    ("rate_limited", {}),
    ("status", {"status": 400, "body": b'{"error":"captcha_required"}'}),
]


@pytest.fixture
async def near(emulator: Emulator) -> AsyncIterator[AuthClient]:
    """Return a client without sockets, where a refused connection is that of one call."""
    async with emulator.memory_client() as client:
        yield client


def _ids(faults: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [f"{kind}{more.get('status', '')}" for kind, more in faults]


async def _unanswered(
    auth: AuthClient, emulator: Emulator, person: Any, fault: tuple[str, dict[str, Any]]
) -> Any:
    """Return a flow whose first check failed, as another process would go on with it."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    emulator.faults.add(CHECK, fault[0], **fault[1])
    with pytest.raises(errors.CloudBaseAuthError):
        await flow.run(person(MAIL))
    return auth.flows.sign_in_or_up(email=MAIL, resume=json.loads(json.dumps(flow.to_dict())))


@pytest.mark.parametrize("fault", LOST, ids=_ids(LOST))
async def test_code_that_was_used_up(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any, fault: Any
) -> None:
    """Asked for once more, and refused once, a code is replaced at once (B4)."""
    flow, asked = await _unanswered(auth, emulator, person, fault), person(MAIL)
    assert flow.sent
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 2
    assert sent().count("POST /verification") == 2
    assert sent().count(CHECK) == 3


@pytest.mark.parametrize("fault", UNSEEN + HARMLESS, ids=_ids(UNSEEN + HARMLESS))
async def test_code_that_is_still_good(
    near: AuthClient, emulator: Emulator, person: Any, sent: Any, fault: Any
) -> None:
    """Where the check never arrived, the code is asked for once more and no other is sent (B4)."""
    flow, asked = await _unanswered(near, emulator, person, fault), person(MAIL)
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 1
    assert sent().count("POST /verification") == 1


@pytest.mark.parametrize("fault", UNSEEN, ids=_ids(UNSEEN))
async def test_slip_after_it(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any, fault: Any
) -> None:
    """Who mistypes once then gets one new code, and may mistype that as any other."""
    flow, asked = await _unanswered(auth, emulator, person, fault), person(MAIL, slips=2)
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 3
    assert sent().count("POST /verification") == 2


@pytest.mark.parametrize("fault", HARMLESS, ids=_ids(HARMLESS))
async def test_slip_after_a_refusal(
    near: AuthClient, emulator: Emulator, person: Any, sent: Any, fault: Any
) -> None:
    """Where nothing was done, a slip costs no new code."""
    flow, asked = await _unanswered(near, emulator, person, fault), person(MAIL, slips=2)
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 3
    assert sent().count("POST /verification") == 1


async def test_in_two_requests(auth: AuthClient, emulator: Emulator, sent: Any) -> None:
    """A web app is told by `sent` that the code is given up (B4)."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    emulator.faults.add(CHECK, "drop_after")
    code = emulator.codes[MAIL]
    with pytest.raises(errors.TransportError):
        await flow.complete(code)
    again = auth.flows.sign_in_or_up(email=MAIL, resume=flow.to_dict())
    assert again.sent
    with pytest.raises(errors.InvalidCode):
        await again.complete(code)
    assert not again.sent
    with pytest.raises(errors.ConfigurationError, match="before one was sent"):
        await again.complete(code)
    await again.send()
    assert (await again.complete(emulator.codes[MAIL])).sub
    assert sent().count("POST /verification") == 2


async def test_closed_in_the_middle(emulator: Emulator, person: Any) -> None:
    """A check that was cut short by the end of its client may have used the code up, too (B4)."""
    async with emulator.client(close_timeout=0.01) as auth:
        flow = auth.flows.sign_in_or_up(email=MAIL)
        await flow.send()
        saved = flow.to_dict()
        held = emulator.faults.add(CHECK, "hold", when="after")
        held.arrived.then(lambda: saved.update(flow.to_dict()))
        with pytest.raises(errors.ClientClosed):
            await _closed_over(auth, held, flow.complete(emulator.codes[MAIL]))
    emulator.faults.release()
    assert flow.to_dict() == saved
    async with emulator.client() as other:
        asked = person(MAIL)
        assert (await other.flows.sign_in_or_up(email=MAIL, resume=saved).run(asked)).sub
    assert len(asked.asked) == 2


async def _closed_over(auth: AuthClient, held: Any, work: Any) -> None:
    closing = asyncio.create_task(_close_when(auth, held))
    try:
        await work
    finally:
        await closing


async def _close_when(auth: AuthClient, held: Any) -> None:
    await held.arrived
    await auth.aclose()


async def test_another_code_whose_sending_was_not_answered(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """A code in whose place another was sent, without an answer, is given up at once (B4)."""
    flow, asked = auth.flows.sign_in_or_up(email=MAIL), person(MAIL)
    await flow.send()
    emulator.faults.add("POST /verification", "drop_after")
    with pytest.raises(errors.TransportError):
        await flow.send()
    assert flow.sent
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 2
    assert sent().count("POST /verification") == 3


async def test_another_code_that_is_refused(
    auth: AuthClient, emulator: Emulator, person: Any, sent: Any
) -> None:
    """A code in whose place none was sent is as good as before."""
    flow, asked = auth.flows.sign_in_or_up(email=MAIL), person(MAIL, slips=2)
    await flow.send()
    emulator.faults.add("POST /verification", "rate_limited")
    with pytest.raises(errors.RateLimited):
        await flow.send()
    assert (await flow.run(asked)).sub
    assert len(asked.asked) == 3
    assert sent().count("POST /verification") == 2


async def test_saved_by_an_older_version(auth: AuthClient, emulator: Emulator) -> None:
    """What a version wrote that knew no doubt is read as it was meant."""
    flow = auth.flows.sign_in_or_up(email=MAIL)
    await flow.send()
    saved = {name: value for name, value in flow.to_dict().items() if name != "doubtful"}
    assert len(saved) == len(flow.to_dict()) - 1
    resumed = auth.flows.sign_in_or_up(email=MAIL, resume=saved)
    assert resumed.to_dict() == flow.to_dict()
    assert (await resumed.complete(emulator.codes[MAIL])).sub


@pytest.mark.parametrize("fault", HARMLESS, ids=_ids(HARMLESS))
async def test_proof_that_was_not_looked_at(
    near: AuthClient, emulator: Emulator, person: Any, sent: Any, fault: Any
) -> None:
    """A proof that surely was not looked at is as good as new: its first refusal costs no code."""
    flow = near.flows.sign_in_or_up(email=MAIL)
    emulator.faults.add("POST /signin", fault[0], **fault[1])
    with pytest.raises(errors.CloudBaseAuthError):
        await flow.run(person(MAIL))
    emulator.faults.add("POST /signin", "status", status=400, body=b'{"error":"invalid_argument"}')
    with pytest.raises(errors.InvalidArgument):
        await flow.run(person(MAIL))
    assert flow.proven
    assert (await flow.run(person(MAIL))).sub
    assert sent().count("POST /verification") == 1
