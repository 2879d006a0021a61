"""Spans of requests, attempts and deliveries, for the operator's trace collector.

A thin module over opentelemetry-api, whose own no-op spans serve a process without a collector; the
SDK and its exporter are imported only where the environment names one. Attributes name jobs and
variants; prompts, keys and URLs are never among them, nor is the message of an exception.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | float]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_HEADER = "traceparent"
_w3c = TraceContextTextMapPropagator()

_log = structlog.get_logger(__name__)


class SpanCollector(Protocol):
    """A provider of tracers that exports their spans, such as the SDK's `TracerProvider`."""

    def get_tracer(self, name: str, /) -> Tracer:
        """A tracer for a named library."""
        ...

    def shutdown(self) -> None:
        """Export the spans that are left and collect no more."""
        ...


class _Process:
    """The collector of this process; None collects nothing."""

    collector: SpanCollector | None = None


def start(service: str) -> None:
    """Collect this process's spans, where the environment names a collector.

    Args:
        service: the process's name in traces.
    """
    if not any(map(os.environ.get, _ENDPOINTS)):
        return
    try:
        use(_otlp_collector(service))
    except ImportError as error:
        _log.warning("tracing_not_installed", missing=error.name, install="bottega[otel]")


def _otlp_collector(service: str) -> SpanCollector:
    """The SDK's provider, exporting to the collector that the `OTEL_…` variables name."""
    # Not at the top: the SDK is an extra, and takes memory and time to import.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = SdkProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def use(collector: SpanCollector | None) -> None:
    """Collect spans with this provider from now on; None collects no more."""
    _Process.collector = collector


def stop() -> None:
    """Send what is left, and collect no more."""
    if _Process.collector is not None:
        _Process.collector.shutdown()
    use(None)


def is_on() -> bool:
    """True while spans are collected."""
    return _Process.collector is not None


def current_traceparent() -> str | None:
    """The `traceparent` of the request that is being answered; None where none is traced."""
    return traceparent_of(trace.get_current_span()) if is_on() else None


def traceparent_of(span: Span) -> str | None:
    """The W3C header that makes another span this one's child; None for a span not collected."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, trace.set_span_in_context(span))
    return carrier.get(_HEADER)


def fail(span: Span, reason: str) -> None:
    """Mark a span as failed, by a stable code."""
    span.set_status(StatusCode.ERROR, reason)


@contextmanager
def span(name: str, parent: str | None, attributes: Attributes) -> Iterator[Span]:
    """A span around a piece of work; an exception fails it, by its type alone.

    Args:
        name: the kind of work.
        parent: the parent's `traceparent`; one that is not well-formed begins a trace.
        attributes: names and numbers.
    """
    if not is_on():
        yield INVALID_SPAN
        return
    started = _start(name, parent, attributes)
    try:
        yield started
    except Exception as error:
        fail(started, type(error).__name__)
        raise
    finally:
        started.end()


@contextmanager
def request_span(name: str, parent: str | None) -> Iterator[Span]:
    """A span around a request, which `current_traceparent` names within."""
    # The exception's text, which the API's own `use_span` would record, may quote a prompt.
    with (
        span(name, parent, {}) as started,
        trace.use_span(started, record_exception=False, set_status_on_exception=False),
    ):
        yield started


def record_elapsed(name: str, parent: str | None, seconds: float, attributes: Attributes) -> None:
    """Add a span of work that took this many seconds and has just ended."""
    now = time.time_ns()
    _record(name, parent, (now - int(seconds * 1e9), now), attributes)


def record_between(
    name: str, parent: str | None, start: datetime, end: datetime, attributes: Attributes
) -> None:
    """Add a span between two times of the database's clock."""
    _record(name, parent, (_nanoseconds(start), _nanoseconds(end)), attributes)


def _record(name: str, parent: str | None, times: tuple[int, int], attributes: Attributes) -> None:
    if is_on():
        _start(name, parent, attributes, times[0]).end(times[1])


def _start(name: str, parent: str | None, attributes: Attributes, at: int | None = None) -> Span:
    tracer = (_Process.collector or trace.NoOpTracerProvider()).get_tracer("bottega")
    context = _w3c.extract({_HEADER: parent} if parent else {}, Context())
    return tracer.start_span(name, context, attributes=dict(attributes), start_time=at)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
