"""Signing in on a device without a keyboard: RFC 8628, from the codes to the tokens."""

from typing import Final

import attrs

from cloudbase_auth_async import config
from cloudbase_auth_async._call import Auth, Call, Form
from cloudbase_auth_async._claims import moment
from cloudbase_auth_async._sealed import sealed
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.server_token import TimedCaller
from cloudbase_auth_async.errors import (
    ApiError,
    AuthorizationPending,
    CloudBaseAuthError,
    ConfigurationError,
    DecodeError,
    DeviceCodeExpired,
    RateLimited,
    RequestTimedOut,
    ServerUnavailable,
    SlowDown,
    TransportError,
)
from cloudbase_auth_async.models import DeviceAuthorization

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_USUAL_INTERVAL_SECONDS: Final = 5.0
_SLOWER_SECONDS: Final = 5.0
# Beyond it the next poll lies after any code's end.
_MOST_DOUBLINGS: Final = 16
_LONGEST_LIFE_SECONDS: Final = 10_000_000_000

# What may be over at the next poll. An answer that makes no sense is most often a proxy's; if it
# was the tokens, the next poll says that the code is spent.
_PASSING: Final = (TransportError, ServerUnavailable, RateLimited, DecodeError)


@attrs.frozen
class Pace:
    """
    How often the service may be asked.

    Attributes:
        interval: seconds between two polls, as the service wants it by now.
        timeouts: how many of the last polls in a row got no answer in time.
        asked: seconds that the last answer told to wait, by `Retry-After`.
    """

    interval: float
    timeouts: int = 0
    asked: float = 0.0

    @property
    def least(self) -> float:
        """Return the seconds before which no poll may follow the last one."""
        return max(self.interval, self.asked)

    @property
    def pause(self) -> float:
        """Return the seconds after which the next poll had best follow."""
        return max(self.interval * 2.0 ** min(self.timeouts, _MOST_DOUBLINGS), self.asked)

    def after(self, outcome: CloudBaseAuthError) -> "Pace | None":
        """
        Tell how to go on after a poll that brought no tokens; None if it is not to be gone on.

        | the poll ended in | what it means | the next one follows |
        | --- | --- | --- |
        | `authorization_pending` | nobody has said yes so far | after the interval |
        | `slow_down` | too fast | after five seconds more, from now on |
        | no answer in time | the service, or the way there, is overloaded | after the interval, \
doubled for each time-out in a row |
        | 429, 5xx, a broken connection, an answer that makes no sense | passing trouble | after \
the interval |
        | a refusal with neither name nor number | a proxy's, or cut short | after the interval |
        | any other refusal: denied, expired, used, no such client | final | never |

        A `Retry-After` only makes the pause longer, and only this one.
        """
        asked = outcome.retry_after or 0.0 if isinstance(outcome, ApiError) else 0.0
        if isinstance(outcome, SlowDown):
            return Pace(self.interval + _SLOWER_SECONDS, asked=asked)
        if isinstance(outcome, RequestTimedOut):
            return Pace(self.interval, timeouts=self.timeouts + 1)
        if isinstance(outcome, (AuthorizationPending, *_PASSING)) or _nameless(outcome):
            return Pace(self.interval, asked=asked)
        return None


class Device:
    """`auth.device`."""

    __slots__ = ("_caller",)

    def __init__(self, caller: TimedCaller) -> None:
        self._caller = caller

    @sealed
    async def authorize(self, *, scope: str | None = None) -> DeviceAuthorization:
        """
        Get a code for the user to type in elsewhere, and one to ask for their tokens with.

        Show `user_code` and `verification_uri`, then `wait` for the user. The answer says how long
        the codes live, and how many seconds must lie between two polls: 5 if it does not. Only
        the official JavaScript client has this call.

        Args:
            scope: what the device may do, separated by spaces; all the user may if left out.

        Raises:
            ConfigurationError: the scope is empty.
            InvalidClient: no such client, or its secret is wrong.
            NotFound: a service that only speaks the primary contract has no device flow.
            DecodeError: the answer has no codes or no address: there would be nothing to show.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        body = {"scope": config.optional_text("scope", scope)}
        form = Form(method="POST", route="/device/code", auth=Auth.CLIENT, body=body)
        time = self._caller.server_time
        began = time.clock.monotonic()
        answer = await self._caller.call(
            Call(
                operation="device.authorize",
                answer=DeviceAuthorization,
                forms=(form,),
                repeatable=True,  # codes that nobody uses expire
            )
        )
        # Counted from before it was asked for: no sooner than here can the service count.
        server_began = time.now() - (time.clock.monotonic() - began)
        lives = min(max(answer.expires_in, 0), _LONGEST_LIFE_SECONDS)
        return attrs.evolve(answer, expires_at=moment(server_began + lives))

    @sealed
    async def poll(self, device_code: str) -> TokenPair:
        """
        Ask once whether the user has said yes. `wait` asks as often as it may.

        The code works once: if the answer that brings the tokens is lost on its way, there are
        no others, and the next poll ends in `InvalidGrant`. It is not sent again by itself.

        Args:
            device_code: of `authorize`; it lives that answer's `expires_in` seconds, and may be
                asked about once in `interval` seconds.

        Raises:
            ConfigurationError: the argument is empty.
            AuthorizationPending: not so far.
            SlowDown: not so far, and asked too soon.
            DeviceCodeExpired: nobody said yes in time.
            PermissionDenied: the user said no.
            InvalidGrant: no such code, or it was used.
            InvalidClient: no such client, or its secret is wrong.
            RateLimited: too many requests; see `retry_after`.
            TransportError: no answer.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        return await self._caller.call(_poll(config.text("device_code", device_code)))

    @sealed
    async def wait(self, authorization: DeviceAuthorization) -> TokenPair:
        """
        Ask until the user has said yes, as RFC 8628 wants it.

        It waits one interval before the first poll, too, so it may be begun anew after a restart
        with what `DeviceAuthorization.from_dict` read. No poll follows another sooner than the
        service allows. What passes (a broken connection, a gateway's 502) is waited out. It ends
        when the code does, not after the client's `timeout`, and whenever it is cancelled.

        The one limit: the code works once. If the answer that brings the tokens is lost on its
        way, this ends in `InvalidGrant`, and the user has to say yes to a new code.

        Args:
            authorization: of `authorize`; both its codes live `expires_in` seconds.

        Raises:
            ConfigurationError: the argument is no `DeviceAuthorization`.
            DeviceCodeExpired: nobody said yes in time. Its `status` is 0 where this client's
                clock said so and not the service.
            PermissionDenied: the user said no.
            InvalidGrant: no such code, or it was used.
            ApiError: the service will not have this client, or wants something else.
            ClientClosed: the client was closed meanwhile.

        Source: https://www.npmjs.com/package/@cloudbase/oauth (2026-11-22)
        """
        if not isinstance(authorization, DeviceAuthorization):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("authorization", "must be a DeviceAuthorization")
        call = _poll(config.text("device_code", authorization.device_code))
        clock = self._caller.server_time.clock
        began = clock.monotonic()
        # No service means that it may be asked without a pause.
        interval = authorization.interval if authorization.interval > 0 else _USUAL_INTERVAL_SECONDS
        pace = Pace(float(interval))
        pause = pace.pause
        while True:
            await clock.sleep(pause)
            try:
                return await self._caller.call(call)
            except CloudBaseAuthError as failure:
                outcome = failure.with_traceback(None)
            slower = pace.after(outcome)
            if slower is None:
                raise outcome
            pace = slower
            left = self._left(authorization, began)
            if pace.least > left:
                # The next poll would come after the end, and an earlier one too soon.
                await clock.sleep(max(left, 0.0))
                raise _expired(outcome)
            pause = min(pace.pause, left)

    def _left(self, authorization: DeviceAuthorization, began: float) -> float:
        """Tell how many seconds the code has left, as far as we know the service's clock."""
        time = self._caller.server_time
        # Nothing lives longer than its whole life: a clock that is a day behind says so.
        most = authorization.expires_in - (time.clock.monotonic() - began)
        if authorization.expires_at is None:
            return most
        return min(authorization.expires_at.timestamp() - time.now(), most)


def _nameless(outcome: CloudBaseAuthError) -> bool:
    return isinstance(outcome, ApiError) and outcome.error is None and outcome.error_code is None


def _poll(device_code: str) -> Call[TokenPair]:
    body = {"grant_type": _GRANT, "device_code": device_code}
    form = Form(method="POST", route="/token", auth=Auth.CLIENT, device=True, body=body)
    return Call(
        operation="device.poll",
        answer=TokenPair,
        forms=(form,),
        fresh_connection=True,
        salvage=True,
    )


def _expired(last: CloudBaseAuthError) -> DeviceCodeExpired:
    """Say that the time is over where the service has not said it."""
    return DeviceCodeExpired(
        operation="device.wait",
        status=0,
        error=None,
        error_code=None,
        description="the code's time is over, and nobody has said yes",
        request_id=str(getattr(last, "request_id", "")),
        retry_after=None,
    )
