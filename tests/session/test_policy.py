"""The tables of `_policy` and `_lifetime`, read line by line and then at random."""

import itertools
import math
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudbase_auth_async import _policy, errors
from cloudbase_auth_async._lifetime import (
    DEAD,
    ENDLESS,
    Lifetime,
    ServerTime,
    lifetime,
    lifetime_of,
)
from cloudbase_auth_async._policy import Setback, Step, Verdict
from cloudbase_auth_async._tokens import TokenPair
from cloudbase_auth_async.testing import ManualClock

LIFE = Lifetime(100.0, 130.0, 160.0)
FRESH, ADVISORY, MANDATORY, GONE = 50.0, 110.0, 140.0, 170.0
DOUBT = errors.RefreshOutcomeUnknown("unknown")


def _transport(*, may_have_reached_server: bool) -> errors.TransportError:
    return errors.ConnectionLost(
        "broke",
        operation="token.refresh",
        request_id="r",
        may_have_reached_server=may_have_reached_server,
    )


def _refusal(
    status: int,
    error: str | None = None,
    retry_after: float | None = None,
    kind: type[errors.ApiError] = errors.ApiError,
) -> errors.ApiError:
    return kind(
        operation="token.refresh",
        status=status,
        error=error,
        error_code=None,
        description=None,
        request_id="r",
        retry_after=retry_after,
    )


def _setback(verdict: Verdict, until: float = math.inf) -> Setback:
    return Setback(verdict, DOUBT, 1, until)


@pytest.mark.parametrize(
    ("now", "possible", "not_possible"),
    [
        (FRESH, Step.SERVE, Step.SERVE),
        (ADVISORY, Step.RENEW, Step.SERVE),
        (MANDATORY, Step.WAIT, Step.SERVE),
        (GONE, Step.WAIT, Step.REFUSE),
    ],
)
def test_first_table(now: float, possible: Step, not_possible: Step) -> None:
    """Each line of the first table, for each reason why asking is not possible."""
    decide = _policy.decide
    assert decide(now, LIFE, has_refresh_token=True, setback=None) is possible
    passed = _setback(Verdict.LATER, now)
    assert decide(now, LIFE, has_refresh_token=True, setback=passed) is possible
    for setback in (None, passed, _setback(Verdict.ENDED), _setback(Verdict.LATER)):
        has = setback is not None and setback is not passed
        assert decide(now, LIFE, has_refresh_token=has, setback=setback) is not_possible
    doubt = decide(now, LIFE, has_refresh_token=True, setback=_setback(Verdict.UNKNOWN, 0.0))
    assert doubt is (Step.WAIT if now == GONE else not_possible)
    paused = decide(now, LIFE, has_refresh_token=True, setback=_setback(Verdict.UNKNOWN))
    assert paused is not_possible


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (99.999, Step.SERVE),
        (100.0, Step.RENEW),
        (129.999, Step.RENEW),
        (130.0, Step.WAIT),
        (160.0, Step.WAIT),
    ],
)
def test_edges_belong_to_what_begins(now: float, step: Step) -> None:
    """At the very instant of a window's start, the window has begun (B17)."""
    assert _policy.decide(now, LIFE, has_refresh_token=True, setback=None) is step


def test_dead_at_its_very_end() -> None:
    """At the instant of its death a token is dead (B32)."""
    assert _policy.decide(160.0, LIFE, has_refresh_token=False, setback=None) is Step.REFUSE
    assert _policy.decide(159.9, LIFE, has_refresh_token=False, setback=None) is Step.SERVE


@given(
    now=st.floats(0, 1000),
    ends=st.lists(st.floats(0, 1000), min_size=3, max_size=3).map(sorted),
    has=st.booleans(),
    verdict=st.sampled_from([None, *Verdict]),
    until=st.floats(0, 1000),
)
def test_never_a_dead_token(
    now: float,
    ends: list[float],
    has: bool,  # noqa: FBT001 - drawn by name
    verdict: Verdict | None,
    until: float,
) -> None:
    """Whatever is known, a dead token is never served, a living one never refused (B32)."""
    life = Lifetime(*ends)
    setback = None if verdict is None else _setback(verdict, until)
    step = _policy.decide(now, life, has_refresh_token=has, setback=setback)
    alive = now < life.dies_at
    assert alive or step in (Step.WAIT, Step.REFUSE)
    assert not alive or step is not Step.REFUSE
    if step in (Step.RENEW, Step.WAIT):
        assert has
        assert now >= life.advisory_at
        assert setback is None or (verdict is not Verdict.ENDED and now >= until)
        assert verdict is not Verdict.UNKNOWN or not alive


NAMES = (None, "invalid_client", "unauthenticated", "some_new_name")
PASSING = ("unavailable", "resource_exhausted")


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 408, 429, 499, 500, 503, 504])
def test_second_table(status: int) -> None:
    """Each line of the second table that is about an answer (B18)."""
    refused = 400 <= status < 500
    for name in NAMES:
        expected = Verdict.LATER if refused else Verdict.UNKNOWN
        assert _policy.verdict(_refusal(status, name)) is expected
    for name in PASSING:
        assert _policy.verdict(_refusal(status, name)) is Verdict.LATER
    ended = _refusal(status, "invalid_grant", kind=errors.InvalidGrant)
    assert _policy.verdict(ended) is Verdict.ENDED


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (_transport(may_have_reached_server=False), Verdict.LATER),
        (_transport(may_have_reached_server=True), Verdict.UNKNOWN),
        (errors.ClientClosed("closed"), Verdict.LATER),
        (errors.ConfigurationError("refresh_token", "is wrong"), Verdict.LATER),
        (errors.StoreError("away"), Verdict.LATER),
        (errors.StoreBusy("taken"), Verdict.LATER),
        (errors.NotSignedIn("elsewhere"), Verdict.ENDED),
        (errors.SessionEnded("elsewhere"), Verdict.ENDED),
        (DOUBT, Verdict.UNKNOWN),
        (errors.SubjectChanged("another"), Verdict.UNKNOWN),
        (errors.CloudBaseAuthError("anything else"), Verdict.UNKNOWN),
        (
            errors.DecodeError(
                operation="o", path="$", expected="JSON", status=200, request_id="r"
            ),
            Verdict.UNKNOWN,
        ),
    ],
)
def test_second_table_without_an_answer(
    failure: errors.CloudBaseAuthError, expected: Verdict
) -> None:
    """Each line of the second table that is about none (B4)."""
    assert _policy.verdict(failure) is expected
    told = _policy.told(failure)
    if isinstance(failure, errors.SessionError) or expected is Verdict.LATER:
        assert told is failure
    else:
        assert isinstance(told, errors.RefreshOutcomeUnknown)


def test_told() -> None:
    """Callers hear of the session's end, with the request that settled it (B20)."""
    told = _policy.told(_refusal(400, "invalid_grant", kind=errors.InvalidGrant))
    assert isinstance(told, errors.SessionEnded)
    assert told.request_id == "r"


def _waits(failure: Any, count: int, seed: int = 1) -> list[float]:
    before, waits, jitter = None, [], random.Random(seed)  # noqa: S311 - reproducible
    for _ in range(count):
        before = _policy.setback(failure, before=before, now=1000.0, jitter=jitter)
        waits.append(before.until - 1000.0)
    return waits


@given(seed=st.integers(0, 10**6))
def test_pauses_after_a_passing_failure(seed: int) -> None:
    """They grow from a second to a minute, with jitter in their upper half (B19)."""
    for number, wait in enumerate(_waits(_refusal(429), 30, seed)):
        ceiling = min(60.0, 2.0**number)
        assert ceiling / 2 <= wait <= ceiling


def test_pauses_after_an_unknown_outcome() -> None:
    """One minute, and then thirty each time: three in any hour, the first included (B19)."""
    waits = _waits(_transport(may_have_reached_server=True), 6)
    assert waits == [60.0, 1800.0, 1800.0, 1800.0, 1800.0, 1800.0]


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(600.0, 600, 600), (10**9, 3600, 3600), (0.0, 0.5, 1)]
)
def test_retry_after(asked: float, least: float, most: float) -> None:
    """What the service asks for is a lower bound, up to an hour (B19)."""
    (wait,) = _waits(_refusal(429, retry_after=asked), 1)
    assert least <= wait <= most


def test_count_is_of_a_kind() -> None:
    """A failure of another kind starts counting again."""
    before = None
    jitter = random.Random(1)  # noqa: S311 - reproducible
    failures = (_refusal(429), _refusal(429), _refusal(400, kind=errors.InvalidGrant))
    for failure, count in zip(failures, (1, 2, 1), strict=True):
        before = _policy.setback(failure, before=before, now=0.0, jitter=jitter)
        assert before.count == count


def test_refused_while_in_doubt() -> None:
    """A probe that is refused for now is followed by a pause, not by the next caller's (B19)."""
    before = Setback(Verdict.UNKNOWN, DOUBT, 3, 100.0)
    jitter = random.Random(1)  # noqa: S311 - reproducible
    after = _policy.setback(_refusal(429), before=before, now=200.0, jitter=jitter)
    assert (after.verdict, after.count) == (Verdict.UNKNOWN, 3)
    assert 202.0 <= after.until <= 204.0
    early = _policy.setback(_refusal(429), before=before, now=0.0, jitter=jitter)
    assert early.until == 100.0


def test_told_by_the_store_to_wait() -> None:
    """Somebody else's doubt says itself how long it lasts, and is no attempt of ours (B19)."""
    jitter = random.Random(1)  # noqa: S311 - reproducible
    doubt = errors.RefreshOutcomeUnknown("by another", again_in_seconds=7.0)
    first = _policy.setback(doubt, before=None, now=10.0, jitter=jitter)
    assert (first.verdict, first.count, first.until) == (Verdict.UNKNOWN, 1, 17.0)
    again = _policy.setback(doubt, before=first, now=20.0, jitter=jitter)
    assert (again.count, again.until) == (1, 27.0)


def test_rejection_pauses() -> None:
    """They double from a minute to an hour, whatever the count (B19)."""
    pauses = [_policy.rejection_pause(count) for count in range(1, 10)]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert _policy.rejection_pause(10**6) == 3600


@given(dies_at=st.floats(-1e9, 1e9), whole=st.floats(0, 1e9))
def test_margins(dies_at: float, whole: float) -> None:
    """The windows lie in order before the end, and leave most of any life fresh (B17)."""
    life = lifetime(dies_at, whole)
    assert life.advisory_at <= life.mandatory_at <= life.dies_at == dies_at
    assert dies_at - life.advisory_at <= min(300.0, 0.2 * whole) + 1e-6 * max(1, abs(dies_at))


@pytest.mark.parametrize(
    ("whole", "advisory", "mandatory"), [(7200, 300, 30), (600, 120, 30), (5, 1, 0.5), (0, 0, 0)]
)
def test_margins_by_hand(whole: float, advisory: float, mandatory: float) -> None:
    """Five minutes and half a minute, or a fifth and a tenth (B17)."""
    life = lifetime(10_000.0, whole)
    assert life.advisory_at == pytest.approx(10_000 - advisory)
    assert life.mandatory_at == pytest.approx(10_000 - mandatory)


def _pair(**fields: Any) -> TokenPair:
    return TokenPair(**({"access_token": "opaque"} | fields))


@pytest.mark.parametrize("remaining", [-7200, -1, 0, 1, 60, 7200])
@pytest.mark.parametrize("expires_in", [None, -1, 0, 60, 7200])
@pytest.mark.parametrize("started", [None, 5.0])
@pytest.mark.parametrize("dated", [False, True])
def test_lifetime_table(
    remaining: int, expires_in: int | None, started: float | None, *, dated: bool
) -> None:
    """Each line of the table of lifetimes, for an opaque token (B17)."""
    clock = ManualClock()
    clock.advance(10.0)
    expires_at = datetime.fromtimestamp(clock.wall() + remaining, UTC) if dated else None
    pair = _pair(expires_in=expires_in, started=started, expires_at=expires_at)
    life = lifetime_of(pair, ServerTime(clock))
    if started is not None and expires_in and expires_in > 0:
        assert life.dies_at == started + expires_in
    elif not dated or (remaining <= 0 and started is not None):
        assert life == ENDLESS
    else:
        whole = expires_in if expires_in and expires_in > 0 else remaining
        assert life.dies_at == clock.monotonic() + min(remaining, whole)
        assert (life.dies_at <= clock.monotonic()) == (remaining <= 0)


def test_no_access_token_is_dead() -> None:
    """A session of a bare refresh token has nothing to serve."""
    assert lifetime_of(_pair(access_token=""), ServerTime(ManualClock())) == DEAD


@pytest.mark.parametrize(
    ("date", "began", "ended", "offset"),
    [
        ("Thu, 01 Jan 1970 00:01:40 GMT", 0.0, 0.0, 100.5),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 10.0, 14.0, 88.5),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 0.0, 10.1, None),
        ("yesterday", 0.0, 0.0, None),
        ("", 0.0, 0.0, None),
        ("Thu, 01 Jan 99999 00:01:40 GMT", 0.0, 0.0, None),
        (None, 0.0, 0.0, None),
    ],
)
def test_date(date: str | None, began: float, ended: float, offset: float | None) -> None:
    """A readable `Date` of a quick answer sets the service's clock, nothing else does (B17)."""
    heard = ServerTime(ManualClock())
    heard.heard(date, began=began, ended=ended)
    assert heard.offset == offset
    assert heard.now() == (ManualClock().wall() if offset is None else offset)


def test_a_thousand_failures_stay_finite() -> None:
    """No count of failures overflows anything (B40)."""
    for failure in (_refusal(429), _transport(may_have_reached_server=True)):
        assert all(0 < wait <= 1800 for wait in itertools.islice(_waits(failure, 2000), 2000))
