"""Mending of regions that a model wrote badly."""

from typing import Any

import pytest

from workers.adapters.florence2.mending import mend

BOX = [10.0, 20.0, 30.0, 40.0]


@pytest.mark.parametrize(
    ("label", "clean"),
    [
        ("loc_255>square", "square"),
        ("loc_255>loc_3>red square", "red square"),
        ("<loc_12>square", "square"),
        ("square <loc_9>", "square"),
        ("/poly>star", "star"),
        ("<poly>star", "star"),
        ("loc_1>", ""),
        ("a loc_1 > b", "a loc_1 > b"),
        ("<b>", "<b>"),
        ("sep 5>3", "sep 5>3"),
        ("", ""),
    ],
)
def test_a_label_has_no_remains_of_locations(label: str, clean: str) -> None:
    found = mend({"bboxes": [BOX], "labels": [label]})
    assert found.value["labels"] == [clean]
    assert found.changed == (label != clean)


@pytest.mark.parametrize(
    ("box", "ordered"),
    [
        ([30.0, 20.0, 10.0, 40.0], BOX),
        ([10.0, 40.0, 30.0, 20.0], BOX),
        ([30.0, 40.0, 10.0, 20.0], BOX),
        (BOX, BOX),
    ],
)
def test_the_corners_of_a_box_are_in_order(box: list[float], ordered: list[float]) -> None:
    found = mend({"bboxes": [box], "labels": ["cat"]})
    assert (found.value["bboxes"], found.choice) == ([ordered], (True,))


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("bboxes", [10.0, 20.0, 10.0, 40.0]),
        ("bboxes", [30.0, 20.0, 10.0, 20.0]),
        ("bboxes", [5.0, 5.0, 5.0, 5.0]),
        ("quad_boxes", [1.0, 1.0, 5.0, 5.0, 9.0, 9.0, 3.0, 3.0]),
        ("polygons", [[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]]),
        ("polygons", [[1.0, 1.0, 5.0, 9.0]]),
        ("polygons", []),
    ],
)
def test_what_has_no_area_is_left_out_with_its_label(kind: str, place: Any) -> None:
    found = mend({kind: [place], "labels": ["cat"]})
    assert (found.value, found.choice, found.changed) == ({kind: [], "labels": []}, (False,), 0)


def test_boxes_and_outlines_of_one_answer_keep_their_own_labels() -> None:
    flat, outline = [[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]], [[0.0, 0.0, 4.0, 0.0, 0.0, 3.0]]
    value = {
        "bboxes": [[1.0, 1.0, 1.0, 1.0], BOX],
        "bboxes_labels": ["a", "b"],
        "polygons": [outline, flat],
        "polygons_labels": ["c", "d"],
    }
    found = mend(value)
    assert found.choice == (False, True, True, False)
    assert found.value == {
        "bboxes": [BOX],
        "bboxes_labels": ["b"],
        "polygons": [outline],
        "polygons_labels": ["c"],
    }
