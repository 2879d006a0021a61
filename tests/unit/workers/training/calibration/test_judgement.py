"""Judgement of instances: label, overlap, and one instance a target."""

import pytest

from workers.catalog.florence2.instances import Instance
from workers.training.calibration.cases import Target
from workers.training.calibration.judgement import are_right

SIZE = (100, 80)
SQUARE = (10.0, 10.0, 50.0, 50.0)


def box(left: float, top: float, right: float, bottom: float, label: str = "cat") -> Instance:
    return Instance("<OD>", 0, label, 0.5, (left, top, right, bottom))


def outline(*points: float, label: str = "") -> Instance:
    across, down = points[0::2], points[1::2]
    around = (min(across), min(down), max(across), max(down))
    return Instance("<REGION_TO_SEGMENTATION>", 0, label, 0.5, around, (points,), is_masked=True)


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (box(10, 10, 50, 50), True),
        (box(10, 10, 50, 30), True),
        (box(10, 10, 50, 29), False),
        (box(40, 40, 90, 75), False),
        (box(10, 10, 50, 50, "dog"), False),
        (box(10, 10, 50, 50, " CAT "), True),
        (box(10, 10, 50, 50, ""), False),
        (box(50, 50, 10, 10), False),
    ],
)
def test_a_box_is_right_with_its_label_and_half_of_the_target(
    instance: Instance, expected: object
) -> None:
    assert are_right([instance], [Target("cat", SQUARE)], SIZE) == [expected]


def test_a_target_counts_for_the_one_that_overlaps_it_most() -> None:
    near, nearer = box(10, 10, 50, 40), box(10, 10, 50, 48)
    assert are_right([near, nearer], [Target("cat", SQUARE)], SIZE) == [False, True]
    both = [Target("cat", SQUARE), Target("cat", (10, 10, 50, 38))]
    assert are_right([near, nearer], both, SIZE) == [True, True]


def test_nothing_is_right_where_nothing_is() -> None:
    assert are_right([box(*SQUARE)], [], SIZE) == [False]
    assert are_right([], [Target("cat", SQUARE)], SIZE) == []


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((10, 10, 50, 10, 50, 50, 10, 50), True),
        ((10, 10, 50, 10, 50, 35, 10, 35), True),
        ((10, 10, 50, 10, 10, 45), False),
        ((30, 12, 48, 30, 30, 48, 12, 30), False),
        ((10, 10, 50, 12, 12, 50), False),
    ],
)
def test_an_outline_is_measured_by_its_area_not_by_its_box(
    points: tuple[float, ...], expected: object
) -> None:
    target = Target("", SQUARE, ((10, 10, 50, 10, 50, 50, 10, 50),))
    assert are_right([outline(*points)], [target], SIZE) == [expected]
    assert are_right([outline(*points)], [Target("", SQUARE)], SIZE) == [True]
