"""The facade that tests hold: one emulated CloudBase Auth, its users, codes, clock and faults."""

import functools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self, get_args

from cloudbase_auth_async.client import AuthClient
from cloudbase_auth_async.testing import (
    _checks,
    _device_calls,
    _keys,
    _tokens,
    _users,
)
from cloudbase_auth_async.testing._arrange import Arrangements
from cloudbase_auth_async.testing._clock import EmulatorClock
from cloudbase_auth_async.testing._control import Control, is_loopback
from cloudbase_auth_async.testing._core import handle
from cloudbase_auth_async.testing._desk import Desk
from cloudbase_auth_async.testing._faults import Fault, FaultScript
from cloudbase_auth_async.testing._journal import Entry
from cloudbase_auth_async.testing._memory import ORIGIN, MemoryTransport
from cloudbase_auth_async.testing._routes import BASE
from cloudbase_auth_async.testing._server import Server
from cloudbase_auth_async.testing._state import State, User
from cloudbase_auth_async.testing._values import (
    Algorithm,
    CaptchaTokens,
    Dialect,
    IntrospectWithBasic,
    Request,
    Response,
    Reuse,
    Settings,
)

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "dialect": get_args(Dialect),
    "reuse": get_args(Reuse),
    "introspect_with_basic": get_args(IntrospectWithBasic),
    "algorithm": get_args(Algorithm),
    "captcha_tokens": get_args(CaptchaTokens),
}

# What a client takes unless told otherwise.
_MAX_ANSWER_BYTES: Final = 1_048_576


class _HasText(Protocol):
    @property
    def text(self) -> str: ...


class Emulator(Arrangements):
    """
    A CloudBase Auth service in this process, on a loopback port or without sockets.

    `async with` opens the port; `memory_client` needs neither a port nor a running loop. Unless
    told otherwise the service speaks both contracts, rotates refresh tokens, and ends a session
    whose spent token comes back.

    Args:
        env: the environment id.
        client_id: the client that has a secret; the environment's own unless given.
        client_secret: what goes with it in Basic.
        dialect: which contract is spoken.
        algorithm: how access tokens are signed; RS256 where `cryptography` is installed.
        access_lifetime_seconds: of access tokens.
        refresh_lifetime_seconds: of refresh tokens, counted anew at each rotation.
        reuse: what a spent refresh token that comes back costs: that call, or the session.
        anonymous_refresh: whether anonymous users get a refresh token; unless given, they
            do where the primary contract is spoken.
        introspect_with_basic: how a documented-only service takes Basic on introspection.
        opaque_access_tokens: hand out access tokens that are no JWTs.
        code_interval_seconds: how long after a code no other one is sent to the same
            destination; no limit unless given.
        captcha_tokens: whether a captcha_token works once, or until it expires, as the official
            JavaScript client expects.
        secret_id: of the Tencent Cloud key that servers sign in with.
        secret_key: what goes with it.
        grace_seconds: how long a spent refresh token gets the same new pair again.
        clock: what time it is; ticks with real time unless given.
        date_skew_seconds: how far the `Date` header is off.
        host: a loopback address.
        port: 0 for a free one.
        on_code: called with destination and code for each code that is "sent".
    """

    __slots__ = ("__weakref__", "_desk", "_on_code", "_server", "_settings")

    def __init__(
        self,
        *,
        env: str = "demo-env",
        client_id: str | None = None,
        client_secret: str = "demo-secret",  # noqa: S107 -- it guards nothing
        dialect: Dialect = "both",
        algorithm: Algorithm | None = None,
        access_lifetime_seconds: int = 7200,
        refresh_lifetime_seconds: int = 2_592_000,
        reuse: Reuse = "revoke_family",
        anonymous_refresh: bool | None = None,
        introspect_with_basic: IntrospectWithBasic = "empty",
        opaque_access_tokens: bool = False,
        code_interval_seconds: float | None = None,
        captcha_tokens: CaptchaTokens = "once",
        secret_id: str = "AKIDdemo",  # noqa: S107 -- see above
        secret_key: str = "demo-key",  # noqa: S107 -- see above
        grace_seconds: float = 0.0,
        clock: EmulatorClock | None = None,
        date_skew_seconds: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        on_code: Callable[[str, str], None] | None = None,
    ) -> None:
        self._settings = Settings(
            env=env,
            client_id=client_id or env,
            client_secret=client_secret,
            dialect=dialect,
            algorithm=algorithm or _keys.usual_algorithm(),
            access_lifetime_seconds=access_lifetime_seconds,
            refresh_lifetime_seconds=refresh_lifetime_seconds,
            reuse=reuse,
            anonymous_refresh=_has_refresh(dialect, told=anonymous_refresh),
            introspect_with_basic=introspect_with_basic,
            opaque_access_tokens=opaque_access_tokens,
            code_interval_seconds=code_interval_seconds,
            captcha_tokens=captcha_tokens,
            secret_id=secret_id,
            secret_key=secret_key,
            grace_seconds=grace_seconds,
        )
        self._on_code = on_code
        state = State(settings=_checked(self._settings))
        self._control = Control(state=state, clock=clock or EmulatorClock())
        self._desk = Desk(
            self._control, date_skew_seconds=date_skew_seconds, after_each=self._show_codes
        )
        self._server = Server(self._control, self._desk, host=_loopback(host), port=port)

    def __repr__(self) -> str:
        return f"Emulator(env={self.env!r}, dialect={self._settings.dialect!r})"

    async def __aenter__(self) -> Self:
        algorithm, generation = self._settings.algorithm, self._control.state.key_generation
        make = functools.partial(_keys.key, algorithm, generation)
        await self._server.start(preparation=make if _keys.takes_long(algorithm) else None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._server.stop()

    @property
    def origin(self) -> str:
        """Return `http://host:port`."""
        return self._server.origin

    @property
    def base_url(self) -> str:
        """Return what a client takes for its `base_url`."""
        return self.origin + BASE

    @property
    def env(self) -> str:
        """Return the environment id."""
        return self._settings.env

    @property
    def client_id(self) -> str:
        """Return the id of the client that has a secret."""
        return self._settings.client_id

    @property
    def client_secret(self) -> str:
        """Return that client's secret."""
        return self._settings.client_secret

    @property
    def clock(self) -> EmulatorClock:
        """Return the clock the service goes by."""
        return self._control.clock

    @property
    def faults(self) -> FaultScript:
        """Return the script of what is to go wrong."""
        return self._control.faults

    @property
    def journal(self) -> list[Entry]:
        """Return the last requests to the service, in the order they arrived."""
        return self._control.journal.entries()

    @property
    def codes(self) -> Mapping[str, str]:
        """Return the code last "sent" to each phone number and e-mail address."""
        return self._control.state.codes

    @property
    def spends(self) -> int:
        """Return how many refresh tokens were exchanged for a new pair."""
        return self._control.state.spends

    @property
    def refresh_attempts(self) -> int:
        """Return how many refresh tokens were presented, good or bad."""
        return self._control.state.refresh_attempts

    def answer(self, request: Request) -> Response:
        """Answer a raw request; journal and fault script have no part in it."""
        return handle(request, self._control.state, self.clock.wall())

    def add_user(
        self,
        *,
        username: str | None = None,
        password: str | None = None,
        phone_number: str | None = None,
        email: str | None = None,
        name: str | None = None,
        status: str | None = None,
    ) -> User:
        """Add a user who can sign in with any of the names given."""
        return _users.add(
            self._control.state,
            self.clock.wall(),
            username=username,
            password=password,
            phone_number=phone_number,
            email=email,
            name=name,
            status=status,
        )

    def tokens(self, user: User) -> Mapping[str, Any]:
        """Sign a user in without a request, and return what `AuthClient.session` takes."""
        now = self.clock.wall()
        issue = _tokens.Issue(state=self._control.state, now=now, issuer=ORIGIN)
        answer = _tokens.sign_in(issue, user, self.client_id)
        return {**answer, "expires_at": now + answer["expires_in"]}

    def revoke(self, access_token: str, *, session: bool = False) -> None:
        """
        Kill an access token on the service's side, and with `session` its refresh token too.

        The refresh token alone lives on otherwise: what a client sees when the service loses
        patience with one token.
        """
        if session:
            _tokens.end(self._control.state, access_token)
        else:
            _tokens.revoke(self._control.state, access_token)

    def deny_device(self, user_code: str) -> None:
        """Let the user say no to a device that waits for them."""
        record = _device_calls.pending(self._control.state, user_code, self.clock.wall())
        if record is None:
            raise ValueError("no device waits with that user_code")
        record.status = "denied"

    def roll_key(self) -> None:
        """
        Sign with a new key from now on; the one before stays published.

        The next answer makes that key, once a process: with RS256 this blocks the loop for some
        hundredths of a second.
        """
        self._control.state.key_generation += 1

    def reset(self) -> None:
        """Forget users, sessions, codes, faults and requests; the clock goes on."""
        self._control.clear()

    async def stop_listening(self) -> None:
        """Refuse connections, on a port nobody else gets."""
        await self._server.deafen()

    async def start_listening(self) -> None:
        """Take connections again."""
        await self._server.listen()

    def client(self, **overrides: Any) -> AuthClient:
        """Return an `AuthClient` of this service, on its clock."""
        return self._client({"base_url": self.base_url} | overrides)

    def memory_client(self, **overrides: Any) -> AuthClient:
        """
        Return an `AuthClient` of this service that uses no sockets.

        It needs no running loop and no `async with`: it binds to the loop of its first call.
        Journal, clock and fault script are the same as between sockets.
        """
        limit = overrides.get("max_answer_bytes", _MAX_ANSWER_BYTES)
        transport = MemoryTransport(self._desk, self.clock, max_answer_bytes=limit)
        return self._client({"base_url": ORIGIN + BASE, "transport": transport} | overrides)

    def time_travel(self, seconds: float) -> None:
        """Let that many seconds pass at once, for the service and for the clients it made."""
        self.clock.advance(seconds)

    def expire_access_token(self) -> None:
        """Let time pass until every access token that is out has died of age, and no longer."""
        self.clock.advance(self._settings.access_lifetime_seconds)

    def lose_next_response(self, route: str = "*") -> Fault:
        """
        Handle the next request of a route, and lose the answer.

        Args:
            route: method and path template, as `POST /token`, or `*` for any.
        """
        return self.faults.add(route, "drop_after")

    def assert_spends(self, expected: int) -> None:
        """
        Check that so many refresh tokens were exchanged, and none presented in vain.

        A token that was presented twice would have signed the user out in the wild.
        """
        _checks.check_spends(self._control.state, expected)

    def assert_no_secrets(self, log: _HasText | str) -> None:
        """
        Check that no token, password or code of this service stands in a text.

        Args:
            log: the text, or pytest's `caplog`. Secrets of fewer than 6 characters are not
                looked for.
        """
        text = log if isinstance(log, str) else log.text
        _checks.check_no_secrets(self._control.state, self._control.journal, text)

    async def assert_no_tasks(self, *, within_seconds: float = 10.0) -> None:
        """Check that no background task of the library is left running in this loop."""
        await _checks.check_no_tasks(within_seconds)

    def _client(self, options: dict[str, Any]) -> AuthClient:
        usual: dict[str, Any] = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "clock": self.clock,
        }
        return AuthClient(self.env, **(usual | options))

    def _show_codes(self) -> None:
        outbox = self._control.state.outbox
        while outbox:
            sent = outbox.popleft()
            if self._on_code is not None:
                self._on_code(sent.destination, sent.code)


def _has_refresh(dialect: Dialect, *, told: bool | None) -> bool:
    return dialect != "documented" if told is None else told


def _checked(settings: Settings) -> Settings:
    for name, choices in _CHOICES.items():
        if getattr(settings, name) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return settings


def _loopback(host: str) -> str:
    if not is_loopback(host):
        raise ValueError("the emulator listens on loopback only")
    return host
