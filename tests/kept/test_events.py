"""The event stream: what happened, in order, after the fact, and nobody's secret in it."""

import asyncio
import hashlib
import logging
from typing import Any

import attrs
import pytest

from cloudbase_auth_async import errors, events

KEY = "the-key-of-alice"
PASSWORD = "Passw0rd!"


def _names(process: Any) -> list[str]:
    return [type(event).__name__ for event in process.events]


async def test_a_refresh(world: Any) -> None:
    """A refresh that two wanted: started, joined, committed, with what one would log (B1)."""
    a = await world.join()
    ours = await world.kept(a)
    await asyncio.gather(ours.refresh(), ours.refresh())
    await world.until(lambda: len(a.events) == 3)
    assert _names(a) == ["RefreshStarted", "RefreshJoined", "RefreshCommitted"]
    committed = a.events[-1]
    assert committed.expires_at == ours.tokens.expires_at
    assert (committed.sub, committed.key) == (ours.tokens.sub, KEY)
    assert (committed.at, committed.seconds) == (world.clock.wall(), 0)


async def test_a_session_that_is_not_kept(world: Any) -> None:
    """Sessions without a key tell the same."""
    a = await world.join()
    session = a.auth.session(await a.auth.sign_in.password("alice", PASSWORD))
    await session.refresh()
    await world.until(lambda: len(a.events) == 2)
    assert _names(a) == ["RefreshStarted", "RefreshCommitted"]
    assert (a.events[0].sub, a.events[0].key) == (session.tokens.sub, None)


async def test_adopted(world: Any) -> None:
    """A pair that another process bought is adopted, not committed (B2)."""
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    await theirs.refresh()
    await ours.refresh()
    await world.until(lambda: len(a.events) == 2)
    assert _names(a) == ["RefreshStarted", "RefreshAdopted"]
    assert a.events[-1].expires_at == theirs.tokens.expires_at


@pytest.mark.parametrize(
    ("fault", "name", "reason"),
    [
        ({"kind": "status", "status": 429}, "RefreshRefused", "resource_exhausted"),
        ({"kind": "drop_after"}, "RefreshUnknown", "ConnectionLost"),
        ({"kind": "half_body"}, "RefreshUnknown", "ConnectionLost"),
    ],
)
async def test_failed(world: Any, fault: Any, name: str, reason: str) -> None:
    """A refresh that failed says whether it surely did, why, and in which request (B18)."""
    a = await world.join()
    ours = await world.kept(a)
    fault = dict(fault)
    world.emulator.faults.add("POST /token", fault.pop("kind"), **fault)
    with pytest.raises(errors.CloudBaseAuthError):
        await ours.refresh()
    await world.until(lambda: len(a.events) == 2)
    assert _names(a) == ["RefreshStarted", name]
    assert a.events[-1].reason in (reason, "RateLimited")
    assert a.events[-1].request_id == world.sent("POST /token")[0].header("x-request-id") or (
        name == "RefreshRefused"
    )


async def test_refused_for_good(world: Any) -> None:
    """A session that the service ended is told once, as refused, after the refresh (B7)."""
    a = await world.join()
    ours = await world.kept(a)
    world.emulator.revoke(ours.tokens.access_token, session=True)
    for _ in range(3):
        with pytest.raises(errors.SessionEnded):
            await ours.refresh()
        await world.turn(3)
    assert _names(a) == ["RefreshStarted", "RefreshRefused", "SessionOver"]
    assert (a.events[1].reason, a.events[2].reason) == ("invalid_grant", "refused")


@pytest.mark.parametrize("how", ["signed_out", "dropped", "elsewhere", "replaced"])
async def test_over(world: Any, how: str) -> None:
    """Each way a session can end is told by its name, once."""
    a, b = await world.joined(2)
    ours = await world.kept(a)
    match how:
        case "signed_out":
            await ours.sign_out()
            await ours.sign_out()
        case "dropped":
            await a.auth.sessions.drop(KEY)
        case "elsewhere":
            await b.auth.sessions.drop(KEY)
            await a.auth.sessions.get(KEY)
        case _:
            await world.kept(b, "bob")
            await a.auth.sessions.get(KEY)
    await world.until(lambda: a.events)
    await world.turn(3)
    assert _names(a) == ["SessionOver"]
    assert (a.events[0].reason, a.events[0].key) == (how, KEY)


async def test_store_trouble(world: Any) -> None:
    """The store's failure is told before the commit it hurts, its recovery when it is so (B6)."""
    a = await world.join()
    ours = await world.kept(a)
    a.store.heal()
    a.store.fails = lambda number, _: number >= 3
    await ours.refresh()
    await world.until(lambda: len(a.events) == 3)
    assert _names(a) == ["RefreshStarted", "StoreDegraded", "RefreshCommitted"]
    assert a.events[1].problem == "flaky: not to be reached"
    assert a.events[1].unsaved
    a.store.heal()
    world.clock.advance(31)
    await world.until(lambda: len(a.events) == 4)
    assert _names(a)[-1] == "StoreRecovered"


async def test_reauthentication_needed(world: Any) -> None:
    """An access-only session says once, and before it dies, that it will (B28)."""
    a = await world.join()
    pair = await a.auth.sign_in.password("alice", PASSWORD)
    session = await a.auth.sessions.put(KEY, {"access_token": pair.access_token})
    for _ in range(71):
        world.clock.advance(100)
        await session.access_token()
        await world.turn(2)
    assert _names(a) == ["ReauthenticationNeeded"]
    assert a.events[0].expires_at == session.tokens.expires_at
    assert a.events[0].at < session.tokens.expires_at.timestamp()
    assert not session.can_refresh
    world.clock.advance(200)
    with pytest.raises(errors.ReauthenticationRequired, match="sign in again"):
        await session.access_token()
    await world.turn(2)
    assert len(a.events) == 1
    await a.auth.sessions.put(KEY, (await a.auth.sign_in.password("alice", PASSWORD)))
    await session.access_token()


async def test_after_the_fact(world: Any) -> None:
    """Who is told of a commit finds it in the session and in the store, under no lock (B10)."""
    seen: list[Any] = []
    a = await world.join(on_event=lambda event: seen.append((event, _state())))
    ours = await world.kept(a)

    def _state() -> Any:
        return ours.tokens.expires_at, a.store.steps[-1], a.flight(ours)

    world.clock.advance(10)
    await ours.refresh()
    await world.until(lambda: len(seen) == 2)
    event, state = seen[-1]
    assert isinstance(event, events.RefreshCommitted)
    assert state == (event.expires_at, "unlock", None)


async def test_receiver_that_fails(world: Any) -> None:
    """What a receiver raises goes to the loop's handler, and hurts nobody (B33)."""

    def receiver(event: events.Event) -> None:
        raise ValueError(type(event).__name__)

    a = await world.join(on_event=receiver)
    ours = await world.kept(a)
    await ours.refresh()
    await world.until(lambda: len(world.troubles) == 2)
    assert [str(trouble["exception"]) for trouble in world.troubles] == [
        "RefreshStarted",
        "RefreshCommitted",
    ]
    assert {trouble["message"] for trouble in world.troubles} == {"an on_event function failed"}
    world.troubles.clear()
    await ours.user.me()


async def test_receiver_that_calls_back(world: Any) -> None:
    """A receiver may begin calls of its own (B10)."""
    tasks: list[Any] = []

    def receiver(event: events.Event) -> None:
        if isinstance(event, events.RefreshCommitted) and len(tasks) < 3:
            tasks.append(asyncio.create_task(ours.refresh()))

    a = await world.join(on_event=receiver)
    ours = await world.kept(a)
    await ours.refresh()
    await world.until(lambda: len(tasks) == 3)
    await asyncio.gather(*tasks)
    world.emulator.assert_spends(4)


@pytest.mark.parametrize("receiver", ["text", 7])
def test_receiver_that_is_none(world: Any, receiver: Any) -> None:
    """A receiver that cannot be called is a clear error at once."""
    with pytest.raises(errors.ConfigurationError, match="on_event"):
        world.emulator.client(on_event=receiver)


async def test_no_secrets(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log at DEBUG nor an event's repr shows a token, a key or a user (B23)."""
    caplog.set_level(logging.DEBUG)
    a, b = await world.joined(2)
    ours, theirs = await world.kept(a), await b.get()
    sub = ours.tokens.sub
    await ours.refresh()
    await asyncio.gather(theirs.refresh(), theirs.refresh())
    world.emulator.faults.add("POST /token", "drop_after")
    with pytest.raises(errors.RefreshOutcomeUnknown):
        await ours.refresh()
    a.store.down()
    with pytest.raises(errors.StoreError) as caught:
        await ours.refresh()
    await a.get()
    a.store.heal()
    with pytest.raises(errors.SessionEnded):
        await ours.refresh()
    await ours.sign_out()
    await world.turn(5)
    told = {type(event) for event in (*a.events, *b.events)}
    assert len(told) >= 7
    text = "\n".join([caplog.text, *map(repr, (*a.events, *b.events, caught.value))])
    world.emulator.assert_no_secrets(text)
    assert KEY not in text
    assert sub not in text


async def test_sessions_are_told_apart_in_the_log(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names a session by a mark that stays the same, and nothing can be read from it."""
    caplog.set_level(logging.DEBUG, logger="cloudbase_auth_async")
    a = await world.join()
    alice, bob = await world.kept(a), await world.kept(a, "bob", "other")
    for session in (alice, bob, alice):
        await session.refresh()
    marks = [
        record.getMessage().rpartition("[session ")[2]
        for record in caplog.records
        if "RefreshCommitted" in record.getMessage()
    ]
    assert marks[0] == marks[2] != marks[1]
    # Who has the log and guesses a key cannot check the guess.
    guess = hashlib.blake2b(KEY.encode(), digest_size=4).hexdigest()
    assert guess not in caplog.text


def test_values() -> None:
    """Every event is a frozen value with its public names."""
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and attrs.has(kind)]
    assert len(kinds) == 11
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        events.RefreshStarted(at=1.0).at = 2.0  # type: ignore[misc] # that is the point
