"""
How long an access token may be used: three instants on the monotonic clock.

The wall clock is asked only for a pair that another process obtained, and then it is corrected
by what the service's `Date` headers said. So a clock that somebody sets, or one that is a day
off, neither refreshes in a loop nor serves a dead token.
"""

import email.utils
import math

import attrs

from cloudbase_auth_async._claims import span, unverified_claims
from cloudbase_auth_async._clock import Clock
from cloudbase_auth_async._tokens import TokenPair

ADVISORY_SECONDS = 300.0
MANDATORY_SECONDS = 30.0
# Of a short life only a share is given up: a five-second token is fresh for four seconds.
ADVISORY_SHARE = 0.2
MANDATORY_SHARE = 0.1

# An answer that took longer says too little about the service's clock.
_SLOWEST_DATE_SECONDS = 10.0
# Less than this may be the Date header's own coarseness and a slow answer.
_JUMP_SECONDS = 5.0
_FOREVER = 1e10
_LATEST = 250_000_000_000.0  # in the year 9892


@attrs.frozen
class Lifetime:
    """
    The instants at which the use of an access token changes, in monotonic seconds.

    Attributes:
        advisory_at: from here on it is renewed while it is still handed out.
        mandatory_at: from here on callers wait for its renewal.
        dies_at: from here on it is not handed out.
    """

    advisory_at: float
    mandatory_at: float
    dies_at: float


ENDLESS = Lifetime(math.inf, math.inf, math.inf)
DEAD = Lifetime(-math.inf, -math.inf, -math.inf)


def lifetime(dies_at: float, whole_seconds: float) -> Lifetime:
    """
    Lay the two margins before the end of a life.

    Args:
        dies_at: monotonic seconds.
        whole_seconds: how long such a token lives from issue to expiry.
    """
    return Lifetime(
        dies_at - min(ADVISORY_SECONDS, whole_seconds * ADVISORY_SHARE),
        dies_at - min(MANDATORY_SECONDS, whole_seconds * MANDATORY_SHARE),
        dies_at,
    )


@attrs.define
class ServerTime:
    """
    The service's clock, as its `Date` headers tell it, against our monotonic one.

    Attributes:
        clock: ours.
        offset: service's epoch seconds minus monotonic seconds; None until an answer told.
        jumps: how often what is known changed so much that lives must be counted anew.
        last: the header that was read last; the same again within a second teaches nothing.
    """

    clock: Clock
    offset: float | None = None
    jumps: int = 0
    last: str | None = None

    def now(self) -> float:
        """Return the service's epoch seconds; our wall clock's as long as nothing better is."""
        if self.offset is None:
            return self.clock.wall()
        return self.clock.monotonic() + self.offset

    def heard(self, date: str | None, *, began: float, ended: float) -> None:
        """
        Learn from the `Date` header of an answer.

        Args:
            date: the header as it came; anything unreadable teaches nothing.
            began: monotonic seconds before the request.
            ended: monotonic seconds after the answer's head.
        """
        if date is None or date == self.last or ended - began > _SLOWEST_DATE_SECONDS:
            return
        self.last = date
        try:
            stamp = email.utils.parsedate_to_datetime(date).timestamp()
        except (ValueError, OverflowError, OSError):
            return
        if not 0 < stamp < _LATEST:
            return  # from there on signing and counting would leave the calendar
        believed = self.now()
        # Date counts whole seconds: on average the moment lies half a second later.
        self.offset = stamp + 0.5 - (began + ended) / 2
        if abs(self.now() - believed) > _JUMP_SECONDS:
            self.jumps += 1


def lifetime_of(pair: TokenPair, server_time: ServerTime) -> Lifetime:
    """
    Tell how long a pair's access token may be used.

    | what is known | its life ends |
    | --- | --- |
    | obtained in this process, and its length (`exp - iat`, `expires_in`) | that long after the \
moment before it was asked for, on the monotonic clock |
    | only the instant of its expiry | then, on the service's clock as far as we know it; no \
later than its whole length from now |
    | neither, or it was dead on arrival | never; the service will reject it when it is time |
    """
    if not pair.access_token:
        return DEAD
    lengths = (span(unverified_claims(pair.access_token)).seconds, pair.expires_in)
    whole = min((length for length in lengths if length and 0 < length < _FOREVER), default=None)
    if pair.started is not None and whole is not None:
        return lifetime(pair.started + whole, whole)
    if pair.expires_at is None:
        return ENDLESS
    remaining = pair.expires_at.timestamp() - server_time.now()
    if whole is not None:
        # Nothing lives longer than its whole life: a clock that is a day behind says so.
        remaining = min(remaining, whole)
    if remaining <= 0 and pair.started is not None:
        return ENDLESS
    return lifetime(server_time.clock.monotonic() + remaining, whole or max(remaining, 0.0))
