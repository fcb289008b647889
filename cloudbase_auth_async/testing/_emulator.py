"""The facade that tests hold: one emulated CloudBase Auth, its users, codes, clock and faults."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, get_args

from cloudbase_auth_async.client import AuthClient
from cloudbase_auth_async.testing import _keys, _provider_calls, _tokens, _users
from cloudbase_auth_async.testing._clock import EmulatorClock
from cloudbase_auth_async.testing._control import Control, is_loopback
from cloudbase_auth_async.testing._core import handle
from cloudbase_auth_async.testing._faults import FaultScript
from cloudbase_auth_async.testing._journal import Entry
from cloudbase_auth_async.testing._routes import BASE
from cloudbase_auth_async.testing._server import Server
from cloudbase_auth_async.testing._state import BoundProvider, State, User
from cloudbase_auth_async.testing._values import (
    Algorithm,
    Dialect,
    IntrospectWithBasic,
    Request,
    Response,
    Reuse,
    Settings,
)


class Emulator:
    """
    A CloudBase Auth service in this process, on a loopback port.

    Use it with `async with`. Unless told otherwise it speaks both contracts, rotates refresh
    tokens, and ends a session whose spent token comes back.

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
        clock: what time it is; ticks with real time unless given.
        date_skew_seconds: how far the `Date` header is off.
        host: a loopback address.
        port: 0 for a free one.
        on_code: called with destination and code for each code that is "sent".
    """

    __slots__ = ("_control", "_on_code", "_server", "_settings")

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
        clock: EmulatorClock | None = None,
        date_skew_seconds: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        on_code: Callable[[str, str], None] | None = None,
    ) -> None:
        _check_choice("dialect", dialect, get_args(Dialect))
        _check_choice("reuse", reuse, get_args(Reuse))
        _check_choice("introspect_with_basic", introspect_with_basic, get_args(IntrospectWithBasic))
        _check_choice("algorithm", algorithm, (None, *get_args(Algorithm)))
        _check_loopback(host)
        if anonymous_refresh is None:
            anonymous_refresh = dialect != "documented"
        self._settings = Settings(
            env=env,
            client_id=client_id or env,
            client_secret=client_secret,
            dialect=dialect,
            algorithm=algorithm or _keys.usual_algorithm(),
            access_lifetime_seconds=access_lifetime_seconds,
            refresh_lifetime_seconds=refresh_lifetime_seconds,
            reuse=reuse,
            anonymous_refresh=anonymous_refresh,
            introspect_with_basic=introspect_with_basic,
            opaque_access_tokens=opaque_access_tokens,
        )
        self._on_code = on_code
        state = State(settings=self._settings)
        self._control = Control(state=state, clock=clock or EmulatorClock())
        self._server = Server(
            self._control,
            host=host,
            port=port,
            date_skew_seconds=date_skew_seconds,
            after_each=self._show_codes,
        )

    def __repr__(self) -> str:
        return f"Emulator(env={self.env!r}, dialect={self._settings.dialect!r})"

    async def __aenter__(self) -> Self:
        await self._server.start()
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
        """Answer a request without a socket; journal and fault script have no part in it."""
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

    def provider_token(
        self,
        provider_id: str = "github",
        *,
        provider_user_id: str = "provider-user",
        provider_user_name: str = "octocat",
    ) -> str:
        """Return a provider_token that binding accepts once, for 3600 seconds."""
        account = BoundProvider(
            provider_id=provider_id,
            provider_user_id=provider_user_id,
            provider_user_name=provider_user_name,
        )
        return _provider_calls.mint(self._control.state, account, self.clock.wall())

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

    def roll_key(self) -> None:
        """Sign with a new key from now on; the one before stays published."""
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
        settings: dict[str, Any] = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "base_url": self.base_url,
            "clock": self.clock,
        }
        return AuthClient(self.env, **(settings | overrides))

    def _show_codes(self) -> None:
        outbox = self._control.state.outbox
        while outbox:
            sent = outbox.popleft()
            if self._on_code is not None:
                self._on_code(sent.destination, sent.code)


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}")


def _check_loopback(host: str) -> None:
    if not is_loopback(host):
        raise ValueError("the emulator listens on loopback only")
