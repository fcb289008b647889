"""
What a session does next: pure functions of what it knows and what time it is.

When somebody wants a token (`decide`):

| the access token | asking for a new pair | what happens |
| --- | --- | --- |
| fresh: before the advisory window | either way | SERVE |
| in the advisory window | possible | RENEW: served, while one task renews it |
| in the mandatory window | possible | WAIT for the renewal |
| in either window | not possible | SERVE: it still lives |
| dead, rejected or absent | possible | WAIT |
| dead, rejected or absent | not possible | REFUSE, with the error that says why |

Asking is not possible without a refresh token, after the service refused it for good, during
the pause after a failed attempt, and, after an attempt whose outcome is unknown, for as long as
the access token lives: the resend might end a session that still works.

What the failure of a refresh means (`verdict`):

| failure | verdict |
| --- | --- |
| the service says `invalid_grant` | ENDED: the only refusal that is for good |
| the store says that it was refused, or signed out, elsewhere | ENDED |
| any other 4xx; `unavailable` or `resource_exhausted` said by the service itself | LATER |
| surely not sent; the store or its lock was not to be had | LATER |
| sent, no answer; an answer that makes no sense; any other status; cut short | UNKNOWN |
"""

import random
from enum import Enum

import attrs

from cloudbase_auth_async._lifetime import Lifetime
from cloudbase_auth_async.errors import (
    ApiError,
    ClientClosed,
    CloudBaseAuthError,
    ConfigurationError,
    InvalidGrant,
    NotSignedIn,
    RefreshOutcomeUnknown,
    SessionEnded,
    SessionError,
    StoreError,
    TransportError,
)

# Pauses after a failure. A passing one is soon tried again, ever less often.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0
# After an unknown outcome, with the access token dead too, there is nothing to lose by asking
# again, but the first request may still be on its way: wait it out, then ask seldom. With the
# first attempt that makes three in any hour.
FIRST_PROBE_SECONDS = 60.0
PROBE_SECONDS = 1800.0
# Where a gateway did answer, if only that something is broken, nothing is on its way any more.
FIRST_TROUBLE_SECONDS = 5.0
# A service that rejects each fresh token must not cost a refresh token for each call.
FIRST_REJECTION_SECONDS = 60.0
LONGEST_REJECTION_SECONDS = 3600.0


class Step(Enum):
    """What to do for a caller who wants a token; see the module's first table."""

    SERVE = 1
    RENEW = 2
    WAIT = 3
    REFUSE = 4


class Verdict(Enum):
    """What a failed refresh means; see the module's second table."""

    ENDED = 1
    LATER = 2
    UNKNOWN = 3


@attrs.frozen
class Setback:
    """
    The failure a session has to live with until it is renewed.

    Attributes:
        verdict: what it means.
        error: what callers are told.
        count: how many in a row.
        until: monotonic seconds before which the service is not asked again.
    """

    verdict: Verdict
    error: CloudBaseAuthError
    count: int
    until: float


def decide(now: float, life: Lifetime, *, has_refresh_token: bool, setback: Setback | None) -> Step:
    """
    Read the first table.

    Args:
        now: monotonic seconds.
        life: of the access token.
        has_refresh_token: whether there is anything to ask with.
        setback: the last attempt's failure, if it failed.
    """
    if now < life.advisory_at:
        return Step.SERVE
    alive = now < life.dies_at
    if has_refresh_token and may_ask(now, setback, alive=alive):
        return Step.RENEW if now < life.mandatory_at else Step.WAIT
    return Step.SERVE if alive else Step.REFUSE


def may_ask(now: float, setback: Setback | None, *, alive: bool) -> bool:
    """Tell whether the service may be asked for a new pair now."""
    if setback is None:
        return True
    if setback.verdict is Verdict.ENDED or (setback.verdict is Verdict.UNKNOWN and alive):
        return False
    return now >= setback.until


def verdict(failure: CloudBaseAuthError) -> Verdict:
    """Read the second table."""
    if isinstance(failure, InvalidGrant | NotSignedIn | SessionEnded):
        return Verdict.ENDED
    if isinstance(failure, TransportError):
        return Verdict.UNKNOWN if failure.may_have_reached_server else Verdict.LATER
    if isinstance(failure, ApiError):
        passing = failure.error in ("unavailable", "resource_exhausted")
        refused = 400 <= failure.status < 500  # noqa: PLR2004
        return Verdict.LATER if refused or passing else Verdict.UNKNOWN
    never_sent = isinstance(failure, ClientClosed | ConfigurationError | StoreError)
    return Verdict.LATER if never_sent else Verdict.UNKNOWN


def told(failure: CloudBaseAuthError) -> CloudBaseAuthError:
    """Choose what callers are told of a failed refresh."""
    if isinstance(failure, SessionError):
        return failure
    request_id = getattr(failure, "request_id", None)
    found = verdict(failure)
    if found is Verdict.LATER:
        return failure
    if found is Verdict.ENDED:
        problem = "the service refused the refresh token; sign in again"
        return SessionEnded(problem, request_id=request_id)
    problem = f"a refresh was sent and ended in {type(failure).__name__}"
    return RefreshOutcomeUnknown(problem, request_id=request_id)


def setback(
    failure: CloudBaseAuthError,
    *,
    before: Setback | None,
    now: float,
    jitter: random.Random,
) -> Setback:
    """
    Choose when the service may be asked again.

    Args:
        failure: what the refresh ended in.
        before: the failure before this one, if the session has not been renewed since.
        now: monotonic seconds.
        jitter: where chance comes from; sessions that failed together part ways.
    """
    found = verdict(failure)
    count = 1 + (before.count if before is not None and before.verdict is found else 0)
    if isinstance(failure, RefreshOutcomeUnknown) and failure.again_in_seconds is not None:
        # Nothing was sent this time: it was not another attempt.
        return Setback(found, failure, max(count - 1, 1), now + failure.again_in_seconds)
    if found is Verdict.LATER and before is not None and before.verdict is Verdict.UNKNOWN:
        # That this attempt surely failed does not tell how the earlier one ended.
        until = max(before.until, now + _pause(failure, before.count, jitter))
        return Setback(Verdict.UNKNOWN, told(failure), before.count, until)
    if found is Verdict.UNKNOWN and isinstance(failure, ApiError):
        wait = _spread(FIRST_TROUBLE_SECONDS, count, jitter)
    elif found is Verdict.UNKNOWN:
        wait = FIRST_PROBE_SECONDS if count == 1 else PROBE_SECONDS
    else:
        wait = _pause(failure, count, jitter)
    return Setback(found, told(failure), count, now + wait)


def _pause(failure: CloudBaseAuthError, count: int, jitter: random.Random) -> float:
    asked = failure.retry_after if isinstance(failure, ApiError) else None
    asked = min(asked or 0.0, LONGEST_RETRY_AFTER_SECONDS)
    return max(asked, _spread(FIRST_PAUSE_SECONDS, count, jitter))


def _spread(first: float, count: int, jitter: random.Random) -> float:
    doublings = min(max(count - 1, 0), 10)  # a doubt of somebody else's counts for nothing
    ceiling = min(LONGEST_PAUSE_SECONDS, first * float(1 << doublings))
    return jitter.uniform(ceiling / 2, ceiling)


def trouble_pause(count: int) -> float:
    """
    Choose how long nobody who shares a session asks again, after a gateway said it is in trouble.

    Args:
        count: such answers in a row.
    """
    return min(LONGEST_PAUSE_SECONDS, FIRST_TROUBLE_SECONDS * float(1 << min(count - 1, 10)))


def rejection_pause(count: int) -> float:
    """
    Choose how long after a rejected token the next rejected one is not refreshed.

    Args:
        count: rejected tokens in a row, with no call succeeding in between.
    """
    return min(LONGEST_REJECTION_SECONDS, FIRST_REJECTION_SECONDS * float(1 << min(count - 1, 10)))
