"""
The event stream as OpenTelemetry spans and metrics: `AuthClient(..., on_event=telemetry())`.

The extra `otel` brings `opentelemetry-api`; nothing else in the library imports it.

| what | name | unit | attributes |
| --- | --- | --- | --- |
| span | `refresh session` | | `cloudbase.auth.refresh.outcome`, `error.type`, \
`cloudbase.auth.request_id` |
| counter | `cloudbase.auth.refreshes` | `{refresh}` | `cloudbase.auth.refresh.outcome`, \
`error.type` |
| histogram | `cloudbase.auth.refresh.duration` | `s` | as above |
| counter | `cloudbase.auth.refresh.joins` | `{join}` | |
| counter | `cloudbase.auth.store.failures` | `{failure}` | `cloudbase.auth.store.unsaved` |
| counter | `cloudbase.auth.session.ends` | `{session}` | `cloudbase.auth.session.end_reason` |

An outcome is `committed`, `adopted`, `refused` or `unknown`; the last two have an `error.type`.
Names follow opentelemetry.io/docs/specs/semconv/general/naming (2026-11-22). Only these
attributes are ever written: no token, user id or session key, and no text that is not in the
library's own tables, so that neither a secret nor a new time series comes of what a service says.

A refresh belongs to its session and not to one of the callers who wait for it, so its span is the
root of a trace of its own. It is made when the refresh has ended, in one go.
"""

import re
from typing import Final

from cloudbase_auth_async import errors, events
from cloudbase_auth_async._observe import Receiver
from cloudbase_auth_async._verdict import BY_NAME, NAME_OF_NUMBER
from cloudbase_auth_async._version import __version__

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
except ImportError:
    raise ImportError(
        "telemetry() needs the package opentelemetry-api: pip install 'cloudbase-auth-async[otel]'"
    ) from None

__all__ = ["telemetry"]

_SCOPE: Final = "cloudbase_auth_async"
_OUTCOME: Final = "cloudbase.auth.refresh.outcome"
_REQUEST_ID: Final = "cloudbase.auth.request_id"
_UNSAVED: Final = "cloudbase.auth.store.unsaved"
_END_REASON: Final = "cloudbase.auth.session.end_reason"
_ERROR_TYPE: Final = "error.type"

# What the convention for `error.type` has for anything that is in no table.
_OTHER: Final = "_OTHER"
_REASONS: Final = frozenset(BY_NAME) | frozenset(NAME_OF_NUMBER.values())
_ERRORS: Final = frozenset(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.CloudBaseAuthError)
)
_ENDS: Final = frozenset({"signed_out", "dropped", "elsewhere", "refused", "replaced"})
# Longer ids are not of the service; a token is longer.
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,63}", re.ASCII)

# The SDK's own buckets are laid out for milliseconds. A refresh takes `AuthClient(timeout=...)`
# at most, and a kept one as long again for its lock.
_BUCKETS_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0),
)

_Ending = (
    events.RefreshAdopted | events.RefreshCommitted | events.RefreshRefused | events.RefreshUnknown
)
_OUTCOMES: Final[dict[type[events.Event], str]] = {
    events.RefreshAdopted: "adopted",
    events.RefreshCommitted: "committed",
    events.RefreshRefused: "refused",
    events.RefreshUnknown: "unknown",
}


def telemetry(
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> Receiver:
    """
    Return what `AuthClient(on_event=...)` takes.

    One receiver may serve several clients. The module's docstring lists what it makes.

    Args:
        tracer_provider: where spans go; the global one unless given.
        meter_provider: where metrics go; the global one unless given.
    """
    return _Telemetry(
        trace.get_tracer(_SCOPE, __version__, tracer_provider),
        metrics.get_meter(_SCOPE, __version__, meter_provider),
    )


class _Telemetry:
    """
    Turns each event into what it is for a dashboard.

    It remembers nothing from one event to the next: a refresh whose end is never told leaves
    nothing behind.
    """

    __slots__ = ("_duration", "_ends", "_failures", "_joins", "_refreshes", "_tracer")

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self._refreshes = meter.create_counter(
            "cloudbase.auth.refreshes", "{refresh}", "Refreshes that ended, by outcome."
        )
        self._duration = meter.create_histogram(
            "cloudbase.auth.refresh.duration",
            "s",
            "How long refreshes took.",
            explicit_bucket_boundaries_advisory=_BUCKETS_SECONDS,
        )
        self._joins = meter.create_counter(
            "cloudbase.auth.refresh.joins",
            "{join}",
            "Callers who were served by a refresh that was under way already.",
        )
        self._failures = meter.create_counter(
            "cloudbase.auth.store.failures", "{failure}", "Failures of the store."
        )
        self._ends = meter.create_counter(
            "cloudbase.auth.session.ends", "{session}", "Sessions that ended, by reason."
        )

    def __call__(self, event: events.Event) -> None:
        """Take one event; a kind that is not in the table makes nothing."""
        if isinstance(event, _Ending):
            self._ended(event)
        elif isinstance(event, events.RefreshJoined):
            self._joins.add(1)
        elif isinstance(event, events.StoreDegraded):
            self._failures.add(1, {_UNSAVED: event.unsaved})
        elif isinstance(event, events.SessionOver):
            reason = event.reason if event.reason in _ENDS else _OTHER
            self._ends.add(1, {_END_REASON: reason})

    def _ended(self, event: _Ending) -> None:
        labels, details = {_OUTCOME: _OUTCOMES[type(event)]}, dict[str, str]()
        if isinstance(event, events.RefreshRefused | events.RefreshUnknown):
            labels[_ERROR_TYPE] = _error_type(event.reason)
            if _ID.fullmatch(event.request_id or ""):
                details[_REQUEST_ID] = event.request_id or ""
        self._refreshes.add(1, labels)
        self._duration.record(event.seconds, labels)
        self._draw(event, labels | details)

    def _draw(self, event: _Ending, attributes: dict[str, str]) -> None:
        span = self._tracer.start_span(
            "refresh session",
            context=Context(),  # events of several callers arrive in one of theirs
            attributes=attributes,
            start_time=_nanoseconds(event.at - event.seconds),
        )
        if _ERROR_TYPE in attributes:
            span.set_status(trace.StatusCode.ERROR, attributes[_ERROR_TYPE])
        span.end(_nanoseconds(event.at))


def _error_type(reason: str) -> str:
    return reason if reason in _REASONS or reason in _ERRORS else _OTHER


def _nanoseconds(epoch_seconds: float) -> int:
    return int(epoch_seconds * 1e9)
