"""Calibrations fitted to drawn observations, and the curves and errors that tell their worth."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.catalog.florence2.calibration import Evidence, TaskCalibration
from workers.training.calibration.curve import curve, separation
from workers.training.calibration.fitting import TooFewError, fit, fit_tasks, is_held
from workers.training.calibration.observations import Observation
from workers.training.calibration.report import CalibrationReport, calibrated_score, raw_score
from workers.training.scenes.palette import seeded_random

TRUTH = TaskCalibration(bias=-1.0, label=1.5, place=-1.2)


def seen(raw: float, *, is_right: bool, task: str = "<OD>", picture: int = 1) -> Observation:
    return Observation(picture, task, Evidence(math.log(max(raw, 1e-9)), 0.0), raw, is_right)


def drawn(count: int, seed: int = 1, task: str = "<OD>") -> list[Observation]:
    """Observations that are right as often as `TRUTH` says; their raw scores are far too low."""
    rng = seeded_random(seed)
    found = []
    for number in range(count):
        evidence = Evidence(-rng.expovariate(1.0), rng.uniform(-5, 1))
        score = TRUTH.score(evidence)
        found.append(Observation(number, task, evidence, score / 8, rng.random() < score))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_fit_finds_what_scores_mean(seed: int) -> None:
    found = fit(drawn(4000, seed))
    assert found.bias == pytest.approx(TRUTH.bias, abs=0.3)
    assert found.label == pytest.approx(TRUTH.label, abs=0.3)
    assert found.place == pytest.approx(TRUTH.place, abs=0.3)
    held = drawn(4000, seed + 100)
    scorer = calibrated_score({"<OD>": found})
    assert curve(held, scorer).error < 0.03
    assert curve(held, raw_score).error > 0.3


def test_evidence_that_tells_all_leaves_finite_numbers() -> None:
    sure = [Observation(n, "<OD>", Evidence(-0.1, -5.0), 0.1, is_right=True) for n in range(50)]
    wrong = [Observation(n, "<OD>", Evidence(-3.0, 0.0), 0.1, is_right=False) for n in range(50)]
    found = fit([*sure, *wrong])
    assert max(map(abs, found.model_dump().values())) < 100
    assert found.score(sure[0].evidence) > 0.95
    assert found.score(wrong[0].evidence) < 0.05


@pytest.mark.parametrize(("right", "wrong"), [(98, 0), (0, 98), (79, 19), (19, 21)])
def test_where_nearly_all_are_right_or_wrong_nothing_is_calibrated(right: int, wrong: int) -> None:
    found = [seen(n / 200, is_right=n < right) for n in range(right + wrong)]
    with pytest.raises(TooFewError, match=f"{right} right and {wrong} wrong .* 20 of either kind"):
        fit(found)
    assert fit_tasks(found)[0] == {}


def test_a_task_with_too_few_is_told_and_left_out() -> None:
    right = [seen(0.5, is_right=True, task="<REGION_PROPOSAL>") for _ in range(39)]
    with pytest.raises(TooFewError, match="39 right and 0 wrong instances: 40 are needed"):
        fit(right)
    calibration, reasons = fit_tasks([*right, *drawn(500)])
    assert [*calibration] == ["<OD>"]
    assert [*reasons] == ["<REGION_PROPOSAL>"]


def test_one_picture_of_five_is_held() -> None:
    assert [is_held(seen(0.5, is_right=True, picture=n)) for n in range(6)] == [
        *[True, False, False, False, False],
        True,
    ]


def test_a_curve_has_ten_bins_and_leaves_empty_ones_out() -> None:
    scores = [0.0, 0.05, 0.1, 0.100001, 0.55, 0.6, 0.95, 1.0]
    found = curve([seen(each, is_right=each > 0.5) for each in scores], raw_score)
    assert [(each.low, each.count) for each in found.bins] == [
        *[(0.0, 3), (0.1, 1), (0.5, 2), (0.9, 2)]
    ]
    assert (found.count, found.share_right) == (8, 0.5)


@pytest.mark.parametrize(
    ("score", "right", "of", "error"),
    [(0.9, 9, 10, 0.0), (0.9, 5, 10, 0.4), (0.13, 1, 1, 0.87), (1.0, 0, 3, 1.0), (0.5, 1, 2, 0.0)],
)
def test_the_error_is_the_distance_from_what_is_right(
    score: float, right: int, of: int, error: float
) -> None:
    found = curve([seen(score, is_right=n < right) for n in range(of)], raw_score)
    assert found.error == pytest.approx(error)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), max_size=30))
@settings(max_examples=50, deadline=None)
def test_separation_is_the_share_of_pairs_in_order(pairs: list[tuple[float, bool]]) -> None:
    right = [score for score, is_right in pairs if is_right]
    wrong = [score for score, is_right in pairs if not is_right]
    found = separation([seen(score, is_right=flag) for score, flag in pairs], raw_score)
    if not right or not wrong:
        assert found is None
        return
    order = [(one > other) + (one == other) / 2 for one in right for other in wrong]
    assert found == pytest.approx(sum(order) / len(order))


def test_a_report_tells_errors_by_task_and_both_curves() -> None:
    report = CalibrationReport(drawn(300), {"<OD>": TRUTH})
    facts = report.as_json()
    assert [*facts] == ["object_detection", "all"]
    figures = facts["object_detection"]
    assert figures["instances"] == 300
    assert figures["calibrated"]["calibration_error"] < figures["raw"]["calibration_error"]
    assert sum(part["count"] for part in figures["raw"]["bins"]) == 300
    lines = [*report.lines()]
    assert sum(line.startswith("| object_detection |") for line in lines) == 1
    assert len({line.count("|") for line in lines[-3:]}) == 1
