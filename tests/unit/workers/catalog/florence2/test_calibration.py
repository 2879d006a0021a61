"""Calibrations of scores: their function, and the file beside weights that holds them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from workers.catalog.florence2.calibration import (
    CALIBRATED,
    FILE,
    Evidence,
    TaskCalibration,
    as_document,
    calibration_of,
    read_calibration,
)
from workers.catalog.florence2.instances import chosen
from workers.demo import weights_folder


@pytest.mark.parametrize(
    ("evidence", "odds"),
    [
        (Evidence(0.0, 0.0), 1.0),
        (Evidence(-0.5, 0.0), 0.0),
        (Evidence(0.0, -3.0), 4.0),
        (Evidence(-2.0, -1.0), -2.0),
        (Evidence(-5.0, 1.0), -10.0),
    ],
)
def test_the_logarithm_of_the_odds_is_linear_in_the_evidence(
    evidence: Evidence, odds: float
) -> None:
    calibration = TaskCalibration(bias=1.0, label=2.0, place=-1.0)
    assert calibration.score(evidence) == pytest.approx(1 / (1 + math.exp(-odds)))


def test_a_score_never_leaves_its_range() -> None:
    steep = TaskCalibration(bias=0.0, label=1000.0)
    assert steep.score(Evidence(-1e6, 0.0)) == 0.0
    assert steep.score(Evidence(1e6, 0.0)) == 1.0


def test_a_file_beside_weights_is_read_as_it_is_written(tmp_path: Path) -> None:
    calibration = {
        "<OD>": TaskCalibration(bias=1.5, label=0.25, place=-2.0),
        "<REGION_TO_OCR>": TaskCalibration(bias=-1.0, label=3.0),
    }
    (tmp_path / FILE).write_text(json.dumps(as_document(calibration)))
    assert read_calibration(tmp_path) == calibration


def test_weights_without_a_file_are_not_calibrated(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"object_detection": {}}',
        '{"object_detection": {"bias": "1"}}',
        '{"object_detection": {"bias": 1, "width": 2}}',
        '{"object_detection": {"bias": 1e9}}',
        '{"object_detection": {"bias": NaN}}',
        '{"caption": {"bias": 1}}',
        '{"<OD>": {"bias": 1}}',
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=r"."):
        read_calibration(tmp_path)


def test_a_task_that_answers_in_words_alone_cannot_be_calibrated() -> None:
    with pytest.raises(ValueError, match="ocr is no task"):
        calibration_of({"ocr": TaskCalibration(bias=0.0)})


def test_the_demo_model_is_calibrated_where_its_fit_had_right_and_wrong_answers() -> None:
    calibration = read_calibration(weights_folder("florence-2-demo"))
    raw = {"<REGION_TO_CATEGORY>", "<REGION_TO_SEGMENTATION>"}  # nearly all right in the fit
    assert set(calibration) == {task.token for task in CALIBRATED} - raw
    sure, unsure = Evidence(-0.01, -4.0), Evidence(-1.5, -0.5)
    for each in calibration.values():
        assert each.score(sure) >= each.score(unsure)
    assert calibration["<OD>"].score(sure) > 0.9
    assert calibration["<OD>"].score(unsure) < 0.5


BOX, POLYGON = [1, 2, 3, 4], [[1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize(
    ("value", "choice", "kept"),
    [
        (
            {"bboxes": [BOX, [5, 6, 7, 8]], "labels": ["a", "b"]},
            [False, True],
            {"bboxes": [[5, 6, 7, 8]], "labels": ["b"]},
        ),
        ({"quad_boxes": [BOX * 2], "labels": ["a"]}, [False], {"quad_boxes": [], "labels": []}),
        ({"polygons": [POLYGON], "labels": [""]}, [True], {"polygons": [POLYGON], "labels": [""]}),
        (
            {
                "bboxes": [BOX, BOX],
                "bboxes_labels": ["a", "b"],
                "polygons": [POLYGON, POLYGON],
                "polygons_labels": ["c", "d"],
            },
            [True, False, False, True],
            {
                "bboxes": [BOX],
                "bboxes_labels": ["a"],
                "polygons": [POLYGON],
                "polygons_labels": ["d"],
            },
        ),
        ({"bboxes": [], "labels": []}, [], {"bboxes": [], "labels": []}),
    ],
)
def test_some_instances_of_a_value_are_chosen_with_their_labels(
    value: dict[str, Any], choice: list[bool], kept: dict[str, Any]
) -> None:
    before = json.dumps(value)
    assert chosen(value, choice) == kept
    assert json.dumps(value) == before
