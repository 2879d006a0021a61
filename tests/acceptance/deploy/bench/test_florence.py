"""`bottega bench florence`: it shows every figure, and every answer is the stock classes'."""

import json

import pytest

from tests.acceptance.stack import run_bottega

TASKS = ("caption", "od")
FLORENCE_FIGURES = {
    "load_before",
    *(f"{task}_batch_{size}_pictures_per_second" for task in TASKS for size in (1, 4)),
    *(f"{task}_batch_4_ratio" for task in TASKS),
    "four_tasks_in_one_job_p50_seconds",
    "four_tasks_in_four_jobs_p50_seconds",
    "four_tasks_ratio",
    *(f"{task}_features_{state}_p50_seconds" for task in TASKS for state in ("fresh", "kept")),
    *(f"{task}_kv_cache_{state}_p50_seconds" for task in TASKS for state in ("on", "off")),
    *(f"{task}_{what}_ratio" for task in TASKS for what in ("features", "kv_cache")),
    "service_four_tasks_in_one_job_pictures_per_second",
    "service_four_tasks_in_four_jobs_pictures_per_second",
    "service_four_tasks_ratio",
    *(
        f"{task}_{who}_pictures_per_second"
        for task in TASKS
        for who in ("service", "bare", "adapter")
    ),
    *(f"{task}_service_over_{who}_ratio" for task in TASKS for who in ("bare", "adapter")),
    *(f"{task}_answers_as_bare_fraction" for task in TASKS),
}


@pytest.mark.bench
@pytest.mark.timeout(300)
def test_a_quick_run_of_florence_measures_everything_and_no_answer_differs() -> None:
    done = run_bottega("bench", "florence", "--quick", "--json", seconds=280)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert set(figures) == FLORENCE_FIGURES
    assert all(value > 0 for value in figures.values())
    assert {figures[f"{task}_answers_as_bare_fraction"] for task in TASKS} == {1}
