"""Signing in on a device without a keyboard, as one flow: codes, showing them, a yes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from cloudbase_auth_async._background import Background
from cloudbase_auth_async._call import Call
from cloudbase_auth_async._lifetime import ServerTime
from cloudbase_auth_async._pipeline import BaseCaller
from cloudbase_auth_async._sealed import sealed_asking
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async._turns import Turns
from cloudbase_auth_async.endpoints.device import Device
from cloudbase_auth_async.errors import (
    ConfigurationError,
    DeviceCodeExpired,
    InvalidGrant,
    PermissionDenied,
)
from cloudbase_auth_async.models import DeviceAuthorization

T = TypeVar("T")

Show = Callable[[DeviceAuthorization], Awaitable[object]]


class _Remembering:
    """
    A caller that ends what it began, and keeps the tokens that came of it.

    A device code works once: the answer to a poll must not be lost because somebody was cancelled.
    """

    def __init__(self, caller: BaseCaller, background: Background) -> None:
        self._caller = caller
        self._background = background
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
        return await self._background.finished(
            lambda: self._turns.do(lambda: self._kept(call)), name="cloudbase-auth flow"
        )

    async def _kept(self, call: Call[T]) -> T:
        if self.tokens is not None and call.answer is TokenPair:
            return cast("T", self.tokens)
        answer = await self._caller.call(call)
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
        self._caller = _Remembering(caller, background)
        self._device = Device(self._caller)
        self._scope = scope
        self._authorization = None if resume is None else DeviceAuthorization.from_dict(resume)

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

        Run again, it goes on with the same codes as long as somebody can say yes to them, and
        shows them again.

        Args:
            show: a coroutine function that shows the person `user_code` and where to enter it.

        Raises:
            DeviceCodeExpired: nobody said yes in time.
            PermissionDenied: the person said no.
            InvalidGrant: the code was used; the answer that brought the tokens was lost.
            TransportError: no answer to the call for the codes; later ones are tolerated.
            ClientClosed: the client is closed.
        """
        if self._caller.tokens is not None:
            return self._caller.tokens
        codes = self.authorization
        if codes is None:
            codes = self._authorization = await self._device.authorize(scope=self._scope)
        await show(codes)
        try:
            return await self._device.wait(codes)
        except (DeviceCodeExpired, InvalidGrant, PermissionDenied):
            self._authorization = None  # nobody can say yes to these any more
            raise

    def to_dict(self) -> dict[str, Any]:
        """
        Write the codes down, secrets and all, in values that JSON can hold.

        Raises:
            ConfigurationError: there are none so far.
        """
        if self._authorization is None:
            raise ConfigurationError("flow", "has no codes yet")
        return self._authorization.to_dict()
