"""Spans of this process, captured in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from workers.telemetry import tracing


@contextmanager
def capture_spans() -> Iterator[InMemorySpanExporter]:
    """Capture the spans that end within the block; yield the exporter that holds them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    try:
        yield exporter
    finally:
        tracing.stop()


def traceparent_of(span: ReadableSpan) -> str:
    """The header by which a child of the span names its parent."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent_of(span: ReadableSpan) -> str | None:
    """The header of the span's parent; None for the first span of a trace."""
    if span.parent is None:
        return None
    flags = span.parent.trace_flags
    return f"00-{span.parent.trace_id:032x}-{span.parent.span_id:016x}-{flags:02x}"
