"""What a poll's outcome means: the table of `Pace.after`, without a network."""

from typing import Any

import pytest

from cloudbase_auth_async import errors
from cloudbase_auth_async._verdict import BY_NAME
from cloudbase_auth_async.endpoints.device import Pace


def refusal(
    kind: Any, *, name: str | None = "a_name", retry_after: float | None = None
) -> errors.ApiError:
    """Return a refusal."""
    error: errors.ApiError = kind(
        operation="device.poll",
        status=400,
        error=name,
        error_code=None,
        description=None,
        request_id="r",
        retry_after=retry_after,
    )
    return error


def trouble(kind: Any) -> errors.TransportError:
    """Return a transport error."""
    error: errors.TransportError = kind(
        "trouble", operation="device.poll", request_id="r", may_have_reached_server=True
    )
    return error


NO_SENSE = errors.DecodeError(
    operation="device.poll", path="$", expected="JSON", status=200, request_id="r"
)
PASSING = (
    refusal(errors.AuthorizationPending),
    refusal(errors.RateLimited),
    refusal(errors.ServerUnavailable),
    trouble(errors.ConnectFailed),
    trouble(errors.ConnectionLost),
    trouble(errors.AnswerTooLarge),
    NO_SENSE,
)


@pytest.mark.parametrize("outcome", PASSING, ids=lambda each: type(each).__name__)
def test_passing(outcome: Any) -> None:
    """What passes is waited out for an interval, and time-outs in a row are over (B39)."""
    assert Pace(5.0).after(outcome) == Pace(5.0)
    assert Pace(5.0, timeouts=3, asked=60.0).after(outcome) == Pace(5.0)


def test_slow_down() -> None:
    """Five seconds more, for good (B39)."""
    slower = Pace(5.0).after(refusal(errors.SlowDown))
    assert slower == Pace(10.0)
    assert slower.after(refusal(errors.AuthorizationPending)) == Pace(10.0)
    assert slower.after(refusal(errors.SlowDown, retry_after=60.0)) == Pace(15.0, asked=60.0)


def test_time_outs() -> None:
    """Each time-out in a row doubles the pause, and any answer ends that."""
    pace, pauses = Pace(5.0), []
    for _ in range(4):
        pace = pace.after(trouble(errors.RequestTimedOut)) or pace
        pauses.append(pace.pause)
        assert pace.least == 5.0
    assert pauses == [10.0, 20.0, 40.0, 80.0]
    answered = pace.after(refusal(errors.AuthorizationPending))
    assert answered is not None
    assert answered.pause == 5.0
    assert Pace(5.0, timeouts=10**9).pause < 1e9


@pytest.mark.parametrize(("asked", "waits"), [(None, 5.0), (0.0, 5.0), (3.0, 5.0), (60.0, 60.0)])
def test_retry_after(asked: float | None, waits: float) -> None:
    """`Retry-After` makes the pause longer, never shorter, and only this one."""
    pace = Pace(5.0).after(refusal(errors.RateLimited, retry_after=asked))
    assert pace is not None
    assert (pace.least, pace.pause) == (waits, waits)
    following = pace.after(refusal(errors.AuthorizationPending))
    assert following == Pace(5.0)


FINAL = sorted(
    set(BY_NAME.values())
    - {errors.AuthorizationPending, errors.SlowDown, errors.RateLimited, errors.TooManyAttempts}
    - {errors.ServerUnavailable},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", [*FINAL, errors.ApiError], ids=lambda each: each.__name__)
def test_final(kind: Any) -> None:
    """Every other refusal is the last word, even with a `Retry-After`."""
    assert Pace(5.0).after(refusal(kind, retry_after=1.0)) is None


@pytest.mark.parametrize("kind", [errors.InvalidArgument, errors.NotFound, errors.ApiError])
def test_refusals_without_a_name(kind: Any) -> None:
    """A refusal that has no name is not the service's own, so it is waited out."""
    assert Pace(5.0).after(refusal(kind, name=None)) == Pace(5.0)


def test_closed() -> None:
    """A client that was closed asks no more."""
    assert Pace(5.0).after(errors.ClientClosed("closed")) is None
