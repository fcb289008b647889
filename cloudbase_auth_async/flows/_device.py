"""Signing in on a device without a keyboard, as one flow: codes, showing them, a yes."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, cast

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._lifetime import ServerTime
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._sealed import sealed_asking, sealed_function
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._turns import Turns
from cloudbase_auth_async.endpoints.device import Device
from cloudbase_auth_async.errors import (
    ConfigurationError,
    DeviceCodeExpired,
    InvalidGrant,
    PermissionDenied,
    SlowDown,
)
from cloudbase_auth_async.flows import _asking
from cloudbase_auth_async.models import DeviceAuthorization

T = TypeVar("T")

# RFC 8628, 3.5: by how much each `slow_down` makes the interval longer; and what it is unless said.
_SLOWER_SECONDS: Final = 5
_USUAL_INTERVAL_SECONDS: Final = 5

# Whatever it brings is awaited, if it can be, and of no interest.
Show = Callable[[DeviceAuthorization], object]


class _Remembering:
    """
    A caller that ends what it began, and keeps the tokens that came of it.

    A device code works once: the answer to a poll must not be lost because somebody was cancelled.
    """

    def __init__(
        self, caller: BaseCaller, background: Background, slowed: Callable[[], None]
    ) -> None:
        self._caller = caller
        self._background = background
        self._slowed = slowed
        self._turns = Turns()
        self.tokens: TokenPair | None = None

    @property
    def server_time(self) -> ServerTime:
        """The service's clock."""
        return self._caller.server_time

    async def call(self, call: Call[T]) -> T:
        """
        Answer the call, whoever is cancelled meanwhile.

        One after the other: a poll that somebody left behind may bring the tokens, and then the
        code is spent.
        """
        return await self.in_turn(lambda: self._kept(call))

    async def in_turn(self, step: Callable[[], Awaitable[T]]) -> T:
        """Have a step done when those before it are, whoever is cancelled meanwhile."""
        return await self._background.finished(
            lambda: self._turns.do(step), name="cloudbase-auth flow"
        )

    async def _kept(self, call: Call[T]) -> T:
        if self.tokens is not None and call.answer is TokenPair:
            return cast("T", self.tokens)
        try:
            answer = await self._caller.call(call)
        except SlowDown:
            self._slowed()
            raise
        if isinstance(answer, TokenPair):
            self.tokens = answer
        return answer


class DeviceFlow:
    """
    One device's way to its user's tokens (RFC 8628).

        tokens = await auth.flows.device_sign_in().run(show)

    The person says yes in a session of theirs: `session.authorization.device(user_code)`.
    Cancelled, the flow may be run again; over a restart, `to_dict` takes it along: call it in
    `show`, once there are codes.
    """

    def __init__(
        self,
        caller: BaseCaller,
        background: Background,
        *,
        scope: str | None,
        resume: Mapping[str, Any] | None,
    ) -> None:
        self._beginning = Device(caller)
        self._caller = _Remembering(caller, background, self._slowed)
        self._device = Device(self._caller)
        self._waiting = Turns()
        self._scope = scope
        self._authorization = None if resume is None else _read(resume)

    def __repr__(self) -> str:
        return "<DeviceFlow>"

    def __reduce__(self) -> Any:
        raise TypeError("a DeviceFlow holds secrets and is not pickled; use to_dict()")

    @property
    def authorization(self) -> DeviceAuthorization | None:
        """The codes; None before there are any, or when they have expired."""
        held = self._authorization
        if held is None or held.expires_at is None:
            return held
        return held if self._caller.server_time.now() < held.expires_at.timestamp() else None

    @sealed_asking
    async def run(self, show: Show) -> TokenPair:
        """
        Get the codes, have them shown, wait for the person's yes.

        The codes live `expires_in` seconds, as their answer says, and the service is asked once
        in `interval` seconds (5, if it does not say), whatever the client's `timeout`. Run again,
        it goes on with the same codes as long as somebody can say yes to them, and shows them
        again; run twice at once, it shows them twice and asks the service once.

        Args:
            show: a coroutine function that shows the person `user_code` and where to enter it. A
                function will do if it need not wait. What it raises comes out as it is.

        Raises:
            ConfigurationError: `show` is no function of one argument; nothing was sent.
            DeviceCodeExpired: nobody said yes in time.
            PermissionDenied: the person said no.
            InvalidGrant: the code was used; the answer that brought the tokens was lost.
            InvalidClient: no such client, or its secret is wrong.
            NotFound: a service that only speaks the primary contract has no device flow.
            ApiError: the service refused the call for the codes, or wants something else.
            TransportError, DecodeError: no answer to the call for the codes, or none that says
                anything; later ones are tolerated.
            ClientClosed: the client is closed.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        _asking.check("show", show)
        codes = None
        if self._caller.tokens is None:
            codes = self.authorization or await self._caller.in_turn(self._begun)
        if codes is not None:
            await _asking.asked(show, codes)
            # One after the other: two at once would ask the service twice as often as it allows.
            await self._waiting.do(functools.partial(self._waited, codes))
        return cast("TokenPair", self._caller.tokens)

    async def _begun(self) -> DeviceAuthorization | None:
        """Return codes to show; None if a poll that was left behind has brought the tokens."""
        if self._caller.tokens is not None:
            return None
        held = self.authorization
        if held is None:
            held = self._authorization = await self._beginning.authorize(scope=self._scope)
        return held

    async def _waited(self, codes: DeviceAuthorization) -> None:
        if self._caller.tokens is not None:
            return
        held = self._authorization
        if held is not None and held.device_code == codes.device_code:
            codes = held  # the service may have asked whoever waited before for more patience
        try:
            await self._device.wait(codes)
        except (DeviceCodeExpired, InvalidGrant, PermissionDenied):
            held = self._authorization
            if held is not None and held.device_code == codes.device_code:
                self._authorization = None  # nobody can say yes to these any more
            raise

    def _slowed(self) -> None:
        """Remember the longer interval: who is cancelled and runs again has to keep to it."""
        held = self._authorization
        if held is not None:
            interval = held.interval if held.interval > 0 else _USUAL_INTERVAL_SECONDS
            self._authorization = attrs.evolve(held, interval=interval + _SLOWER_SECONDS)

    @sealed_function
    def to_dict(self) -> dict[str, Any]:
        """
        Write the codes down, secrets and all, in values that JSON can hold.

        They are of use for `expires_in` seconds from when they were got, and in one place only.

        Raises:
            ConfigurationError: there are none so far.
        """
        if self._authorization is None:
            raise ConfigurationError("flow", "has no codes yet")
        return self._authorization.to_dict()


def _read(saved: Mapping[str, Any]) -> DeviceAuthorization:
    try:
        read = DeviceAuthorization.from_dict(saved)
        config.text("device_code", read.device_code)
    except ConfigurationError as problem:
        wrong = str(problem)
    else:
        return read
    raise ConfigurationError("resume", f"must be what to_dict wrote; {wrong}")
