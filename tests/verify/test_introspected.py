"""Tokens the service is asked about: what it says counts, is kept briefly, and is never made up."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from cloudbase_auth_async import AuthClient, ConfigurationError, errors
from cloudbase_auth_async.jwks import IntrospectionVerifier
from cloudbase_auth_async.testing import Emulator, ManualClock

ROUTE = "GET /token/introspect"


def asked(gate: Any) -> int:
    """Count the questions the service was asked."""
    return len(gate.sent(ROUTE))


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
async def test_a_live_token(open_gate: Any, dialect: str) -> None:
    """A live token says the same as one that is verified locally."""
    async with open_gate(dialect=dialect, client={"dialect": "auto"}) as gate:
        token = await gate.token()
        local = await gate.verifier.verify(token)
        claims = await IntrospectionVerifier(gate.auth).verify(token)
        assert claims == local
        assert claims.sub == gate.alice.sub


@pytest.mark.parametrize("dialect", ["primary", "documented", "both"])
async def test_a_revoked_token(open_gate: Any, forge: Any, dialect: str) -> None:
    """What was revoked is refused once the last answer is older than `ttl`."""
    async with open_gate(dialect=dialect) as gate:
        verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(seconds=20))
        token = await gate.token()
        await verifier.verify(token)
        gate.emulator.revoke(token)
        gate.clock.advance(19)
        assert await verifier.verify(token)
        gate.clock.advance(1)
        assert await forge.refused(verifier, token) == "inactive"
        assert await gate.verifier.verify(token)


async def test_an_opaque_token(open_gate: Any) -> None:
    """A token that is no JWT says what the service says of it."""
    async with open_gate(opaque_access_tokens=True) as gate:
        verifier = IntrospectionVerifier(gate.auth)
        claims = await verifier.verify(await gate.token())
        assert claims.sub == gate.alice.sub
        assert claims.scopes == {"user", "sso"}
        assert claims.aud == ("demo-env",)
        assert (claims.iss, claims.name) == (None, None)


async def test_answers_are_kept(open_gate: Any, forge: Any) -> None:
    """Yes and no are both believed for `ttl`, and asked for once however many want to know."""
    async with open_gate(client={"dialect": "primary"}) as gate:
        verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(seconds=30))
        good, bad = await gate.token(), gate.signer.sign(forge.claims())
        for count in (1, 2):
            await asyncio.gather(*(verifier.verify(good) for _ in range(20)))
            again = await asyncio.gather(*(forge.refused(verifier, bad) for _ in range(20)))
            assert set(again) == {"inactive"}
            gate.clock.advance(29)
            for _ in range(3):
                assert await verifier.verify(good)
                assert await forge.refused(verifier, bad) == "inactive"
            assert asked(gate) == 2 * count
            gate.clock.advance(1)


async def test_no_answer_is_kept(gate: Any) -> None:
    """With no time to live each verification asks."""
    verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(0))
    token = await gate.token()
    for count in (1, 2, 3):
        await verifier.verify(token)
        assert asked(gate) == count


async def test_an_answer_dies_with_its_token(open_gate: Any, forge: Any) -> None:
    """An answer is not believed beyond the expiry of the token it is about."""
    async with open_gate(access_lifetime_seconds=10) as gate:
        verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(minutes=10))
        token = await gate.token()
        await verifier.verify(token)
        gate.clock.advance(9)
        await verifier.verify(token)
        assert asked(gate) == 1
        gate.clock.advance(1)
        assert await forge.refused(verifier, token) == "inactive"


@pytest.mark.parametrize("kind", ["drop_before", "bad_gateway", "empty", "wrong_types"])
async def test_no_answer_is_no_yes(gate: Any, kind: str) -> None:
    """While the service cannot be asked its trouble is raised, and not remembered."""
    verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(seconds=5))
    token = await gate.token()
    await verifier.verify(token)
    gate.clock.advance(5)
    gate.emulator.faults.add(ROUTE, kind, times=None)
    failures = []
    for _ in range(2):
        with pytest.raises(errors.CloudBaseAuthError) as caught:
            await verifier.verify(token)
        assert not isinstance(caught.value, errors.VerificationFailed)
        failures.append(caught.value)
    assert failures[0] is not failures[1]
    gate.emulator.faults.clear()
    assert await verifier.verify(token)


async def test_a_refused_client_is_no_bad_token(open_gate: Any) -> None:
    """A client whose own secret is wrong learns that, and no user is turned away for it."""
    options = {"client_secret": "wrong-secret", "dialect": "primary"}
    async with open_gate(dialect="primary", client=options) as gate:
        token = gate.emulator.tokens(gate.alice)["access_token"]
        with pytest.raises(errors.ApiError) as caught:
            await IntrospectionVerifier(gate.auth).verify(token)
        assert isinstance(caught.value, errors.InvalidClient | errors.Unauthenticated)


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "another user": ({"active": True, "sub": "somebody-else"}, "subject"),
    "nobody": ({"active": True}, "subject"),
    "an empty user": ({"active": True, "sub": ""}, "subject"),
    "another client": ({"active": True, "client_id": "another"}, "audience"),
    "inactive": ({"active": False, "sub": "alice"}, "inactive"),
    "nothing": ({}, "inactive"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_answers_that_refuse(open_gate: Any, forge: Any, case: str) -> None:
    """An answer must be about the user and the client of the token it was asked about."""
    async with open_gate(client={"dialect": "primary"}) as gate:
        verifier = IntrospectionVerifier(gate.auth)
        token = await gate.token()
        body, reason = ANSWERS[case]
        if reason == "audience":
            body = body | {"sub": gate.alice.sub}
        gate.emulator.faults.add(ROUTE, "status", status=200, body=body, times=None)
        failures = []
        for _ in range(2):
            with pytest.raises(errors.VerificationFailed) as caught:
                await verifier.verify(token)
            failures.append(caught.value)
        assert [failure.reason for failure in failures] == [reason, reason]
        assert failures[0] is not failures[1]
        assert asked(gate) == 1


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "a publishable key": ({"meta": {"platform": "PublishableKey"}}, "subject"),
    "a publishable key by its subject": ({"sub": "anon"}, "subject"),
    "another client": ({"aud": "AOJ8-another"}, "audience"),
    "a name of another type": ({"name": 7}, "malformed"),
    "an expiry of another type": ({"exp": "soon"}, "malformed"),
}


@pytest.mark.parametrize("case", CLAIMS)
async def test_active_and_no_user(open_gate: Any, forge: Any, case: str) -> None:
    """What the service calls active must still be a user's token, and say so in good order."""
    changes, reason = CLAIMS[case]
    async with open_gate(client={"dialect": "primary"}) as gate:
        claims = forge.claims(**changes)
        body = {"active": True, "sub": claims["sub"]}
        gate.emulator.faults.add(ROUTE, "status", status=200, body=body, times=None)
        verifier = IntrospectionVerifier(gate.auth)
        assert await forge.refused(verifier, gate.signer.sign(claims)) == reason
        open_ = IntrospectionVerifier(gate.auth, allow_publishable_keys=True)
        lenient = await forge.refused(open_, gate.signer.sign(claims))
        assert lenient == ("accepted" if reason == "subject" else reason)


async def test_what_the_service_adds(open_gate: Any) -> None:
    """An expiry the service tells of an opaque token bounds the answer, too."""
    async with open_gate(client={"dialect": "primary"}) as gate:
        body = {"active": True, "sub": "u", "exp": int(gate.clock.wall()) + 10, "org": "x"}
        gate.emulator.faults.add(ROUTE, "status", status=200, body=body, times=None)
        verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(minutes=1))
        claims = await verifier.verify("an-opaque-token")
        assert claims.exp is not None
        assert claims.exp.timestamp() == gate.clock.wall() + 10
        assert dict(claims.extra) == {"org": "x"}
        gate.clock.advance(10)
        await verifier.verify("an-opaque-token")
        assert asked(gate) == 2


async def test_an_answer_that_says_little(open_gate: Any, forge: Any) -> None:
    """Of an opaque token its user is enough, unless it is no user."""
    async with open_gate(client={"dialect": "primary"}) as gate:
        verifier = IntrospectionVerifier(gate.auth, ttl=timedelta(minutes=1))
        for sub, outcome in (("u", "accepted"), ("anon", "subject")):
            body = {"active": True, "sub": sub}
            gate.emulator.faults.clear()
            gate.emulator.faults.add(ROUTE, "status", status=200, body=body, times=None)
            before = asked(gate)
            assert await forge.refused(verifier, f"opaque-{sub}-token") == outcome
            gate.clock.advance(59)
            assert await forge.refused(verifier, f"opaque-{sub}-token") == outcome
            assert asked(gate) == before + 1


def test_two_loops(forge: Any) -> None:
    """A question that a loop took with it is asked anew in the next; its token is forgotten."""
    emulator = Emulator(clock=ManualClock())
    alice = emulator.add_user(username="alice", password="Passw0rd!")
    auth = emulator.memory_client()
    verifier = IntrospectionVerifier(auth)
    token, other = (emulator.tokens(alice)["access_token"] for _ in range(2))
    fault = emulator.faults.add(ROUTE, "hold")
    keep: list[Any] = []

    async def leave() -> None:
        keep.append(asyncio.create_task(verifier.verify(token)))
        await fault.arrived

    async def come_back() -> None:
        assert len(verifier._asking) == 1
        assert (await verifier.verify(other)).sub == alice.sub
        assert not verifier._asking
        assert (await verifier.verify(token)).sub == alice.sub
        await auth.aclose()

    forge.run_in_a_loop(leave)
    forge.run_in_a_loop(come_back)


def test_the_same_question_in_two_loops(forge: Any) -> None:
    """Who asks what a loop that is gone was asking is not left waiting for that loop."""
    emulator = Emulator(clock=ManualClock())
    alice = emulator.add_user(username="alice", password="Passw0rd!")
    auth = emulator.memory_client()
    verifier = IntrospectionVerifier(auth)
    token = emulator.tokens(alice)["access_token"]
    fault = emulator.faults.add(ROUTE, "hold")
    keep: list[Any] = []

    async def leave() -> None:
        keep.append(asyncio.create_task(verifier.verify(token)))
        await fault.arrived

    async def come_back() -> None:
        assert (await verifier.verify(token)).sub == alice.sub
        await auth.aclose()

    forge.run_in_a_loop(leave)
    forge.run_in_a_loop(come_back)


async def test_a_bug_is_no_bad_token(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug reaches whoever waits and the loop's handler, and nothing of it is kept."""
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    seen: list[Any] = []
    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))
    with monkeypatch.context() as patch:
        patch.setattr("cloudbase_auth_async._introspected.claims_of", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await verifier.verify(token)
    await asyncio.sleep(0)
    loop.set_exception_handler(usual)
    assert [type(bug) for bug in seen] == [ZeroDivisionError]
    assert await verifier.verify(token)


async def test_memory(open_gate: Any, forge: Any) -> None:
    """A bounded number of answers is kept, those used last; junk pushes no user's out."""
    async with open_gate(client={"dialect": "documented"}) as gate:
        verifier = IntrospectionVerifier(gate.auth, max_entries=3)
        good = [await gate.token() for _ in range(3)]
        for token in good:
            await verifier.verify(token)
        for count in range(50):
            assert await forge.refused(verifier, f"junk-{count}") == "inactive"
        assert len(verifier._good._answers) == len(verifier._bad._answers) == 3
        assert not verifier._asking
        before = asked(gate)
        for token in good:
            await verifier.verify(token)
        assert asked(gate) == before
        await verifier.verify(good[0])
        await verifier.verify(await gate.token())  # good[1] was used longest ago
        before = asked(gate)
        await verifier.verify(good[0])
        assert asked(gate) == before
        await verifier.verify(good[1])
        assert asked(gate) == before + 1


async def test_nobody_changes_what_is_kept(gate: Any) -> None:
    """What a caller does to its claims is not seen by the next one."""
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    first = await verifier.verify(token)
    first.meta["wxOpenId"] = first.extra["at_hash"] = "changed"  # type: ignore[index]
    second = await verifier.verify(token)
    assert second.meta["wxOpenId"] == ""
    assert second.extra["at_hash"] != "changed"
    assert asked(gate) == 1


async def test_no_token_is_kept(gate: Any, forge: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the token nor a plain hash of it stays in memory or stands in a text (B23)."""
    caplog.set_level(logging.DEBUG)
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    await verifier.verify(token)
    with pytest.raises(errors.VerificationFailed) as caught:
        await verifier.verify("a-canary-of-a-token")
    assert "canary" not in f"{[frame.locals for frame in forge.frames(caught.value)]}"
    other = IntrospectionVerifier(gate.auth)
    await other.verify(token)
    assert set(verifier._good._answers).isdisjoint(other._good._answers)
    held = f"{verifier._good._answers} {verifier._bad._answers} {caplog.text} {verifier!r}"
    assert token.rpartition(".")[2] not in held
    assert "canary" not in held


@pytest.mark.parametrize("junk", ["", "a b", "x" * 8193, "\u00e9", "\ud800", "a\n", None, b"a"])
async def test_junk(gate: Any, forge: Any, junk: Any) -> None:
    """What cannot stand in a header is refused without a question."""
    assert await forge.refused(IntrospectionVerifier(gate.auth), junk) == "malformed"
    assert asked(gate) == 0


async def test_cancellation(gate: Any) -> None:
    """A cancelled caller hurts neither the question nor anybody else."""
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    fault = gate.emulator.faults.add(ROUTE, "hold")
    first, second = (asyncio.create_task(verifier.verify(token)) for _ in range(2))
    await fault.arrived
    first.cancel()
    await asyncio.wait((first,))
    assert first.cancelled()
    fault.release()
    assert (await second).sub == gate.alice.sub
    assert asked(gate) == 1


async def test_close_in_the_middle(gate: Any) -> None:
    """Closing the client ends a question at once, and nothing is answered afterwards."""
    verifier = IntrospectionVerifier(gate.auth)
    token = await gate.token()
    await verifier.verify(token)
    other = await gate.token()
    fault = gate.emulator.faults.add(ROUTE, "hold")
    task = asyncio.create_task(verifier.verify(other))
    await fault.arrived
    await gate.auth.aclose()  # waits for nothing, or would for longer than a test may take
    for pending in (task, verifier.verify(token)):
        with pytest.raises(errors.ClientClosed):
            await pending
    fault.release()


WRONG = {
    "auth": ({"auth": None}, "auth"),
    "no entries": ({"max_entries": 0}, "max_entries"),
    "entries of another type": ({"max_entries": 10.0}, "max_entries"),
    "true entries": ({"max_entries": True}, "max_entries"),
    "seconds as a number": ({"ttl": 30}, "ttl"),
    "a time below zero": ({"ttl": timedelta(seconds=-1)}, "ttl"),
    "a day": ({"ttl": timedelta(days=1)}, "ttl"),
    "one audience": ({"audiences": "demo-env"}, "audiences"),
    "a flag as a text": ({"allow_publishable_keys": "false"}, "allow_publishable_keys"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_arguments(forge: Any, case: str) -> None:
    """A wrong argument is named when the verifier is made; durations are timedeltas (B40)."""
    changes, argument = WRONG[case]
    async with AuthClient("demo-env") as auth:
        with pytest.raises(ConfigurationError) as caught:
            IntrospectionVerifier(**({"auth": auth} | changes))
    assert caught.value.argument == argument
    assert [frame.name for frame in forge.frames(caught.value)] == ["edge"]
