"""
`AuthClient`: where everything starts.

It puts the rooms together (settings, transport, base caller, exchange) and hands out the
groups that need no user, and sessions for users.
"""

import functools
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, cast

from cloudbase_auth_async import config
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._captcha import Desk, Solver
from cloudbase_auth_async._clock import Clock, SystemClock
from cloudbase_auth_async._cloud_key import CloudKey, KeyMethod
from cloudbase_auth_async._exchange import Exchange
from cloudbase_auth_async._holding import Rooms
from cloudbase_auth_async._observe import Receiver, Stream
from cloudbase_auth_async._owned import Owned
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._sealed import sealed_function
from cloudbase_auth_async._tokens import TokenPair, described, pair_of
from cloudbase_auth_async._transport import AiohttpTransport, HttpSession, Transport
from cloudbase_auth_async._version import __version__
from cloudbase_auth_async.config import DEFAULT_REGION, DialectName, Settings
from cloudbase_auth_async.endpoints.accounts import Accounts
from cloudbase_auth_async.endpoints.authorization import ClientAuthorization
from cloudbase_auth_async.endpoints.captcha import Captcha
from cloudbase_auth_async.endpoints.device import Device
from cloudbase_auth_async.endpoints.provider_grants import ProviderGrants
from cloudbase_auth_async.endpoints.sign_in import SignIn
from cloudbase_auth_async.endpoints.sign_up import SignUp
from cloudbase_auth_async.endpoints.token import Token
from cloudbase_auth_async.endpoints.verification import Verification
from cloudbase_auth_async.errors import ClientClosed, ConfigurationError, StoreError
from cloudbase_auth_async.flows._client import Flows
from cloudbase_auth_async.server_tokens import ServerTokens
from cloudbase_auth_async.session import TokenSession
from cloudbase_auth_async.sessions import Sessions
from cloudbase_auth_async.stores.base import Store
from cloudbase_auth_async.stores.memory import MemoryStore


class AuthClient:
    """
    A client of one CloudBase environment; use it as an async context manager.

    Nothing is bound to an event loop before the first call.

    Attributes:
        sign_in: ways to sign in; each answers tokens.
        sign_up: a checked phone number or e-mail becomes a user.
        verification: codes by SMS and e-mail.
        token: exchange, introspect and revoke tokens.
        providers: third-party log-ins: where to send a browser, and what it brings back.
        accounts: a lost password, whether a user exists.
        captcha: captchas by hand.
        device: devices without a keyboard.
        authorization: who asks to be authorized.
        flows: several calls as one.
        sessions: sessions kept in the store.

    Args:
        env: the environment id.
        client_id: the environment id if left out.
        client_secret: with it, client calls carry Basic credentials; without it, the client id.
        region: where the environment lives, such as `ap-guangzhou`; chooses the host.
        base_url: the full `https://…/auth/v1`, instead of the host that `region` chooses.
        device_id: at most 71 characters; random for each client if left out. An anonymous user
            is found again by it, so keep it if you sign in anonymously.
        http: an aiohttp session to borrow, for its proxy or TLS settings. It is not closed, and
            its middlewares, cookies and `Authorization` header are not used. A refresh then
            shares its kept-alive connections: if the service drops one at that moment, the
            outcome of the refresh is unknown. An owned session avoids that.
        dialect: which contract to speak; `"auto"` finds out.
        timeout: seconds for one call, retries included. A call that must wait for a refresh, or
            is repeated after a 401, takes the time of each of them.
        connect_timeout: seconds for one connection.
        max_answer_bytes: the largest answer that is read.
        close_timeout: seconds that `aclose` lets a refresh under way finish.
        store: where `sessions` are kept; in this process's memory unless given. The client does
            not close it.
        on_event: called with each `events.Event` of the client's sessions, after the fact.
        captcha: a coroutine function that shows a `models.CaptchaChallenge` to a person and
            returns what they read, or None if they give up. It is asked when the service wants
            a captcha for a call, by one call at a time, and may take minutes: `timeout` does not
            count for it. A session's own refresh never asks it. A plain function will do, too;
            the event loop stands still meanwhile.
        allow_http: take a `base_url` that is not https though its host is not loopback.
        clock: for tests.
        transport: for tests; carries the requests instead of aiohttp. The client closes it.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    @sealed_function
    def __init__(
        self,
        env: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        region: str = DEFAULT_REGION,
        base_url: str | None = None,
        device_id: str | None = None,
        http: HttpSession | None = None,
        dialect: DialectName = "auto",
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
        max_answer_bytes: int = 1024 * 1024,
        close_timeout: float = 5.0,
        store: Store | None = None,
        on_event: Receiver | None = None,
        captcha: Solver | None = None,
        allow_http: bool = False,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        settings = Settings.checked(
            env=env,
            client_id=client_id,
            client_secret=client_secret,
            region=region,
            base_url=base_url,
            device_id=str(uuid.uuid4()) if device_id is None else device_id,
            dialect=dialect,
            timeout=timeout,
            connect_timeout=connect_timeout,
            max_answer_bytes=max_answer_bytes,
            allow_http=allow_http,
        )
        self._settings = settings
        self._close_timeout = config.seconds("close_timeout", close_timeout)
        if transport is not None and http is not None:
            raise ConfigurationError("transport", "must not be given beside `http`")
        self._transport = transport or AiohttpTransport(settings, http=http)
        self._rooms = _furnished(
            settings, self._transport, clock or SystemClock(), on_event, captcha
        )
        self._caller = self._rooms.caller
        self._background = self._rooms.background
        self._exchange = self._rooms.exchange
        self._server: tuple[CloudKey, ServerTokens] | None = None
        store = MemoryStore() if store is None else store
        config.store("store", store)
        self._sessions = Sessions(self._rooms, store)

    @classmethod
    @sealed_function
    def from_environ(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """
        Make a client from environment variables.

        It reads `CLOUDBASE_ENV`, `CLOUDBASE_CLIENT_ID`, `CLOUDBASE_CLIENT_SECRET`,
        `CLOUDBASE_REGION`, `CLOUDBASE_AUTH_BASE_URL` and `CLOUDBASE_DEVICE_ID`.

        Args:
            environ: read instead of `os.environ`.
            options: any other argument of the client; they win over the environment.

        Raises:
            ConfigurationError: `CLOUDBASE_ENV` is not set, or a value is wrong. Its text
                names the variable, or the argument if the value was among the options.
        """
        arguments = config.from_environ(environ, options)
        try:
            return cls(**arguments)
        except ConfigurationError as error:
            raise config.named_as_read(error, options) from None

    def __repr__(self) -> str:
        # A debugger may ask while __init__ is still checking its arguments.
        settings = getattr(self, "_settings", None)
        return f"<AuthClient {settings.env} at {settings.base_url}>" if settings else "<AuthClient>"

    @property
    def base_url(self) -> str:
        """Where calls go, `…/auth/v1`."""
        return self._settings.base_url

    @property
    def device_id(self) -> str:
        """The `x-device-id` of this client."""
        return self._settings.device_id

    # What needs no user, or finds one

    @functools.cached_property
    def sign_in(self) -> SignIn:
        """Ways to get a user's tokens: password, code, third party, ticket, or nobody's name."""
        return SignIn(self._caller)

    @functools.cached_property
    def sign_up(self) -> SignUp:
        """New users."""
        return SignUp(self._caller)

    @functools.cached_property
    def verification(self) -> Verification:
        """Codes by SMS and e-mail, and the proof that one was read."""
        return Verification(self._caller)

    @functools.cached_property
    def token(self) -> Token:
        """The grants of `/token`, introspection and revocation, as single calls."""
        return Token(self._caller)

    @functools.cached_property
    def captcha(self) -> Captcha:
        """Captchas by hand; a solver given to the client answers them by itself."""
        return Captcha(self._caller)

    @functools.cached_property
    def device(self) -> Device:
        """Log-in on a device without a keyboard (RFC 8628), call by call."""
        return Device(self._caller)

    @functools.cached_property
    def providers(self) -> ProviderGrants:
        """Third-party log-ins: where to send the browser, and what it brings back."""
        return ProviderGrants(self._caller, self._settings.env)

    @functools.cached_property
    def accounts(self) -> Accounts:
        """Whether somebody is known, and lost passwords."""
        return Accounts(self._caller)

    @functools.cached_property
    def authorization(self) -> ClientAuthorization:
        """What the service knows of an application that asks for a user's consent."""
        return ClientAuthorization(self._caller)

    @functools.cached_property
    def flows(self) -> Flows:
        """Several calls as one: sign in or up by code, a lost password, a device."""
        return Flows(self._caller, self._background)

    @property
    def sessions(self) -> Sessions:
        """Sessions of many users, kept in the store under keys of yours."""
        return self._sessions

    @sealed_function
    def session(
        self,
        tokens: TokenPair | Mapping[str, Any] | None = None,
        *,
        access_token: str | None = None,
        refresh_token: str | None = None,
    ) -> TokenSession:
        """
        Make a session of tokens.

        A pair that this client replaced within the last minute gives a session of the newer one:
        parallel requests of a browser may bring the old one a moment longer.

        Args:
            tokens: what a sign-in answered, or what `TokenPair.to_dict` wrote.
            access_token: instead of `tokens`; may be left out if there is a refresh token.
            refresh_token: instead of `tokens`.

        Raises:
            ConfigurationError: both or neither are given, or a token cannot be one.
        """
        if tokens is not None:
            if access_token is not None or refresh_token is not None:
                raise ConfigurationError("tokens", "must not be given beside single tokens")
            pair = pair_of(tokens, otherwise="; a bare token is `access_token=`")
        else:
            if access_token is None and refresh_token is None:
                raise ConfigurationError("tokens", "must be given")
            access = "" if access_token is None else config.text("access_token", access_token)
            refresh = config.optional_text("refresh_token", refresh_token)
            pair = described(TokenPair(access_token=access, refresh_token=refresh))
        if pair.access_token:
            config.token("access_token", pair.access_token)
        return TokenSession(Owned(self._rooms, self._exchange.remembered.newest(pair)))

    @sealed_function
    def server(
        self,
        secret_id: str,
        secret_key: str,
        *,
        session_token: str | None = None,
        method: KeyMethod = "tc3",
    ) -> ServerTokens:
        """
        Keep a server's token for a Tencent Cloud key; it is asked for when it is first needed.

        The same key again gives the same object.

        Args:
            secret_id: of a key of the account that owns the environment.
            secret_key: what goes with it.
            session_token: what goes with a temporary key.
            method: `"tc3"` signs the request; `"basic"` sends the key itself.

        Raises:
            ConfigurationError: an argument is wrong.
        """
        key = CloudKey.checked(secret_id, secret_key, session_token, method)
        if self._server is None or self._server[0] != key:
            self._server = key, ServerTokens(self._caller, self._background, key)
        return self._server[1]

    async def aclose(self) -> None:
        """
        Close: what is under way (a refresh, a sign-out, hooks) has `close_timeout` to finish, the
        rest is cancelled, sockets are shut.

        It may be called twice. A borrowed aiohttp session and the store stay open.

        Raises:
            StoreError: everything is closed, but the newest tokens of a kept session could not be
                stored. As long as you hold the session they are in `session.tokens`.
        """
        self._background.here()  # another loop's sockets are not closed from this one
        unsaved: StoreError | None = None
        try:
            await self._background.drain(self._close_timeout)
            unsaved = await self._exchange.saving.last_attempt(self._close_timeout)
        finally:
            await self._transport.aclose()
        if unsaved is not None:
            raise unsaved

    async def __aenter__(self) -> Self:
        if self._background.closed:
            raise ClientClosed("the client is closed; make one for the length of the program")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def rooms_of(auth: AuthClient) -> Rooms:
    """
    Return the rooms of a client, for what stands beside it and not on it: the verifiers.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(cast("object", auth), AuthClient):
        raise ConfigurationError("auth", "must be an AuthClient")
    return auth._rooms  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - same module


def _furnished(
    settings: Settings,
    transport: Transport,
    clock: Clock,
    on_event: Receiver | None,
    solver: Solver | None,
) -> Rooms:
    stream = Stream(clock, on_event)
    user_agent = f"cloudbase-auth-async/{__version__}"
    caller = BaseCaller(settings, transport, clock, user_agent=user_agent)
    background = Background()
    # After a fork all children would draw the same pauses.
    background.on_move(caller.jitter.seed)
    if solver is not None:
        caller.captcha = Desk(Captcha(caller), background, clock, solver)
    return Rooms(
        caller=caller,
        exchange=Exchange(caller, background, stream),
        background=background,
        stream=stream,
    )
