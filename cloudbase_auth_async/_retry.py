"""
When a request is sent again, and after how long. Pure; the pipeline does the waiting.

| what happened | call that may be repeated | any other call |
| --- | --- | --- |
| surely not sent | again | again |
| may have arrived, no answer | again | never |
| 429, 502, 503, 504 | again, after `Retry-After` if it is short | never |
| any other answer | never | never |

Codes, sign-ups and refreshes are in the right-hand column: they are never sent twice.
"""

import random

import attrs

from cloudbase_auth_async.errors import ApiError, TransportError

MOST_ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

_PASSING = (429, 502, 503, 504)


def may_repeat(failure: TransportError | ApiError, *, repeatable: bool) -> bool:
    """Read the table above."""
    if isinstance(failure, TransportError):
        return repeatable or not failure.may_have_reached_server
    return repeatable and failure.status in _PASSING


def pause(failure: TransportError | ApiError, *, attempt: int, jitter: random.Random) -> float:
    """
    Choose how many seconds to wait before the next attempt.

    Full jitter, so that clients that failed together do not come back together. What the
    service asks for is a lower bound.

    Args:
        failure: of the attempt just made.
        attempt: its number, from 1.
        jitter: where chance comes from.
    """
    ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 4 ** (attempt - 1))
    asked = failure.retry_after if isinstance(failure, ApiError) else None
    return (asked or 0.0) + jitter.uniform(0, ceiling)


@attrs.define
class Budget:
    """
    What a client may spend on retries, so that an outage is not made worse by its users.

    Each retry costs one, each success earns a tenth, and the purse holds ten: while a service is
    down, retries add ten requests and then a tenth of what succeeds.
    """

    purse: float = 10.0

    def take(self) -> bool:
        """Pay for one retry; False if there is nothing left."""
        if self.purse < 1.0:
            return False
        self.purse -= 1.0
        return True

    def earn(self) -> None:
        """Note a success."""
        self.purse = min(10.0, self.purse + 0.1)
