"""
Three clients, one store, two users, two keys, and everything that can go wrong, in any order.

What must hold after each step: no session ever has another user's tokens; no token is handed out
that has died; no refresh token is sent a second time unless its first outcome was a refusal, or
somebody gave their word, or there was nothing left to lose. And in the end, with everything
mended: a session whose pair the service still honours works again.
"""

import asyncio
import collections
import contextlib
import importlib.util
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from cloudbase_auth_async import AuthClient, _policy, errors
from cloudbase_auth_async._records import Kept, read, same_line
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.testing import Emulator, Entry

if TYPE_CHECKING:
    from cloudbase_auth_async.testing._state import RefreshToken

_SPEC = importlib.util.spec_from_file_location("fleet_shaky", Path(__file__).with_name("shaky.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
shaky: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shaky)

LIFETIME_SECONDS = 7200
CLIENTS = st.integers(0, 2)
KEYS = st.sampled_from(["one", "two"])
TURNS = st.sampled_from([50, 50, 5, 0])
ENDS = ("sign_out", "put", "drop", "restart")
FAULTS = st.sampled_from(
    [
        *({"kind": kind} for kind in ("drop_before", "drop_after", "half_body", "refuse")),
        *({"kind": kind} for kind in ("bad_gateway", "rate_limited")),
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "hold", "when": "before"},
        {"kind": "hold", "when": "after"},
    ]
)


class Machine(RuleBasedStateMachine):
    """The fleet; see the module."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = shaky.Shaky()
        self.held: dict[tuple[int, str], TokenSession] = {}
        self.subs: list[tuple[TokenSession, str | None]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.newest: dict[str, int] = {}
        self.signed_out: list[RefreshToken] = []
        self.calm = True
        self.excused: set[str | None] = set()
        self.unsent: list[Entry] = []  # there was no connection: only the journal has seen them

    def _client(self) -> AuthClient:
        return self.emulator.memory_client(store=self.store, close_timeout=0.01)

    # How it does things

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something to its end; an error of ours is an outcome like any other."""
        try:
            return self.runner.run(work)
        except errors.CloudBaseAuthError as failure:
            return failure

    def _turn(self, times: int) -> None:
        async def turn() -> None:
            for _ in range(times):
                await asyncio.sleep(0)

        self.runner.run(turn())

    def _start(self, work: Coroutine[Any, Any, Any], turns: int) -> None:
        """Begin something and let it go on for a while."""

        async def start() -> None:
            task = asyncio.get_running_loop().create_task(self._shown(work))
            self.tasks.add(task)

        self.runner.run(start())
        self._turn(turns)

    async def _shown(self, work: Coroutine[Any, Any, Any]) -> None:
        with contextlib.suppress(errors.CloudBaseAuthError):
            await work

    def _put(self, number: int, key: str, who: int) -> None:
        tokens = self.emulator.tokens(self.users[who])
        self._keep(number, key, self._run(self.clients[number].sessions.put(key, tokens)))
        record = self.store.inner._records.get(key)
        if record is not None:
            self.newest[key] = record.generation

    def _session(self, number: int, key: str) -> TokenSession | None:
        """Return the session that a client holds, asked for if it holds none."""
        held = self.held.get((number, key))
        if held is None or held._owned._pair is None:
            self.get(number, key)
        return self.held.get((number, key))

    def _keep(self, number: int, key: str, session: object) -> None:
        if isinstance(session, TokenSession) and session._owned._pair is not None:
            self.held[number, key] = session
            self.subs.append((session, session.tokens.sub))

    def _restart(self, number: int) -> None:
        for key in ("one", "two"):
            self.held.pop((number, key), None)
        self._run(self.clients[number].aclose())
        self.clients[number] = self._client()

    async def _token(self, session: TokenSession) -> None:
        text = await session.access_token()
        token = self.emulator._control.state.access[text]
        assert self.emulator.clock.wall() < token.expires_at
        assert session._owned._pair is None or token.grant.sub == session.tokens.sub

    async def _sign_out(self, session: TokenSession) -> None:
        pair, keeper = session._owned._pair, session._owned.keeper
        assert keeper is not None
        record = self.store.inner._records.get(keeper.key)
        # A sign-in that took its place may have been the end of a newer pair that nobody has now.
        ours = record is not None and same_line(record.generation, keeper.known.generation)
        await session.sign_out()
        if pair is not None and ours:  # it has raised nothing: the service has confirmed it
            self.signed_out.append(self.emulator._control.state.refresh[pair.refresh_token or ""])

    async def _me(self, session: TokenSession) -> None:
        sub = session.tokens.sub
        assert (await session.user.me()).sub == sub

    # What happens

    @initialize(reuse=st.sampled_from(["revoke_family", "refuse"]))
    def signed_in(self, reuse: Any) -> None:
        """Begin with both users signed in."""
        self.emulator = Emulator(algorithm="HS256", clock=shaky.StandingClock(), reuse=reuse)
        self.users = [self.emulator.add_user(username=name) for name in ("alice", "bob")]
        self.clients = [self._client() for _ in range(3)]
        for number, key in enumerate(("one", "two")):
            self._put(number, key, number)

    @rule(number=CLIENTS, key=KEYS)
    def get(self, number: int, key: str) -> None:
        """Ask a client for a session that it may hold already."""
        self._keep(number, key, self._run(self.clients[number].sessions.get(key)))

    @rule(number=CLIENTS, key=KEYS, turns=TURNS, me=st.booleans())
    def call(self, number: int, key: str, turns: int, *, me: bool) -> None:
        """Ask for a token, or whose it is."""
        session = self._session(number, key)
        if session is not None and session._owned._pair is not None:
            self._start(self._me(session) if me else self._token(session), turns)

    @rule(key=KEYS, turns=TURNS)
    def call_by_all(self, key: str, turns: int) -> None:
        """Ask every client for a token."""
        for number in range(3):
            self.call(number, key, turns, me=False)

    @rule(number=CLIENTS, key=KEYS, turns=TURNS)
    def refresh(self, number: int, key: str, turns: int) -> None:
        """Insist on a new pair."""
        if session := self._session(number, key):
            self._excuse(key)
            self._start(session.refresh(), turns)

    @rule(number=CLIENTS, key=KEYS)
    def invalidate(self, number: int, key: str) -> None:
        """Give a token up."""
        session = self._session(number, key)
        if session is not None and session._owned._pair is not None:
            self._excuse(key)
            session.invalidate(session.tokens.access_token)

    @rule(number=CLIENTS, key=KEYS, turns=TURNS, how=st.sampled_from(ENDS), who=st.integers(0, 1))
    def end(self, number: int, key: str, turns: int, how: str, who: int) -> None:
        """End a session in one of many ways."""
        if how == "put":
            self._put(number, key, who)
        elif how == "drop":
            self._run(self.clients[number].sessions.drop(key))
        elif how == "restart":
            self._restart(number)
        elif session := self.held.pop((number, key), None):
            self._excuse(key)  # it may buy a last access token
            self._start(self._sign_out(session), turns)

    @rule(seconds=st.sampled_from([61, 1, 20, 1801, 6950, 6950, 7201]))
    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.emulator.time_travel(seconds)
        self._turn(50)

    @rule(fault=FAULTS, times=st.integers(1, 3))
    def fault(self, fault: dict[str, Any], times: int) -> None:
        """Let the next refreshes go wrong."""
        self.calm = False
        for _ in range(times):
            added = self.emulator.faults.add("POST /token", **fault)
            if added.kind == "refuse":
                added.arrived.then(lambda: self.unsent.append(self.emulator.journal[-1]))

    @rule()
    def release(self) -> None:
        """Let go what is held."""
        self.emulator.faults.release()
        self._turn(50)

    @rule(spared=st.integers(0, 4), failures=st.integers(1, 5), late=st.booleans())
    def break_store(self, spared: int, failures: int, *, late: bool) -> None:
        """Let some of the next operations of the store fail."""
        self.calm = False
        self.store.spared, self.store.failures, self.store.late = spared, failures, late

    @rule()
    def mend_store(self) -> None:
        """Let the store work again."""
        self.store.failures = 0

    @rule(key=KEYS)
    def lapse(self, key: str) -> None:
        """Let a lock lapse under its holder."""
        self.store.lapse(key)
        self._turn(50)

    # What must hold

    @invariant()
    def no_crossed_users(self) -> None:
        """Look whether a session has somebody else's tokens (B8)."""
        for session, sub in self.subs:
            assert session._owned._pair is None or session._owned._pair.sub == sub

    @invariant()
    def no_life_after_sign_out(self) -> None:
        """Look whether the service still honours what was signed out, no fault between (B9)."""
        for token in self.signed_out:
            assert not self.calm or token.grant.id not in self.emulator._control.state.grants

    @invariant()
    def no_lost_sign_in(self) -> None:
        """Look whether what somebody signed in later was overwritten (B7, B9)."""
        for key, generation in self.newest.items():
            record = self.store.inner._records.get(key)
            assert record is None or same_line(record.generation, generation)

    @invariant()
    def no_blind_resend(self) -> None:
        """Look whether a refresh token was sent again without reason (B2, B4)."""
        self._excuse_the_dead()
        entries = [
            each
            for each in self.emulator.journal
            if each.route == "POST /token" and each not in self.unsent
        ]
        statuses: dict[str, list[int | None]] = collections.defaultdict(list)
        for entry in entries:
            statuses[entry.json["refresh_token"]].append(entry.status)
        for token, found in statuses.items():
            refused = sum(status is not None and status >= 400 for status in found)
            assert token in self.excused or len(found) <= 1 + refused, found

    def _excuse(self, key: str) -> None:
        """Any token of a key may be sent again: somebody said so."""
        for session, _ in self.subs:
            if (
                session._owned._pair is not None
                and session._owned.keeper
                and session._owned.keeper.key == key
            ):
                self.excused |= {
                    session._owned._pair.refresh_token,
                    session._owned.keeper.known.pair.refresh_token,
                }
        record = self.store.inner._records.get(key)
        if record is not None:
            self.excused.add(read(record).pair.refresh_token)

    def _excuse_the_dead(self) -> None:
        """Tokens with a dead or a rejected access token may be asked about again."""
        now = self.emulator.clock.monotonic()
        for session, _ in self.subs:
            if session._owned._pair is not None and now >= session._owned._life.dies_at:
                self.excused.add(session._owned._pair.refresh_token)

    # The end

    def teardown(self) -> None:
        """Mend everything: what the service honours works, and no task failed unseen."""
        self.emulator.faults.clear()
        self.store.failures = 0
        for _ in range(20):
            self._turn(50)
            for key in ("one", "two"):
                self.store.lapse(key)
            self.emulator.time_travel(LIFETIME_SECONDS / 2)
        try:
            self._recover()
            for task in self.tasks:
                assert task.done()
                assert task.cancelled() or task.exception() is None, task.exception()
        finally:
            for client in self.clients:
                self._run(client.aclose())
            self.runner.close()

    def _recover(self) -> None:
        """A newcomer gets a token for every session whose pair is honoured (B4, B6, B7)."""
        self.clients.append(self._client())
        for key in ("one", "two"):
            record = self._run(self.store.load(key))
            if record is None:
                continue
            kept = read(record)
            honoured = self._honoured(kept)
            for session, _ in self.subs:
                keeper = session._owned.keeper
                if (
                    keeper is None
                    or keeper.key != key
                    or keeper.over
                    or session._owned._pair is None
                ):
                    continue
                assert not keeper.unsaved
                # Its own pair may still be that of a sign-in which another one replaced.
                current = session.tokens.refresh_token == keeper.known.pair.refresh_token
                if current and same_line(keeper.known.generation, kept.generation):
                    assert honoured or not self._honoured(session)
                    if honoured and session in self.held.values():
                        self._works(session)
            if honoured:
                newcomer = self._run(self.clients[-1].sessions.get(key))
                assert isinstance(newcomer, TokenSession)
                self._works(newcomer)

    def _works(self, session: TokenSession) -> None:
        """Get a token; whose store was away last waits a minute for what others may write."""
        with contextlib.suppress(errors.RefreshOutcomeUnknown):
            self.runner.run(self._token(session))
            return
        self.emulator.time_travel(_policy.FIRST_PROBE_SECONDS + 1)
        self.runner.run(self._token(session))

    def _honoured(self, holder: Kept | TokenSession) -> bool:
        """Tell whether the service would still take a refresh token."""
        pair = holder.pair if isinstance(holder, Kept) else holder.tokens
        state = self.emulator._control.state
        token = state.refresh[pair.refresh_token or ""]
        return not token.spent and token.grant.id in state.grants


def test_machine() -> None:
    """No order of calls, faults, lapses and restarts breaks a promise (B2, B4, B6, B7, B8)."""
    run_state_machine_as_test(Machine, settings=settings(max_examples=60, stateful_step_count=30))
