"""
How a server's token, which is no user's, is kept valid while it is used.

The face of it is `ServerTokens`. As with a session, what comes next is decided in `_policy.py`.
There is nothing to spend here: an exchange whose outcome nobody knows is simply made again.

| an exchange failed | it is made again |
| --- | --- |
| the service refuses the key | after about a minute, then ever later, an hour at most |
| anything else | after about a second, then ever later, a minute at most |

Where the service says `Retry-After`, not before that.
"""

import asyncio
from typing import Final

from cloudbase_auth_async import _policy
from cloudbase_auth_async._background import Background
from cloudbase_auth_async._brake import Brake
from cloudbase_auth_async._cloud_key import CloudKey
from cloudbase_auth_async._lifetime import DEAD, Lifetime, lifetime_of
from cloudbase_auth_async._observe import log
from cloudbase_auth_async._pipeline import BaseCaller, Unattended
from cloudbase_auth_async._policy import Setback, Step, Verdict
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.endpoints.server_token import REFUSALS, exchanged
from cloudbase_auth_async.errors import ApiError, ClientClosed, CloudBaseAuthError, SessionError
from cloudbase_auth_async.models._fields import unpicklable

# An answer may be so late, or so soon rejected, that its token is not worth handing out.
_MOST_EXCHANGES: Final = 2


class ServerBearer:
    """One key's token and its state; every change of state happens between two awaits."""

    __slots__ = (
        "_background",
        "_brake",
        "_caller",
        "_jumps",
        "_key",
        "_life",
        "_pair",
        "_setback",
        "_task",
    )

    def __init__(self, caller: BaseCaller, background: Background, key: CloudKey) -> None:
        self._caller = caller
        self._background = background
        self._key = key
        self._brake = Brake()
        self._pair: TokenPair | None = None
        self._life: Lifetime = DEAD
        self._jumps = caller.server_time.jumps
        self._setback: Setback | None = None
        self._task: asyncio.Task[None] | None = None

    __reduce__ = unpicklable

    @property
    def tokens(self) -> TokenPair | None:
        """What the service answered last, whatever its state."""
        return self._pair

    async def bearer(self) -> str:
        """Return a token that is valid now."""
        pair = self._fresh() or await self._valid()
        return pair.access_token

    def invalidate(self, access_token: str) -> None:
        """Give up a token, unless it is no longer the current one."""
        if self._pair is not None and access_token == self._pair.access_token:
            self._life = DEAD

    def rejected(self, access_token: str) -> bool:
        """
        Note that a token was rejected; True if the request is worth repeating.

        Only the current token is given up, so late rejections of an old one cost nothing.
        """
        if self._pair is None or self._background.closed:
            return False
        if access_token != self._pair.access_token or self._life is DEAD:
            return True  # its successor is here or on its way
        if self._brake.holds(self._caller.clock.monotonic()):
            return False
        self._life = DEAD
        return True

    def repeated(self, access_token: str, *, accepted: bool) -> None:
        """
        Note how the repetition of a rejected request went.

        If the new token is rejected, too, the token was not the trouble: for a while no rejection
        costs an exchange, or each request would.
        """
        if accepted:
            self._brake.accepted()
        else:
            self._brake.rejected(access_token, self._caller.clock.monotonic())

    # How it does it

    def _fresh(self) -> TokenPair | None:
        """Return the token if there is nothing to think about."""
        fresh = (
            self._caller.clock.monotonic() < self._life.advisory_at
            and self._jumps == self._caller.server_time.jumps
            and not self._background.closed
        )
        return self._pair if fresh else None

    async def _valid(self) -> TokenPair:
        """Return a token that is good, or raise why there is none."""
        if self._background.closed:
            raise ClientClosed("the client is closed")
        self._background.here()  # before anything is decided: a task of another loop never ends
        self._count_anew()
        now = self._caller.clock.monotonic()
        step = _policy.decide(now, self._life, has_refresh_token=True, setback=self._setback)
        if step is Step.RENEW:
            self._under_way()
        elif step is Step.WAIT:
            await self._renewed()
        # Failed, the old one is still good until it dies.
        if self._pair is None or not self._alive():
            raise self._refusal()
        return self._pair

    async def _renewed(self) -> None:
        """Wait for an exchange, begun now or before; its outcome is in our state."""
        for _ in range(_MOST_EXCHANGES):
            task = self._under_way()
            # Not the task itself: a cancelled caller would take it along.
            await asyncio.wait((task,))
            if task.cancelled():
                raise ClientClosed("the client was closed before a server's token came")
            if self._setback is not None or self._alive():
                return

    def _alive(self) -> bool:
        return self._caller.clock.monotonic() < self._life.dies_at

    def _under_way(self) -> "asyncio.Task[None]":
        """Return the exchange under way, here and now; started if there is none."""
        if self._task is None or not self._background.owns(self._task):
            # Closing does not wait for it: nothing is lost with it.
            self._task = self._background.spawn(
                self._exchange(), name="cloudbase-auth server token", urgent=False
            )
        return self._task

    async def _exchange(self) -> None:
        try:
            pair = await exchanged(Unattended(self._caller), self._key)
        except CloudBaseAuthError as failure:
            self._failed(failure)
            request_id = getattr(failure, "request_id", None)
            log.warning("no server's token: %s [request %s]", type(failure).__name__, request_id)
            return
        self._pair = pair
        self._jumps = self._caller.server_time.jumps
        self._life = lifetime_of(pair, self._caller.server_time)
        if self._alive():
            self._setback = None
        else:
            self._failed(SessionError("the service's tokens die before they can be used"))

    def _count_anew(self) -> None:
        """Correct a life that was told by the wall clock when the service's became known."""
        if self._jumps != self._caller.server_time.jumps:
            self._jumps = self._caller.server_time.jumps
            if self._pair is not None and self._life is not DEAD:
                self._life = lifetime_of(self._pair, self._caller.server_time)

    def _failed(self, failure: CloudBaseAuthError) -> None:
        refused, before = isinstance(failure, REFUSALS), self._setback
        again = before is not None and isinstance(before.error, REFUSALS) is refused
        count = 1 + (before.count if before is not None and again else 0)
        jitter = self._caller.jitter.uniform(0.5, 1.0)
        until = self._caller.clock.monotonic() + _pause(failure, count, jitter)
        # Always "later": there is nothing that a second exchange could spoil.
        self._setback = Setback(Verdict.LATER, failure.again(), count, until)

    def _refusal(self) -> CloudBaseAuthError:
        """Say why there is no token. The error is new each time, its traceback too."""
        if self._setback is None:
            return SessionError("the server's token was rejected meanwhile")
        return self._setback.error.again()


def _pause(failure: CloudBaseAuthError, count: int, jitter: float) -> float:
    """Read the table at the top; what failed together parts ways by the jitter."""
    if isinstance(failure, REFUSALS):
        pause = _policy.rejection_pause(count)
    else:
        ceiling = _policy.FIRST_PAUSE_SECONDS * float(1 << min(count - 1, 10))
        pause = min(_policy.LONGEST_PAUSE_SECONDS, ceiling)
    asked = failure.retry_after if isinstance(failure, ApiError) else None
    return max(pause * jitter, min(asked or 0.0, _policy.LONGEST_RETRY_AFTER_SECONDS))
