"""`bottega bench reports`: figures of the database and of the API's process, and a verdict."""

import json

import pytest

from deploy.bench.operators.report_pages import GOALS
from tests.acceptance.stack import run_bottega


@pytest.mark.bench
@pytest.mark.timeout(300)
def test_a_few_thousand_jobs_are_enough_to_measure_every_page() -> None:
    done = run_bottega(
        *("bench", "reports", "--jobs", "3000", "--requests", "3", "--json"), seconds=280
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    figures = shown["figures"]
    assert shown["goals"].keys() == {goal.figure for goal in GOALS} <= figures.keys()
    assert {"overview_p50_seconds", "page_of_no_model_p50_seconds"} <= figures.keys()
    assert all(value > 0 for name, value in figures.items() if name != "load_before")
    p50, p95 = (figures[f"dashboard_overview_{rank}_seconds"] for rank in ("p50", "p95"))
    assert p50 <= p95
