"""The shipped calibration of florence-2-demo on scenes that neither training nor the fit saw."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from statistics import fmean

import pytest
import torch

from tests.support.florence2 import DEMO, first_result, loaded_demo
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.catalog.florence2.calibration import CALIBRATED
from workers.catalog.florence2.tasks import Florence2Task
from workers.training.calibration.cases import Case
from workers.training.calibration.curve import curve
from workers.training.calibration.observations import Observer
from workers.training.calibration.report import calibrated_score, raw_score
from workers.training.calibration.scene_cases import SOUGHT, absent_cases, plain_cases, worn_cases

SEED = 20270601
BOXES = {"<OD>", "<REGION_PROPOSAL>"}


@pytest.fixture(scope="module")
def demo() -> Iterator[Florence2Adapter]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield loaded_demo()
    torch.set_num_threads(before)


def errors(demo: Florence2Adapter, cases: Iterable[Case]) -> tuple[float, float]:
    """The calibration errors of raw and of calibrated scores, of the tasks that have them."""
    seen = [each for each in Observer(demo, DEMO).observe(cases) if each.task in demo.calibration]
    return curve(seen, raw_score).error, curve(seen, calibrated_score(demo.calibration)).error


def test_scores_of_a_few_scenes_say_how_many_are_right(demo: Florence2Adapter) -> None:
    raw, calibrated = errors(
        demo, (case for case in plain_cases(SEED, 16) if case.task.token in BOXES)
    )
    assert calibrated <= 0.1 < raw  # few scenes: the bound of many is the slow test's


@pytest.mark.slow
@pytest.mark.parametrize(("cases", "bound"), [(plain_cases, 0.05), (worn_cases, 0.08)])
def test_scores_of_many_scenes_say_how_many_are_right(
    demo: Florence2Adapter, cases: Callable[[int, int], Iterable[Case]], bound: float
) -> None:
    raw, calibrated = errors(demo, chain(cases(SEED, 100), absent_cases(SEED + 2, 33)))
    assert calibrated <= bound < raw


@pytest.mark.slow
@pytest.mark.parametrize("task", SOUGHT, ids=lambda task: task.name)
def test_scores_hold_where_a_quarter_of_the_texts_name_what_is_absent(
    demo: Florence2Adapter, task: Florence2Task
) -> None:
    cases = chain(plain_cases(SEED, 200), absent_cases(SEED + 2, 66))
    raw, calibrated = errors(demo, (case for case in cases if case.task is task))
    assert calibrated <= 0.08 < raw


def test_the_outline_of_an_absent_thing_is_not_sure(demo: Florence2Adapter) -> None:
    token = "<REFERRING_EXPRESSION_SEGMENTATION>"
    cases = [case for case in absent_cases(SEED, 12) if case.task.token == token]
    seen = list(Observer(demo, DEMO).observe(cases))
    assert seen
    assert not any(each.is_right for each in seen)
    assert fmean(map(calibrated_score(demo.calibration), seen)) < 0.8


@pytest.mark.parametrize("task", ["region_to_category", "region_to_segmentation"])
def test_what_no_evidence_tells_is_not_calibrated(demo: Florence2Adapter, task: str) -> None:
    told = first_result(demo, task=task, region=(2, 2, 22, 22))
    assert (told["calibrated"], told["scores"]) == (False, told["raw_scores"])


def test_a_perfect_box_is_sure_and_its_raw_score_is_not(demo: Florence2Adapter) -> None:
    told = first_result(demo, task="object_detection")
    assert told["calibrated"] is True
    assert told["scores"][0] > 0.9
    assert told["raw_scores"][0] < 0.5


def test_a_caption_is_not_calibrated(demo: Florence2Adapter) -> None:
    told = first_result(demo, task="caption")
    assert (told["calibrated"], told["scores"]) == (False, told["raw_scores"])


def test_a_least_score_leaves_out_what_is_below(demo: Florence2Adapter) -> None:
    told = first_result(demo, task="object_detection", min_score=1)
    assert (told["result"]["<OD>"]["bboxes"], told["left_out"]) == ([], 1)
    told = first_result(demo, task="object_detection", min_score=0.5)
    assert (len(told["result"]["<OD>"]["bboxes"]), told["left_out"]) == (1, 0)


@pytest.mark.parametrize("task", CALIBRATED, ids=lambda task: task.name)
def test_a_score_does_not_depend_on_the_batch(demo: Florence2Adapter, task: object) -> None:
    cases = [case for case in plain_cases(SEED + 1, 4) if case.task is task]
    together = list(Observer(demo, DEMO).observe(cases))
    alone = [each for case in cases for each in Observer(demo, DEMO).observe([case])]
    assert [each.is_right for each in together] == [each.is_right for each in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.evidence.label == pytest.approx(other.evidence.label, abs=1e-3)
        assert one.evidence.place == pytest.approx(other.evidence.place, abs=1e-3)
