"""`bottega bench surfaces`: every compatible API is measured in turns with the service's own."""

import json

import pytest

from deploy.bench.surfaces import CALLS, GOALS
from tests.acceptance.stack import run_bottega


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_quick_run_measures_every_api_and_judges_it_by_the_goals() -> None:
    done = run_bottega("bench", "surfaces", "--quick", "--json", seconds=580)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    figures = shown["figures"]
    assert {f"{name}_jobs_per_second" for name in CALLS} <= figures.keys()
    assert shown["goals"].keys() == {goal.figure for goal in GOALS} <= figures.keys()
    assert all(value > 0 for name, value in figures.items() if name != "load_before")
