"""What the OpenTelemetry adapter exports of a session's life, and what it never does."""

import asyncio
import runpy
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import cloudbase_auth_async
from cloudbase_auth_async import AuthClient, TokenSession, errors, events, otel
from cloudbase_auth_async.otel import telemetry
from cloudbase_auth_async.stores.base import Lease, Record
from cloudbase_auth_async.stores.memory import MemoryStore
from cloudbase_auth_async.testing import Emulator, ManualClock

PASSWORD = "Passw0rd!"
KEY = "cookie-8f14e45fceea167a"
TOKEN = "POST /token"
OUTCOME = "cloudbase.auth.refresh.outcome"
REQUEST_ID = "cloudbase.auth.request_id"
COMMITTED = {OUTCOME: "committed"}


class FragileStore(MemoryStore):
    """A store that can be told to fail."""

    failing = False

    async def replace(
        self, key: str, record: Record, *, expected: int | None, lease: Lease | None = None
    ) -> bool:
        """Write, or fail where what is written was just paid for."""
        if self.failing and lease is not None:
            raise errors.StoreError("memory: no space left")
        return await super().replace(key, record, expected=expected, lease=lease)


@attrs.define(eq=False)
class Scene:
    """A service with one user, a client of it that is watched, and what was exported."""

    emulator: Emulator
    auth: AuthClient
    store: FragileStore
    spans: InMemorySpanExporter
    reader: InMemoryMetricReader

    async def session(self) -> TokenSession:
        """Sign the user in, and keep the session."""
        pair = await self.auth.sign_in.password("alice", PASSWORD)
        return await self.auth.sessions.put(KEY, pair)

    async def exported(self) -> list[ReadableSpan]:
        """Return the spans, once the events that were told have been handed on."""
        await asyncio.sleep(0)
        return list(self.spans.get_finished_spans())

    async def figures(self) -> dict[str, list[tuple[dict[str, Any], float]]]:
        """Return the value, or the count, of each series by the metric's name."""
        await asyncio.sleep(0)
        found: dict[str, list[tuple[dict[str, Any], float]]] = {}
        for metric in self.metrics():
            for point in metric.data.data_points:
                value = point.count if hasattr(point, "count") else point.value
                found.setdefault(metric.name, []).append((dict(point.attributes), value))
        return found

    def metrics(self) -> list[Any]:
        """Return the metrics as the SDK hands them to an exporter."""
        data = self.reader.get_metrics_data()
        assert data is not None
        (resource,) = data.resource_metrics
        (scope,) = resource.scope_metrics
        return list(scope.metrics)


def watching() -> tuple[InMemorySpanExporter, InMemoryMetricReader, Any]:
    """Return where spans and metrics end up, and the receiver that feeds them."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    receiver = telemetry(tracer_provider=tracer_provider, meter_provider=meter_provider)
    return spans, reader, receiver


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Return a scene; in its end nothing may have reached the loop's exception handler."""
    troubles: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: troubles.append(found))
    spans, reader, receiver = watching()
    store = FragileStore()
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    emulator.add_user(username="alice", password=PASSWORD)
    async with emulator.memory_client(store=store, on_event=receiver, close_timeout=60) as auth:
        yield Scene(emulator, auth, store, spans, reader)
    assert not troubles


async def test_committed(scene: Scene) -> None:
    """A refresh is one span from its start to its end, one in the counter, one in the histogram."""
    session = await scene.session()
    fault = scene.emulator.faults.add(TOKEN, "hold")
    began = scene.emulator.clock.wall()
    refreshing = asyncio.create_task(session.refresh())
    await fault.arrived
    scene.emulator.clock.advance(2)
    fault.release()
    await refreshing
    (span,) = await scene.exported()
    assert span.name == "refresh session"
    assert span.kind is trace.SpanKind.INTERNAL
    assert dict(span.attributes or {}) == COMMITTED
    assert span.status.status_code is trace.StatusCode.UNSET
    assert span.start_time == pytest.approx(began * 1e9, abs=1e3)
    assert span.end_time == pytest.approx((began + 2) * 1e9, abs=1e3)
    assert await scene.figures() == {
        "cloudbase.auth.refreshes": [(COMMITTED, 1)],
        "cloudbase.auth.refresh.duration": [(COMMITTED, 1)],
    }
    (histogram,) = (metric for metric in scene.metrics() if metric.name.endswith("duration"))
    (point,) = histogram.data.data_points
    assert (histogram.unit, point.sum) == ("s", pytest.approx(2))
    assert point.explicit_bounds[0] == 0.005


async def test_scope(scene: Scene) -> None:
    """Spans and metrics say which library made them, and which version of it."""
    await (await scene.session()).refresh()
    (span,) = await scene.exported()
    data = scene.reader.get_metrics_data()
    assert data is not None
    scopes = [span.instrumentation_scope, data.resource_metrics[0].scope_metrics[0].scope]
    for scope in scopes:
        assert scope is not None
        assert scope.name == "cloudbase_auth_async"
        assert scope.version == cloudbase_auth_async.__version__


async def test_units(scene: Scene) -> None:
    """Each metric has the unit and the kind that the table in the module names."""
    session = await scene.session()
    scene.store.failing = True
    await asyncio.gather(session.refresh(), session.refresh())
    scene.store.failing = False
    await session.sign_out()
    await asyncio.sleep(0)
    assert {metric.name: metric.unit for metric in scene.metrics()} == {
        "cloudbase.auth.refreshes": "{refresh}",
        "cloudbase.auth.refresh.duration": "s",
        "cloudbase.auth.refresh.joins": "{join}",
        "cloudbase.auth.store.failures": "{failure}",
        "cloudbase.auth.session.ends": "{session}",
    }


async def test_joined(scene: Scene) -> None:
    """Three who want the same refresh make one span and two joins."""
    session = await scene.session()
    await asyncio.gather(session.refresh(), session.refresh(), session.refresh())
    assert len(await scene.exported()) == 1
    figures = await scene.figures()
    assert figures["cloudbase.auth.refresh.joins"] == [({}, 2)]
    assert figures["cloudbase.auth.refreshes"] == [(COMMITTED, 1)]


async def test_adopted(scene: Scene) -> None:
    """A refresh that found another process's pair is a refresh of its own kind, and no error."""
    session = await scene.session()
    async with scene.emulator.memory_client(store=scene.store) as elsewhere:
        other = await elsewhere.sessions.get(KEY)
        assert other is not None
        await other.refresh()
        await session.refresh()
    (span,) = await scene.exported()
    assert dict(span.attributes or {}) == {OUTCOME: "adopted"}
    assert span.status.status_code is trace.StatusCode.UNSET
    assert (await scene.figures())["cloudbase.auth.refreshes"] == [({OUTCOME: "adopted"}, 1)]


async def test_refused(scene: Scene) -> None:
    """A refusal is an error with the service's name for it, and counts the session that ended."""
    session = await scene.session()
    scene.emulator.revoke(session.tokens.access_token, session=True)
    with pytest.raises(errors.SessionEnded) as caught:
        await session.refresh()
    (span,) = await scene.exported()
    labels = {OUTCOME: "refused", "error.type": "invalid_grant"}
    assert dict(span.attributes or {}) == labels | {REQUEST_ID: caught.value.request_id}
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description == "invalid_grant"
    figures = await scene.figures()
    assert figures["cloudbase.auth.refreshes"] == [(labels, 1)]
    assert figures["cloudbase.auth.refresh.duration"] == [(labels, 1)]
    ended = {"cloudbase.auth.session.end_reason": "refused"}
    assert figures["cloudbase.auth.session.ends"] == [(ended, 1)]


async def test_unknown(scene: Scene) -> None:
    """A lost answer is an error of its own kind, with the id of the request that was sent."""
    session = await scene.session()
    scene.emulator.faults.add(TOKEN, "drop_after")
    with pytest.raises(errors.RefreshOutcomeUnknown) as caught:
        await session.refresh()
    (span,) = await scene.exported()
    labels = {OUTCOME: "unknown", "error.type": "ConnectionLost"}
    assert dict(span.attributes or {}) == labels | {REQUEST_ID: caught.value.request_id}
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (await scene.figures())["cloudbase.auth.refreshes"] == [(labels, 1)]


async def test_store_failure(scene: Scene) -> None:
    """A pair that could not be stored counts as a failure of the store, not of the refresh."""
    session = await scene.session()
    scene.store.failing = True
    await session.refresh()
    figures = await scene.figures()
    scene.store.failing = False
    assert ({"cloudbase.auth.store.unsaved": True}, 1) in figures["cloudbase.auth.store.failures"]
    assert figures["cloudbase.auth.refreshes"] == [(COMMITTED, 1)]


async def test_signed_out(scene: Scene) -> None:
    """A sign-out counts, with its reason, and draws no span."""
    await (await scene.session()).sign_out()
    ended = {"cloudbase.auth.session.end_reason": "signed_out"}
    assert await scene.figures() == {"cloudbase.auth.session.ends": [(ended, 1)]}
    assert not await scene.exported()


async def test_root_span(scene: Scene) -> None:
    """A refresh is in nobody's trace: who happened to begin it is not who it belongs to."""
    session = await scene.session()
    with TracerProvider(shutdown_on_exit=False).get_tracer("app").start_as_current_span("request"):
        await session.refresh()
        (span,) = await scene.exported()
    assert span.parent is None


async def test_no_secrets(scene: Scene) -> None:
    """No token, user id or session key is anywhere in what a whole life exports (B23)."""
    session = await scene.session()
    canaries = {KEY, PASSWORD, "alice"}
    for prepare in (None, "drop_after", "bad_gateway"):
        canaries |= _secrets(session)
        if prepare is not None:
            scene.emulator.faults.add(TOKEN, prepare)
        scene.store.failing = prepare is None
        await asyncio.gather(*(session.refresh() for _ in range(2)), return_exceptions=True)
    scene.store.failing = False
    canaries |= _secrets(session)
    await session.sign_out()
    spans = await scene.exported()
    data = scene.reader.get_metrics_data()
    assert data is not None
    assert len(await scene.figures()) == 5
    text = data.to_json() + "".join(span.to_json() for span in spans)
    assert len(spans) == 3
    assert not [canary for canary in canaries if canary in text]


def _secrets(session: TokenSession) -> set[str]:
    pair = session.tokens
    return {pair.access_token, pair.refresh_token or "", pair.sub or ""} - {""}


HOSTILE = ["eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9." + 80 * "x", "rt 1", "***", "", "r\nt"]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text(text: str) -> None:
    """What the service may fill freely is not repeated: it may echo a secret (B23)."""
    spans, reader, receiver = watching()
    receiver(events.RefreshRefused(at=2.0, seconds=1.0, reason=text, request_id=text))
    receiver(events.SessionOver(at=2.0, reason=text))
    (span,) = spans.get_finished_spans()
    assert dict(span.attributes or {}) == {OUTCOME: "refused", "error.type": "_OTHER"}
    assert span.status.description == "_OTHER"
    data = reader.get_metrics_data()
    assert data is not None
    assert '"cloudbase.auth.session.end_reason": "_OTHER"' in data.to_json()


def test_other_events() -> None:
    """Events that are in no table, those of a later version among them, make nothing."""
    spans, reader, receiver = watching()
    for kind in (events.Event, events.RefreshStarted, events.StoreRecovered):
        receiver(kind(at=1.0))
    assert not spans.get_finished_spans()
    assert reader.get_metrics_data() is None


async def test_global_providers() -> None:
    """Without a provider of its own it feeds the global ones, and costs nothing without them."""
    emulator = Emulator(clock=ManualClock(), algorithm="HS256")
    emulator.add_user(username="alice", password=PASSWORD)
    async with emulator.memory_client(on_event=telemetry()) as auth:
        session = auth.session(await auth.sign_in.password("alice", PASSWORD))
        await session.refresh()
        await asyncio.sleep(0)


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
import cloudbase_auth_async.testing
try:
    import cloudbase_auth_async.otel
except ImportError as error:
    print(error)
"""
UNTOUCHED = """
import sys
import cloudbase_auth_async.sessions, cloudbase_auth_async.testing
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [(BLOCKED, "pip install 'cloudbase-auth-async[otel]'"), (UNTOUCHED, "[]")],
    ids=["missing", "untouched"],
)
def test_package_is_optional(program: str, said: str) -> None:
    """Without the package the library works and the adapter names the extra; nobody else asks."""
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert said in answer.stdout
    assert not answer.stderr


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error about the missing package has no other one behind it."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match="needs the package opentelemetry-api") as caught:
        runpy.run_path(otel.__file__)
    assert caught.value.__suppress_context__
