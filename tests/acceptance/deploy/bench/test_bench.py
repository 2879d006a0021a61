"""`bottega bench`: it runs on a stack of its own, and shows every figure."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.bench.noop import NOOP
from deploy.bench.plan import GOALS
from tests.acceptance.stack import BOTTEGA, ROOT, Client, eventually, processes_in, run_bottega

FIGURES = {
    "load_before",
    *(
        f"{model}_submit_to_{end}_{rank}_seconds"
        for model in ("noop", "painted")
        for end in ("start", "stored")
        for rank in ("p50", "p95")
    ),
    "painted_run_p50_seconds",
    "painted_run_p95_seconds",
    "painted_service_over_device_ratio",
    "device_idle_fraction",
    "device_idle_window_seconds",
    "jobs_per_second",
    "plain_celery_jobs_per_second",
    "jobs_per_second_ratio",
    "claim_at_1000_p50_seconds",
    "claim_at_5000_p50_seconds",
    "claim_ratio",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_run_measures_everything_and_judges_it_by_the_goals() -> None:
    done = run_bottega("bench", "--quick", "--json", seconds=280)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert set(shown["figures"]) == FIGURES
    assert shown["goals"].keys() == {goal.figure for goal in GOALS}
    figures = shown["figures"]
    assert all(value > 0 for name, value in figures.items() if name.endswith("_seconds"))
    assert (
        figures["noop_submit_to_start_p50_seconds"] < figures["noop_submit_to_stored_p50_seconds"]
    )
    assert figures["jobs_per_second"] > 0
    assert -0.1 < figures["device_idle_fraction"] < 1


@pytest.mark.slow
def test_ended_by_sigterm_it_leaves_nothing_behind(tmp_path: Path) -> None:
    bench = subprocess.Popen(  # noqa: S603 - our own command
        [*BOTTEGA, "bench", "--quick"], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    eventually(lambda: [*tmp_path.glob("bottega-bench-*/stack/redis")])
    bench.send_signal(signal.SIGTERM)
    assert bench.wait(60) == 128 + signal.SIGTERM
    assert [*tmp_path.iterdir()] == []
    eventually(lambda: not processes_in(tmp_path))  # the kernel ends those whose parent is gone


def test_options_before_the_name_of_a_benchmark_are_refused_not_dropped() -> None:
    done = run_bottega("bench", "--quick", "florence")
    assert done.returncode == 2
    assert "put the options after florence" in done.stderr


def test_the_benchmarks_model_is_offered_by_no_other_stack(tenant: Client) -> None:
    offered = tenant.http.get("/v1/models").raise_for_status().json()["models"]
    assert offered
    assert NOOP.id not in {model["id"] for model in offered}
    refused = tenant.http.post("/v1/jobs", json={"model": NOOP.id, "input": {"n": 1}})
    assert refused.status_code == 422
