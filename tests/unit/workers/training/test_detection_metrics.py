import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.training.common.detection_metrics import Detection, iou, match, score
from workers.training.scenes.palette import Box

edges = st.floats(0, 100)
boxes = st.tuples(edges, edges, edges, edges).map(
    lambda e: (min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3]))
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (2, 2, 8, 8), 0.36),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),
        ((10, 10, 0, 0), (0, 0, 10, 10), 0.0),
    ],
)
def test_iou_is_the_shared_area_by_the_joint_one(one: Box, other: Box, expected: float) -> None:
    assert iou(one, other) == pytest.approx(expected)


@given(boxes, boxes)
def test_iou_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    assert iou(one, other) == pytest.approx(iou(other, one))
    assert 0 <= iou(one, other) <= 1 + 1e-9


def test_a_box_is_matched_once_and_to_what_it_overlaps_most() -> None:
    targets = [Detection("star", (0, 0, 10, 10)), Detection("star", (8, 0, 18, 10))]
    detections = [Detection("star", (8, 0, 18, 10))]
    first, second = match(detections, targets)
    assert first.detection is None
    assert first.iou == 0
    assert second.detection == detections[0]
    assert second.iou == 1


def test_a_box_under_another_label_is_no_match() -> None:
    (pair,) = match([Detection("circle", (0, 0, 9, 9))], [Detection("star", (0, 0, 9, 9))])
    assert pair.detection is None


def test_a_score_counts_misses_and_false_alarms() -> None:
    star, circle = Detection("star", (0, 0, 10, 10)), Detection("circle", (20, 0, 30, 10))
    alarm = Detection("square", (50, 50, 60, 60))
    result = score([([star, alarm], [star, circle]), ([circle], [circle])])
    assert result.mean_iou == pytest.approx(2 / 3)
    assert result.recall == pytest.approx(2 / 3)
    assert result.precision == pytest.approx(2 / 3)


def test_a_score_without_targets_and_detections_is_perfect() -> None:
    result = score([([], [])])
    assert (result.mean_iou, result.recall, result.precision) == (1, 1, 1)
