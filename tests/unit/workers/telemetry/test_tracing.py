"""Spans: their parents, their failures, and the SDK, which is imported only on request."""

import subprocess
import sys

import pytest

from tests.support.spans import capture_spans, parent_of, traceparent_of
from workers.telemetry import tracing

SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def imported(environment: dict[str, str], *, block: bool = False) -> str:
    """Start tracing in a process; return its output: the log, and whether the SDK is loaded."""
    program = (
        f"import sys\nif {block}: sys.modules['opentelemetry.sdk.trace'] = None\n"
        "from workers.telemetry import tracing\ntracing.start('x')\n"
        "print(tracing.is_on(), 'opentelemetry.sdk' in sys.modules)\ntracing.stop()"
    )
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment,
    )
    return ran.stdout


def test_without_a_collector_nothing_is_imported_and_nothing_kept() -> None:
    assert imported({}).split() == ["False", "False"]


def test_a_collector_in_the_environment_turns_it_on() -> None:
    assert imported({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}).split() == [
        "True",
        "True",
    ]


def test_a_collector_without_the_extra_is_told_of() -> None:
    output = imported({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, block=True)
    assert "tracing_not_installed" in output
    assert output.splitlines()[-1] == "False False"


def test_a_request_goes_on_with_the_senders_trace_and_is_current_within() -> None:
    with capture_spans() as kept:
        with tracing.request_span("GET", SENDER):
            within = tracing.current_traceparent()
        (span,) = kept.get_finished_spans()
    assert within == traceparent_of(span)
    assert parent_of(span) == SENDER
    assert tracing.current_traceparent() is None


@pytest.mark.parametrize(
    "header", [None, "", "zz", SENDER + "-x" * 9, "00-" + "0" * 32 + SENDER[35:]]
)
def test_no_good_parent_begins_a_trace(header: str | None) -> None:
    with capture_spans() as kept:
        with tracing.request_span("GET", header):
            pass
        (span,) = kept.get_finished_spans()
    assert span.parent is None


def test_an_exception_fails_a_span_and_is_not_quoted() -> None:
    with capture_spans() as kept:
        with pytest.raises(ValueError, match="a secret"), tracing.span("fetch", None, {}):
            raise ValueError("a secret prompt")
        (span,) = kept.get_finished_spans()
    assert (span.status.is_ok, span.status.description) == (False, "ValueError")
    assert "secret" not in span.to_json()


def test_measured_work_has_the_length_that_was_measured() -> None:
    with capture_spans() as kept:
        tracing.record_elapsed("run", SENDER, 2.5, {"batch.size": 3})
        (span,) = kept.get_finished_spans()
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 2_500_000_000
    assert span.attributes == {"batch.size": 3}
