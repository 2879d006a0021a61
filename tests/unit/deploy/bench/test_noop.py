"""The benchmark's goals, its no-op model, and catalogues with and without some models."""

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
def test_a_goal_is_met_on_the_right_side_of_its_limit(
    goal: Goal, value: float, *, met: bool
) -> None:
    assert goal.met({"x": value}) is met


def test_each_figure_has_at_most_one_goal() -> None:
    assert len({goal.figure for goal in GOALS}) == len(GOALS)


def test_the_noop_returns_the_number_of_each_work() -> None:
    steps: list[tuple[int, int]] = []
    works = [Work(NoopParameters(n=n)) for n in (3, 1)]
    outputs = NoopAdapter().run(works, lambda *step: steps.append(step), lambda: False)
    assert [output.data for output in outputs] == [{"n": 3}, {"n": 1}]
    assert steps == [(1, 1)]


def test_an_extended_catalogue_has_the_new_variant_and_the_standard_one_does_not() -> None:
    larger = catalog.STANDARD.with_rows(NOOP)
    assert larger.find(NOOP.id) is NOOP
    assert larger.variants() == (*catalog.variants(), NOOP)
    with pytest.raises(UnknownVariantError):
        catalog.find(NOOP.id)


def test_a_restricted_catalogue_neither_finds_nor_suggests_excluded_variants() -> None:
    smaller: Catalogue = catalog.STANDARD.restricted_to(["flux.1-demo"])
    assert [row.id for row in smaller.variants()] == ["flux.1-demo"]
    with pytest.raises(UnknownVariantError) as caught:
        smaller.find("florence-2-base")
    assert caught.value.suggestion is None
