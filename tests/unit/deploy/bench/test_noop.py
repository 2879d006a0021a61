"""What the benchmark is held to, and the catalogue that it adds its own model to."""

import pytest

from deploy.bench.noop import NOOP, NoopAdapter, NoopParameters
from deploy.bench.plan import GOALS, Goal
from workers import catalog
from workers.adapters.protocol import Work
from workers.catalog import Catalogue, UnknownVariantError


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("x", 0.5), 0.5, True),
        (Goal("x", 0.5), 0.51, False),
        (Goal("x", 0.5, at_most=False), 0.5, True),
        (Goal("x", 0.5, at_most=False), 0.49, False),
    ],
)
def test_a_goal_is_met_on_its_own_side_of_the_limit(goal: Goal, value: float, *, met: bool) -> None:
    assert goal.met({"x": value}) is met


def test_each_goal_stands_once() -> None:
    assert len({goal.figure for goal in GOALS}) == len(GOALS)


def test_the_noop_gives_each_work_its_number_back() -> None:
    steps: list[tuple[int, int]] = []
    works = [Work(NoopParameters(n=n)) for n in (3, 1)]
    outputs = NoopAdapter().run(works, lambda *step: steps.append(step), lambda: False)
    assert [output.data for output in outputs] == [{"n": 3}, {"n": 1}]
    assert steps == [(1, 1)]


def test_a_larger_catalogue_finds_its_own_row_and_leaves_the_standard_one_as_it_was() -> None:
    larger = catalog.STANDARD.including(NOOP)
    assert larger.find(NOOP.id) is NOOP
    assert larger.variants() == (*catalog.variants(), NOOP)
    with pytest.raises(UnknownVariantError):
        catalog.find(NOOP.id)


def test_a_smaller_catalogue_neither_finds_nor_suggests_what_was_left_out() -> None:
    smaller: Catalogue = catalog.STANDARD.only(["flux.1-demo"])
    assert [row.id for row in smaller.variants()] == ["flux.1-demo"]
    with pytest.raises(UnknownVariantError) as caught:
        smaller.find("florence-2-base")
    assert caught.value.suggestion is None
