"""The dashboard's figures: formats, charts, the health summary."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web.dashboard.chart import Chart
from api.web.dashboard.health_summary import health_summary
from api.web.dashboard.queue_rows import QueueRow
from api.web.shared import formats
from db.reports.time_steps import depths

ROW = QueueRow(
    variant="flux.1-schnell",
    state="flowing",
    paused=False,
    workers=2,
    waiting=0,
    running=1,
    oldest_seconds=None,
    drain_seconds=None,
    arrivals_per_minute=1.0,
    completions_per_minute=1.0,
    failed=0,
    wait_p50=None,
    wait_p95=None,
    run_p50=None,
    run_p95=None,
)
BACKED = replace(ROW, state="backed_up", waiting=40, oldest_seconds=180.0, drain_seconds=360.0)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (1_000, "$0.001"),
        (12_500_000, "$12.50"),
        (1_234_567_890_000, "$1,234,567.89"),
        (1, "$0.000001"),
        (-2_000_000, "\N{MINUS SIGN}$2.00"),
        (None, formats.NONE),
    ],
)
def test_money_is_exact(micros: int | None, text: str) -> None:
    assert formats.money(micros) == text


@given(st.integers(0, 10**15))
def test_money_reads_back(micros: int) -> None:
    dollars, _, rest = formats.money(micros)[1:].replace(",", "").partition(".")
    assert int(dollars) * 10**6 + int(rest.ljust(6, "0")) == micros


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (0.42, "0.42 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (99.4, "99 s"),
        (180, "3 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400 * 4, "4 d"),
        (None, formats.NONE),
    ],
)
def test_durations_are_rounded_to_what_matters(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0"), (0.01, "1/h"), (0.5, "30/h"), (2.25, "2.2/min"), (120, "120/min")],
)
def test_rates_are_by_the_hour_where_they_are_low(rate: float, text: str) -> None:
    assert formats.rate(rate) == text


def test_sizes_and_ids_are_short() -> None:
    assert formats.size(999) == "999 B"
    assert formats.size(24_000_000_000) == "24 GB"
    assert formats.size(1_500_000) == "1.5 MB"
    assert formats.short_id("job_01m86he429cp2j3xrthc7kcm6v") == "job_…hc7kcm6v"
    assert formats.short_id("florence-2-demo") == "florence-2-demo"
    assert formats.plural(1, "job") == "1 job"
    assert formats.plural(2, "analysis", "analyses") == "2 analyses"


def test_a_healthy_service_is_summarized() -> None:
    summary = health_summary([ROW], ready=3, workers=3)
    assert (summary.kind, summary.headline) == ("good", "3 of 3 workers ready.")
    assert summary.lines == ["No queue backs up; 0 jobs waiting."]


def test_a_queue_that_backs_up_is_named_with_its_drain() -> None:
    summary = health_summary([ROW, BACKED], ready=2, workers=3)
    assert (summary.kind, summary.headline) == ("warn", "2 of 3 workers ready.")
    assert summary.lines == ["flux.1-schnell backs up: 40 waiting, oldest 3 min, drains in 6 min."]


def test_a_queue_without_a_worker_comes_first_and_is_bad() -> None:
    stuck = replace(BACKED, variant="flux.2-dev", state="no_worker", drain_seconds=None)
    summary = health_summary([BACKED, stuck], ready=2, workers=2)
    assert summary.kind == "bad"
    assert summary.lines[0] == "flux.2-dev has no worker: 40 waiting, oldest 3 min."
    assert health_summary([], ready=0, workers=0).headline == "No worker is up."


def test_a_queue_with_failing_workers_is_bad_and_one_that_is_being_loaded_is_not() -> None:
    failing = replace(BACKED, state="worker_failing", drain_seconds=None)
    summary = health_summary([failing], ready=1, workers=2)
    assert summary.kind == "bad"
    named = "flux.1-schnell has only workers that fail or cannot load it"
    assert summary.lines == [f"{named}: 40 waiting, oldest 3 min."]
    unused = replace(failing, waiting=0, oldest_seconds=None)
    summary = health_summary([unused], ready=1, workers=1, troubled=1)
    assert (summary.kind, summary.headline) == ("warn", "1 of 1 worker ready, 1 with a problem.")
    assert summary.lines == [f"{named}."]
    loading = replace(failing, state="loading")
    summary = health_summary([loading], ready=1, workers=2)
    assert summary.kind == "warn"
    assert summary.lines == ["flux.1-schnell is being loaded: 40 waiting, oldest 3 min."]


def test_of_many_queues_the_worst_are_named() -> None:
    rows = [replace(BACKED, variant=f"m{n}", oldest_seconds=100.0 + n) for n in range(5)]
    summary = health_summary(rows, ready=1, workers=1)
    assert [line.split()[0] for line in summary.lines[:3]] == ["m4", "m3", "m2"]
    assert summary.lines[3] == "2 more queues with a problem."


def test_depths_are_counted_back_from_now() -> None:
    assert depths(3, [2, 4], [1, 2]) == [1, 3]
    assert depths(0, [0, 5, 0], [0, 2, 3]) == [0, 3, 0]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
def test_depths_follow_arrivals_and_starts(steps: list[tuple[int, int]]) -> None:
    waiting, truth, arrived, left = 0, [], [], []
    for came, tried in steps:
        went = min(tried, waiting + came)
        waiting += came - went
        truth.append(waiting)
        arrived.append(came)
        left.append(went)
    assert depths(waiting, arrived, left) == truth


def test_a_chart_has_data_for_the_script_and_a_text() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    chart = Chart(
        "age",
        "Longest wait",
        "",
        "seconds",
        [start, start + timedelta(minutes=1)],
        60.0,
        {"longest wait": [12.0, None]},
    )
    drawn = json.loads(chart.as_json)
    assert drawn["data"] == [[1767225600, 1767225660], [12.0, None]]
    assert chart.summary == "longest wait last 12 s, at most 12 s"
    assert replace(chart, series={"x": [None]}).summary == "x no data"
