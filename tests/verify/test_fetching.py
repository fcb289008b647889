"""Keys are fetched once for many, behind those who need not wait, and survive an outage (B21)."""

import asyncio
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async.jwks import TokenVerifier
from cloudbase_auth_async.testing import Emulator, ManualClock

DOWN = {"error": "unavailable", "error_code": 14, "error_description": "later"}


async def test_one_fetch_for_many(gate: Any, forge: Any) -> None:
    """Twenty first verifications at once cost one request for keys."""
    token = await gate.token()
    found = await asyncio.gather(*(gate.verifier.verify(token) for _ in range(20)))
    assert {claims.sub for claims in found} == {gate.alice.sub}
    assert gate.fetches == 1
    await gate.verifier.verify(token)
    assert gate.fetches == 1


async def test_a_hanging_fetch_stalls_nobody(gate: Any, forge: Any) -> None:
    """While a fetch hangs, tokens of known keys are verified, and no thread waits for it (B16)."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    await gate.verifier.verify(token)
    gate.clock.advance(60)
    gate.emulator.faults.clear()
    fault = gate.emulator.faults.add(forge.certs, "hold")
    threads = set(threading.enumerate())
    stranger = gate.signer.sign(forge.claims(), kid="not-there-yet")
    waiting = asyncio.create_task(gate.verifier.verify(stranger))
    await fault.arrived
    for _ in range(100):
        await gate.verifier.verify(token)
        await asyncio.sleep(0)
    gate.clock.advance(900)  # old enough to be renewed: still nobody waits
    await gate.verifier.verify(token)
    assert not waiting.done()
    assert set(threading.enumerate()) <= threads
    assert gate.fetches == 2
    fault.release()
    with pytest.raises(errors.VerificationFailed):
        await waiting


async def test_no_wait_on_the_way(gate: Any, forge: Any) -> None:
    """With a known key a verification never gives way: it is done within one turn of the loop."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    await gate.verifier.verify(token)
    for seconds in (0, 700):
        gate.clock.advance(seconds)
        with pytest.raises(StopIteration) as done:
            gate.verifier.verify(token).send(None)
        assert done.value.value.sub == "1871234567890123456"
    await gate.settled()
    assert gate.fetches == 2


async def test_renewal_behind(gate: Any, forge: Any) -> None:
    """Keys of ten minutes are renewed behind the verification that needs them, once."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    await gate.verifier.verify(token)
    gate.clock.advance(599)
    await gate.verifier.verify(token)
    await gate.settled()
    assert gate.fetches == 1
    gate.clock.advance(1)
    await asyncio.gather(*(gate.verifier.verify(token) for _ in range(20)))
    await gate.settled()
    assert gate.fetches == 2
    gate.clock.advance(599)
    await gate.verifier.verify(token)
    await gate.settled()
    assert gate.fetches == 2


async def test_a_withdrawn_key(gate: Any, forge: Any) -> None:
    """A key that is no longer published is refused once the keys were renewed."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    await gate.verifier.verify(token)
    gate.publish(gate.signer.jwk(kid="its-successor"))
    gate.clock.advance(600)
    await gate.verifier.verify(token)
    await gate.settled()
    assert await forge.refused(gate.verifier, token) == "key"


async def test_after_an_idle_hour(gate: Any, forge: Any) -> None:
    """A verifier that nobody used for an hour asks before it trusts a key again."""
    gate.publish()
    token = gate.signer.sign(forge.claims())
    await gate.verifier.verify(token)
    gate.publish(gate.signer.jwk(kid="its-successor"))
    gate.clock.advance(3600)
    assert await forge.refused(gate.verifier, token) == "key"


@pytest.mark.parametrize(
    "way", ["503", "404", "302", "html", "no keys", "no list", "drop", "refuse"]
)
async def test_an_outage(gate: Any, forge: Any, way: str) -> None:
    """With the endpoint down, tokens are verified with the keys held, for a day and no longer."""
    gate.publish()
    token = gate.signer.sign(forge.claims(exp=forge.now + 10 * 86400))
    await gate.verifier.verify(token)
    await _break(gate, forge.certs, way)
    for hours in (1, 10, 12.9):
        gate.clock.advance(hours * 3600)
        assert (await gate.verifier.verify(token)).sub
        await gate.settled()
    gate.clock.advance(3600)
    with pytest.raises(errors.CloudBaseAuthError):
        await gate.verifier.verify(token)
    assert {entry.path for entry in gate.emulator.journal} == {"/auth/v1/certs"}
    gate.emulator.faults.clear()
    await gate.emulator.start_listening()
    gate.publish()
    gate.clock.advance(10)
    assert (await gate.verifier.verify(token)).sub


async def _break(gate: Any, route: str, way: str) -> None:
    gate.emulator.faults.clear()
    faults = gate.emulator.faults
    if way == "503":
        gate.answer(DOWN, status=503)
    elif way == "404":
        gate.answer({"error": "not_found"}, status=404)
    elif way == "302":
        elsewhere = {"Location": gate.emulator.origin + "/elsewhere"}
        faults.add(route, "status", status=302, headers=elsewhere, times=None)
    elif way == "no keys":
        gate.answer({"keys": [{"kty": "EC", "kid": gate.signer.kid}]})
    elif way == "no list":
        gate.answer({"keys": {"kid": gate.signer.kid}})
    elif way == "html":
        faults.add(route, "status", status=200, body="<html>", times=None)
    elif way == "drop":
        faults.add(route, "drop_before", times=None)
    else:
        await gate.emulator.stop_listening()


async def test_a_day_of_its_own(open_gate: Any, forge: Any) -> None:
    """How long keys outlive the service can be said; a short one is renewed in time."""
    async with open_gate(verifier={"key_max_age": timedelta(minutes=4)}) as gate:
        gate.publish()
        token = gate.signer.sign(forge.claims())
        await gate.verifier.verify(token)
        gate.clock.advance(120)
        await gate.verifier.verify(token)
        await gate.settled()
        assert gate.fetches == 2
        gate.answer(DOWN, status=503)
        gate.clock.advance(239)
        await gate.verifier.verify(token)
        await gate.settled()
        gate.clock.advance(60)
        with pytest.raises(errors.ServerUnavailable):
            await gate.verifier.verify(token)


async def test_a_failed_fetch_is_told(
    gate: Any, forge: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Who needs a key and cannot get it is told the service's trouble, not that a token is bad."""
    gate.answer(DOWN, status=503)
    token = gate.signer.sign(forge.claims())
    with caplog.at_level(logging.WARNING), pytest.raises(errors.ServerUnavailable) as first:
        await gate.verifier.verify(token)
    asked = gate.fetches
    with pytest.raises(errors.ServerUnavailable) as second:
        await gate.verifier.verify(token)
    assert gate.fetches == asked <= 3
    assert first.value is not second.value
    assert caplog.messages == ["certs: no keys were fetched: ServerUnavailable"]
    assert gate.verifier._keys._keyset.failure.__traceback__ is None
    gate.publish()
    gate.clock.advance(2.1)  # its clock shows a fraction by now: pauses before retries are random
    assert await gate.verifier.verify(token)


async def test_no_key_of_use(gate: Any, forge: Any) -> None:
    """A service that publishes no usable key is broken: no user is told to sign in again."""
    gate.answer({"keys": []})
    with pytest.raises(errors.DecodeError) as caught:
        await gate.verifier.verify(gate.signer.sign(forge.claims()))
    assert caught.value.path == "$.keys"


@pytest.mark.parametrize("works", [True, False])
async def test_forged_key_ids(gate: Any, forge: Any, *, works: bool) -> None:
    """Ten thousand random key ids cost one request in ten seconds, and little memory."""
    gate.publish()
    good = gate.signer.sign(forge.claims())
    await gate.verifier.verify(good)
    if not works:
        gate.answer(DOWN, status=503)
    began = gate.clock.monotonic()
    for count in range(10_000):
        if count % 1000 == 0:
            gate.clock.advance(4)
        forged = f"{_head(forge, f'forged-{count}')}.e30.AAAA"
        with pytest.raises(errors.CloudBaseAuthError):
            await gate.verifier.verify(forged)
    spent = gate.clock.monotonic() - began
    assert spent == pytest.approx(40)
    assert 2 <= gate.fetches - 1 <= spent / 10
    assert len(gate.verifier._keys._keyset.missing) <= 64
    assert await gate.verifier.verify(good)


def _head(forge: Any, kid: str) -> str:
    text: str = forge.encoded(f'{{"alg":"RS256","kid":"{kid}"}}'.encode())
    return text


async def test_one_forged_key_id(gate: Any, forge: Any) -> None:
    """A client that comes with one unknown key again and again costs a request a minute."""
    gate.publish()
    await gate.forged()
    gate.clock.advance(60)
    token = gate.signer.sign(forge.claims(), kid="of-another-environment")
    for _ in range(60):
        assert await forge.refused(gate.verifier, token) == "key"
        gate.clock.advance(2)
    assert gate.fetches == 1 + 2


async def test_rotation(gate: Any, forge: Any) -> None:
    """Tokens of a new key are good at once, and those of the old one stay good."""
    old = await gate.token()
    await gate.verifier.verify(old)
    gate.clock.advance(10)
    gate.emulator.roll_key()
    new = await gate.token()
    assert (await gate.verifier.verify(new)).sub == gate.alice.sub
    assert (await gate.verifier.verify(old)).sub == gate.alice.sub
    assert gate.fetches == 2


async def test_rotation_under_attack(gate: Any, forge: Any) -> None:
    """Whatever forged ids are tried meanwhile, a new key is known within the cooldown."""
    gate.publish()
    await gate.forged()
    gate.clock.advance(10)
    forged = gate.signer.sign(forge.claims(), kid="forged")
    assert await forge.refused(gate.verifier, forged) == "key"
    successor = forge.Signer("successor", forge.private_key("successor"))
    gate.publish(gate.signer.jwk(), successor.jwk())
    token = successor.sign(forge.claims())
    assert await forge.refused(gate.verifier, token) == "key"
    gate.clock.advance(9.9)
    assert await forge.refused(gate.verifier, token) == "key"
    gate.clock.advance(0.1)
    assert await gate.verifier.verify(token)


async def test_a_late_publication(gate: Any, forge: Any) -> None:
    """A key that is used before it is published is known a minute later, or with any other."""
    gate.publish()
    await gate.forged()
    gate.clock.advance(10)
    successor = forge.Signer("successor", forge.private_key("successor"))
    token = successor.sign(forge.claims())
    assert await forge.refused(gate.verifier, token) == "key"
    gate.publish(gate.signer.jwk(), successor.jwk())
    gate.clock.advance(59)
    assert await forge.refused(gate.verifier, token) == "key"
    gate.clock.advance(1)
    assert await gate.verifier.verify(token)


async def test_who_joined_a_fetch_in_vain(gate: Any, forge: Any) -> None:
    """A key that was asked for while a fetch ran is not taken for missing: it may be newer."""
    gate.publish()
    await gate.forged()
    gate.clock.advance(10)
    gate.emulator.faults.clear()
    body = {"keys": [gate.signer.jwk()]}
    fault = gate.emulator.faults.add(forge.certs, "hold")
    gate.emulator.faults.add(forge.certs, "status", status=200, body=body)
    successor = forge.Signer("successor", forge.private_key("successor"))
    first = gate.signer.sign(forge.claims(), kid="forged")
    second = successor.sign(forge.claims())
    tasks = [asyncio.create_task(forge.refused(gate.verifier, first))]
    await fault.arrived
    tasks.append(asyncio.create_task(forge.refused(gate.verifier, second)))
    await asyncio.sleep(0)
    fault.release()
    assert await asyncio.gather(*tasks) == ["key", "key"]
    gate.publish(gate.signer.jwk(), successor.jwk())
    gate.clock.advance(10)
    assert await gate.verifier.verify(second)
    assert await forge.refused(gate.verifier, first) == "key"


async def test_cancellation(gate: Any, forge: Any) -> None:
    """A cancelled caller is cancelled at once, and hurts neither the fetch nor anybody else."""
    token = await gate.token()
    fault = gate.emulator.faults.add(forge.certs, "hold")
    first = asyncio.create_task(gate.verifier.verify(token))
    others = [asyncio.create_task(gate.verifier.verify(token)) for _ in range(5)]
    await fault.arrived
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert first.cancelled()
    fault.release()
    found = await asyncio.gather(*others)
    assert {claims.sub for claims in found} == {gate.alice.sub}
    assert gate.fetches == 1


async def test_everybody_cancelled(gate: Any, forge: Any) -> None:
    """A fetch that nobody waits for any more still brings its keys."""
    token = await gate.token()
    fault = gate.emulator.faults.add(forge.certs, "hold")
    task = asyncio.create_task(gate.verifier.verify(token))
    await fault.arrived
    task.cancel()
    await asyncio.wait((task,))
    fault.release()
    await gate.settled()
    await gate.verifier.verify(token)
    assert gate.fetches == 1


async def test_close_in_the_middle(gate: Any, forge: Any) -> None:
    """Closing the client ends a fetch at once, and tells those who wait for it."""
    token = await gate.token()
    fault = gate.emulator.faults.add(forge.certs, "hold")
    task = asyncio.create_task(gate.verifier.verify(token))
    await fault.arrived
    await gate.auth.aclose()  # waits for nothing, or would for longer than a test may take
    with pytest.raises(errors.ClientClosed):
        await task
    fault.release()


async def test_a_bug_is_no_bad_token(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the fetch reaches whoever waits and the loop's handler, and nothing is kept."""
    token = await gate.token()
    seen: list[Any] = []
    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))
    with monkeypatch.context() as patch:
        patch.setattr("cloudbase_auth_async._certs.usable", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await gate.verifier.verify(token)
    await asyncio.sleep(0)
    loop.set_exception_handler(usual)
    assert [type(bug) for bug in seen] == [ZeroDivisionError]
    assert await gate.verifier.verify(token)


def test_two_loops(forge: Any) -> None:
    """A verifier lives on in a second loop, even if the first ended in the middle of a fetch."""
    emulator = Emulator(clock=ManualClock())
    alice = emulator.add_user(username="alice", password="Passw0rd!")
    auth = emulator.memory_client()
    verifier = TokenVerifier(auth)
    token = emulator.tokens(alice)["access_token"]
    fault = emulator.faults.add(forge.certs, "hold")

    keep: list[Any] = []

    async def leave() -> None:
        keep.extend(asyncio.create_task(verifier.verify(token)) for _ in range(3))
        await fault.arrived

    async def come_back() -> None:
        found = await asyncio.gather(*(verifier.verify(token) for _ in range(3)))
        assert {claims.sub for claims in found} == {alice.sub}
        await auth.aclose()

    forge.run_in_a_loop(leave)
    forge.run_in_a_loop(come_back)
