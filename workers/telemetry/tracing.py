"""Spans of requests, attempts and deliveries, for the operator's trace collector.

Without a collector in the environment nothing of OpenTelemetry is imported, and each function
here does nothing. A span's attributes name jobs and variants; prompts, keys and URLs are never
among them, nor is what an exception says of itself.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

Attributes = Mapping[str, str | int | float]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_log = structlog.get_logger(__name__)
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Span(Protocol):
    """One piece of work that has begun."""

    @property
    def traceparent(self) -> str | None:
        """What makes another span this one's child, in W3C's form; None where none is kept."""

    def name(self, name: str) -> None:
        """Call it otherwise than when it began."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""

    def fail(self, reason: str) -> None:
        """Mark it as failed, by a stable code."""

    def end(self, at: int | None = None) -> None:
        """It is over, now or at a time in nanoseconds since 1970."""


class Spans(Protocol):
    """What makes spans and sends them away."""

    def begin(
        self, name: str, parent: str | None, attributes: Attributes, at: int | None = None
    ) -> Span:
        """A span from now on, or from a time in nanoseconds since 1970.

        A parent that is not well-formed is taken for none: the span begins a trace.
        """

    def close(self) -> None:
        """Send what is left."""


class _Unkept:
    """A span that nobody collects."""

    traceparent: str | None = None

    def name(self, name: str) -> None:
        """Nothing."""

    def note(self, attributes: Attributes) -> None:
        """Nothing."""

    def fail(self, reason: str) -> None:
        """Nothing."""

    def end(self, at: int | None = None) -> None:
        """Nothing."""


UNKEPT: Span = _Unkept()


@dataclass
class _Process:
    spans: Spans | None = None


_process = _Process()


def start(service: str) -> None:
    """Collect this process's spans, where the environment names a collector.

    Args:
        service: the process's name in traces.
    """
    if not any(map(os.environ.get, _ENDPOINTS)):
        return
    try:
        from workers.telemetry.otel_spans import exporting  # noqa: PLC0415 - only where it is wanted
    except ImportError as error:
        _log.warning("tracing_not_installed", missing=error.name, install="bottega[otel]")
        return
    use(exporting(service))


def use(spans: Spans | None) -> None:
    """Collect spans so from now on; None collects no more."""
    _process.spans = spans


def stop() -> None:
    """Send what is left, and collect no more."""
    if _process.spans is not None:
        _process.spans.close()
    use(None)


def is_on() -> bool:
    """Whether spans are collected."""
    return _process.spans is not None


def current() -> str | None:
    """The `traceparent` of the request that is being answered; None where none is traced."""
    return _current.get()


@contextmanager
def span(name: str, parent: str | None, attributes: Attributes) -> Iterator[Span]:
    """A span around a piece of work; an exception fails it, by its type alone."""
    if _process.spans is None:
        yield UNKEPT
        return
    begun = _process.spans.begin(name, parent, attributes)
    try:
        yield begun
    except Exception as error:
        begun.fail(type(error).__name__)
        raise
    finally:
        begun.end()


@contextmanager
def request_span(name: str, parent: str | None) -> Iterator[Span]:
    """A span around a request, which is `current` within."""
    with span(name, parent, {}) as begun:
        token = _current.set(begun.traceparent)
        try:
            yield begun
        finally:
            _current.reset(token)


def measured(name: str, parent: str | None, seconds: float, attributes: Attributes) -> None:
    """A span of work that took so many seconds and is over just now."""
    now = time.time_ns()
    _over(name, parent, (now - int(seconds * 1e9), now), attributes)


def between(
    name: str, parent: str | None, began: datetime, ended: datetime, attributes: Attributes
) -> None:
    """A span between two times of the database's clock."""
    _over(name, parent, (_nanoseconds(began), _nanoseconds(ended)), attributes)


def _over(name: str, parent: str | None, times: tuple[int, int], attributes: Attributes) -> None:
    if _process.spans is not None:
        _process.spans.begin(name, parent, attributes, times[0]).end(times[1])


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
