"""
The keys a verifier holds, and what it does about one that a token names. Pure; `_certs` does it.

| keys held | the token's key | the last fetch | what is done |
| --- | --- | --- | --- |
| under 10 minutes old | among them | | `SERVE` |
| up to an hour old | among them | ended under 10 s ago | `SERVE` |
| up to an hour old | among them | ended before that | `RENEW`: serve, and fetch behind it |
| up to their last day | among them | failed | as up to an hour |
| up to their last day | among them | succeeded, so long ago | `WAIT` |
| up to their last day | not there | found none such under 60 s ago | `REFUSE` |
| up to their last day | not there | ended under 10 s ago | `REFUSE`, or `FAIL` if it failed |
| up to their last day | not there | ended before that | `WAIT` |
| none, or older | any | failed under 2 s ago | `FAIL` |
| none, or older | any | none, or before that | `WAIT` |

A key that was withdrawn, because it leaked, is trusted for 10 minutes under load; a verifier that
was idle for an hour asks before it trusts one again. If nobody answers, keys are trusted for their
whole last day (`key_max_age`): an outage of the service must not become one of every gateway, and
without an end whoever keeps the gateway from its service would keep a leaked key alive for ever.

Who has waited for a fetch does not wait for a second one: its outcome counts as fresh.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import attrs

from cloudbase_auth_async.errors import CloudBaseAuthError

K = TypeVar("K")

RENEW_SECONDS: Final = 600.0
IDLE_SECONDS: Final = 3600.0
# A rotated key is known at most this long after its first use.
COOLDOWN_SECONDS: Final = 10.0
COLD_COOLDOWN_SECONDS: Final = 2.0
MISSING_SECONDS: Final = 60.0
MOST_MISSING: Final = 64


class Step(Enum):
    """What is done about a key; see the table."""

    SERVE = "use the key that is held"
    RENEW = "use the key that is held, and fetch behind it"
    WAIT = "fetch, or wait for the fetch under way"
    REFUSE = "the key is unknown"
    FAIL = "the keys cannot be had"


@attrs.define(eq=False)
class KeySet(Generic[K]):
    """
    What is known of a service's keys.

    Attributes:
        max_age: how many seconds keys are trusted while no fetch succeeds.
        keys: by id.
        came_at: monotonic seconds; None until a fetch succeeded.
        ended_at: when the last fetch ended; None before the first.
        failure: what that one ended in; None if it succeeded.
        missing: ids that a fetch did not find, and until when they are not asked for.
    """

    max_age: float
    keys: Mapping[str, K] = attrs.field(factory=dict[str, Any], repr=False)
    came_at: float | None = None
    ended_at: float | None = None
    failure: CloudBaseAuthError | None = None
    missing: dict[str, float] = attrs.field(factory=dict[str, float], repr=False)

    def step(self, kid: str, now: float, *, waited: bool = False) -> Step:
        """
        Read the table.

        Args:
            kid: the key that a token names.
            now: monotonic seconds.
            waited: whether the caller has waited for a fetch that has just ended.
        """
        if not self.usable(now):
            cooling = waited or self._rests(now, COLD_COOLDOWN_SECONDS)
            return Step.FAIL if self.failure is not None and cooling else Step.WAIT
        cooling = waited or self._rests(now, COOLDOWN_SECONDS)
        if kid in self.keys:
            return self._known(now, cooling=cooling)
        if now < self.missing.get(kid, now):
            return Step.REFUSE
        if not cooling:
            return Step.WAIT
        return Step.REFUSE if self.failure is None else Step.FAIL

    def usable(self, now: float) -> bool:
        """Tell whether there are keys that may be trusted at all."""
        return self.came_at is not None and now - self.came_at < self.max_age

    def took(self, keys: Mapping[str, K], now: float) -> None:
        """Take the keys of a fetch in the place of all that were there."""
        self.keys, self.came_at, self.ended_at, self.failure = keys, now, now, None

    def failed(self, failure: CloudBaseAuthError, now: float) -> None:
        """Note that a fetch failed; what is held stays."""
        self.ended_at, self.failure = now, failure

    def lacks(self, kid: str, now: float) -> None:
        """Note that a fetch for the sake of this key did not find it."""
        self.missing.pop(kid, None)
        while len(self.missing) >= MOST_MISSING:
            del self.missing[next(iter(self.missing))]
        self.missing[kid] = now + MISSING_SECONDS

    def _known(self, now: float, *, cooling: bool) -> Step:
        age = now - (self.came_at or 0.0)
        if age < min(RENEW_SECONDS, self.max_age / 2) or cooling:
            return Step.SERVE
        return Step.RENEW if age < IDLE_SECONDS or self.failure is not None else Step.WAIT

    def _rests(self, now: float, seconds: float) -> bool:
        return self.ended_at is not None and now - self.ended_at < seconds
