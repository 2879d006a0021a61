"""Spans by OpenTelemetry's SDK; imported only where a collector is configured."""

from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from workers.telemetry.tracing import Attributes, Span

_HEADER = "traceparent"
_w3c = TraceContextTextMapPropagator()


def exporting(service: str) -> "OtelSpans":
    """Spans that go to the OTLP collector that the `OTEL_…` variables name."""
    return OtelSpans(service, BatchSpanProcessor(OTLPSpanExporter()))


@dataclass(frozen=True)
class _OtelSpan:
    span: trace.Span

    @property
    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _w3c.inject(carrier, trace.set_span_in_context(self.span))
        return carrier.get(_HEADER)

    def name(self, name: str) -> None:
        self.span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        self.span.set_attributes(attributes)

    def fail(self, reason: str) -> None:
        self.span.set_status(trace.StatusCode.ERROR, reason)

    def end(self, at: int | None = None) -> None:
        self.span.end(at)


class OtelSpans:
    """Makes spans of one service.

    Args:
        service: `service.name` of all of them.
        processor: what they are given to when they end.
    """

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("bottega")

    def begin(
        self, name: str, parent: str | None, attributes: Attributes, at: int | None = None
    ) -> Span:
        """A span; see `workers.telemetry.tracing.Spans`."""
        context = _w3c.extract({_HEADER: parent} if parent else {}, Context())
        kept = dict(attributes)
        return _OtelSpan(self._tracer.start_span(name, context, attributes=kept, start_time=at))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
