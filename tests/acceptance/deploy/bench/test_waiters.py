"""`bottega bench waiters`: thousands who wait for jobs are all told of their ends."""

import json

import pytest

from deploy.bench.waiters import FULL, GOALS
from tests.acceptance.stack import run_bottega


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_thousand_streams_and_long_polls_of_forty_tenants_are_all_told() -> None:
    done = run_bottega("bench", "waiters", "--full", "--json", seconds=580)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    figures = shown["figures"]
    for kind in ("streams", "polls"):
        assert figures[f"{kind}_opened"] == FULL.tenants * FULL.each
        assert figures[f"{kind}_told"] == FULL.tenants * FULL.each
    assert shown["goals"].keys() == {goal.figure for goal in GOALS}
