"""From generated tokens to values, scores and reasons; the demo's processor, no model."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from transformers import Florence2Processor

from workers.adapters.florence2.scores import score_answer
from workers.adapters.florence2.task_results import task_result
from workers.adapters.florence2.tokens import Answer, trim_answer
from workers.adapters.library_logging import silence_libraries
from workers.catalog.florence2.calibration import TaskCalibration
from workers.catalog.florence2.coco import as_coco
from workers.catalog.florence2.instances import instances_of
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.demo import weights_folder

SIZE = (1000, 500)
SURE, LIKELY, UNSURE = 0.0, -0.5, -2.0
"""Log-probabilities; their probabilities are 1, 0.6065 and 0.1353."""


@pytest.fixture(scope="module")
def processor() -> Any:
    silence_libraries()
    return Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))


def answer(
    processor: Any, *parts: tuple[str, float], ended: bool = True, spread: float = 0.0
) -> Answer:
    """An answer of pieces of text, each with the log-probability of its every token."""
    tokens: list[int] = []
    logprobs: list[float] = []
    for text, logprob in parts:
        ids: Sequence[int] = processor.tokenizer(text, add_special_tokens=False).input_ids
        tokens += ids
        logprobs += [logprob] * len(ids)
    logprobs += [SURE] if ended else []
    return Answer(tuple(tokens), tuple(logprobs), tuple(spread for _ in logprobs))


def result(
    processor: Any, task: str, given: Answer, size: tuple[int, int], **options: Any
) -> dict[str, Any]:
    return task_result(processor, BY_TOKEN[task], given, size, **options)


def box(*bins: int) -> str:
    return "".join(f"<loc_{number}>" for number in bins)


def test_padding_and_the_end_are_cut_off() -> None:
    tokens, logprobs = [0, 9, 8, 2, 1, 1], [-1.0, -2.0, -3.0, -4.0, -9.0, -9.0]
    whole = trim_answer(tokens, logprobs, [0.0, 5.0, 0.0, 0.0, 7.0, 7.0], end=2)
    assert whole == Answer((0, 9, 8), (-1.0, -2.0, -3.0, -4.0), (0.0, 5.0, 0.0, 0.0))
    assert whole.is_complete


def test_an_answer_without_an_end_did_not_end() -> None:
    assert not trim_answer([0, 9, 8], [-1.0, -2.0, -3.0], [0.0] * 3, end=2).is_complete


def test_text_has_one_score_over_all_its_tokens(processor: Any) -> None:
    told = result(processor, "<CAPTION>", answer(processor, ("<s>A cat", LIKELY)), SIZE)
    assert told["result"] == {"<CAPTION>": "A cat"}
    assert told["scores"] == [0.6065]
    assert told["finish_reason"] == "stop"


def test_an_empty_text_has_the_score_of_its_end(processor: Any) -> None:
    empty = Answer((processor.tokenizer.bos_token_id,), (SURE, UNSURE), (0.0, 0.0))
    told = result(processor, "<OCR>", empty, SIZE)
    assert (told["result"], told["scores"]) == ({"<OCR>": ""}, [0.1353])


def test_boxes_are_in_pixels_and_scored_one_by_one(processor: Any) -> None:
    found = answer(
        processor,
        ("<s>", SURE),
        ("circle" + box(100, 200, 300, 400), SURE),
        ("star" + box(0, 0, 999, 999), UNSURE),
    )
    told = result(processor, "<OD>", found, SIZE)
    value = {"bboxes": [[100, 100, 300, 200], [0, 0, 999, 499]], "labels": ["circle", "star"]}
    assert told["result"] == {"<OD>": value}
    assert told["scores"] == [1.0, 0.1353]


def test_boxes_under_one_label_share_its_tokens_but_not_each_others(processor: Any) -> None:
    grounded = answer(
        processor, ("circle", SURE), (box(1, 2, 3, 4), SURE), (box(5, 6, 7, 8), UNSURE)
    )
    told = result(processor, "<CAPTION_TO_PHRASE_GROUNDING>", grounded, SIZE)
    assert told["scores"][0] == 1.0
    assert 0.1353 < told["scores"][1] < 1.0


def test_phrases_the_processor_drops_get_no_score(processor: Any) -> None:
    grounded = answer(
        processor,
        ("it" + box(1, 2, 3, 4), UNSURE),
        ("a cat" + box(5, 6, 7, 8), SURE),
        ("a dog" + box(5, 6), UNSURE),
        ended=False,
    )
    told = result(processor, "<CAPTION_TO_PHRASE_GROUNDING>", grounded, SIZE)
    assert told["result"]["<CAPTION_TO_PHRASE_GROUNDING>"]["labels"] == ["a cat"]
    assert told["scores"] == [1.0]
    assert told["finish_reason"] == "length"


def test_boxes_without_labels_are_scored_one_by_one(processor: Any) -> None:
    proposed = answer(processor, (box(1, 2, 3, 4), SURE), (box(5, 6, 7, 8), UNSURE))
    told = result(processor, "<REGION_PROPOSAL>", proposed, SIZE)
    assert told["scores"] == [1.0, 0.1353]
    assert told["result"]["<REGION_PROPOSAL>"]["labels"] == ["", ""]


def test_words_in_quadrangles_are_scored_one_by_one(processor: Any) -> None:
    read = answer(
        processor,
        ("STOP" + box(10, 10, 90, 10, 90, 40, 10, 40), SURE),
        ("GO" + box(10, 50, 90, 50, 90, 80, 10, 80), UNSURE),
    )
    told = result(processor, "<OCR_WITH_REGION>", read, SIZE)
    assert told["result"]["<OCR_WITH_REGION>"]["labels"] == ["STOP", "GO"]
    assert told["scores"] == [1.0, 0.1353]


def test_nothing_found_is_an_empty_list(processor: Any) -> None:
    told = result(processor, "<OD>", answer(processor, ("<s>", SURE)), SIZE)
    assert told["result"] == {"<OD>": {"bboxes": [], "labels": []}}
    assert told["scores"] == []


def test_outlines_are_scored_one_by_one_with_their_label(processor: Any) -> None:
    joined = answer(
        processor,
        ("circle<poly>", SURE),
        (box(1, 2, 3, 4, 5, 9), SURE),
        ("</poly><poly>", UNSURE),
        (box(10, 20, 30, 40, 50, 90), LIKELY),
        ("</poly>star<poly>", SURE),
        (box(1, 2, 3, 4, 5, 9) + "<sep>" + box(7, 8, 9, 9, 9, 7), UNSURE),
        ("</poly>", SURE),
    )
    told = result(processor, "<OPEN_VOCABULARY_DETECTION>", joined, SIZE)
    value = told["result"]["<OPEN_VOCABULARY_DETECTION>"]
    assert value["polygons_labels"] == ["circle", "circle", "star"]
    assert [len(parts) for parts in value["polygons"]] == [1, 1, 2]
    circle, other, star = told["scores"]
    assert circle == 1.0
    assert 0.6065 < other < 1.0  # its own locations and the label's tokens, not the marks
    assert star < other


def test_an_outline_without_marks_is_one_region(processor: Any) -> None:
    drawn = answer(processor, ("<s>", SURE), (box(1, 2, 3, 4, 5, 20, 7, 8), LIKELY))
    told = result(processor, "<REGION_TO_SEGMENTATION>", drawn, SIZE)
    value = {"polygons": [[[1, 1, 3, 2, 5, 10, 7, 4]]], "labels": [""]}
    assert told["result"] == {"<REGION_TO_SEGMENTATION>": value}
    assert told["scores"] == [0.6065]


def test_regions_that_cannot_be_told_apart_share_the_score_of_the_whole(processor: Any) -> None:
    # A box beside an outline is read as an outline, which alone it would not be.
    mixed = answer(
        processor,
        ("cat" + box(1, 2, 3, 4), LIKELY),
        ("cat<poly>" + box(1, 2, 3, 4, 5, 9) + "<poly>" + box(1, 2, 3, 4, 5, 9), LIKELY),
        ("</poly>", LIKELY),
    )
    told = result(processor, "<OPEN_VOCABULARY_DETECTION>", mixed, SIZE)
    value = told["result"]["<OPEN_VOCABULARY_DETECTION>"]
    assert told["scores"] == [0.6065] * len(value["polygons"])


def test_words_about_a_region_keep_its_locations_and_stand_beside_them_without(
    processor: Any,
) -> None:
    named = answer(processor, ("<s>a cat" + box(1, 2, 3, 4), LIKELY))
    told = result(processor, "<REGION_TO_DESCRIPTION>", named, SIZE)
    assert told["result"] == {"<REGION_TO_DESCRIPTION>": "a cat<loc_1><loc_2><loc_3><loc_4>"}
    assert told["text"] == "a cat"
    assert "text" not in result(processor, "<CAPTION>", named, SIZE)


@pytest.mark.parametrize("label", ["café", "красный круг", "赤い丸", "naïve — “cat”", "😀"])
def test_labels_keep_what_is_not_ascii(processor: Any, label: str) -> None:
    for task in ("<OD>", "<CAPTION_TO_PHRASE_GROUNDING>", "<OPEN_VOCABULARY_DETECTION>"):
        found = answer(processor, (label + box(100, 200, 300, 400), SURE))
        value = result(processor, task, found, SIZE)["result"][task]
        assert value.get("labels", value.get("bboxes_labels")) == [label]
        assert value["bboxes"] == [[100, 100, 300, 200]]


def test_text_of_several_lines_keeps_them(processor: Any) -> None:
    read = answer(processor, ("<s>STOP\nÉCOLE\n30", SURE))
    assert result(processor, "<OCR>", read, SIZE)["result"] == {"<OCR>": "STOP\nÉCOLE\n30"}


@pytest.mark.parametrize(
    "text", ["circle" + box(1, 2, 3, 4), box(5, 6, 7, 8), "one and two, ", box(9, 9, 9, 9, 9, 9)]
)
def test_an_answer_that_goes_in_circles_is_warned_of(processor: Any, text: str) -> None:
    lost = answer(processor, (text * 5, SURE), ended=False)
    told = result(processor, "<OD>", lost, SIZE)
    assert (told["finish_reason"], told["warnings"][0]) == ("length", "repetition")


@pytest.mark.parametrize(
    "text",
    [
        "no no no no",
        "".join("circle" + box(n, n + 1, n + 2, n + 3) for n in range(0, 400, 10)),
        ("STOP" + box(1, 2, 3, 4)) * 2,
        "a red circle and a red square and a red star and a red triangle",
    ],
)
def test_an_answer_that_rightly_repeats_itself_is_not(processor: Any, text: str) -> None:
    assert result(processor, "<OD>", answer(processor, (text, SURE)), SIZE)["warnings"] == []


CALIBRATION = TaskCalibration(bias=1.0, label=2.0, place=-1.0)


def two_boxes(processor: Any, spread: float = 20.0) -> Answer:
    """A sure circle and an unsure star, each of 200 bins; every edge may be `spread` off."""
    return answer(
        processor,
        ("circle" + box(100, 200, 300, 400), SURE),
        ("star" + box(500, 500, 700, 700), UNSURE),
        spread=spread,
    )


def test_scores_are_calibrated_by_label_and_place_and_the_raw_ones_stand_beside(
    processor: Any,
) -> None:
    told = result(processor, "<OD>", two_boxes(processor), SIZE, calibration=CALIBRATION)
    assert told["calibrated"] is True
    assert told["raw_scores"] == [1.0, 0.1353]
    place = -math.log(20 / 200 + 0.001)
    odds = [1.0 + place, 1.0 + 2.0 * UNSURE + place]
    assert told["scores"] == [pytest.approx(1 / (1 + math.exp(-each)), abs=1e-4) for each in odds]


def test_doubt_counts_by_the_size_of_what_it_is_about(processor: Any) -> None:
    small = answer(processor, ("circle" + box(100, 200, 110, 210), SURE), spread=20.0)
    large = answer(processor, ("circle" + box(100, 200, 900, 900), SURE), spread=20.0)
    scores = [
        result(processor, "<OD>", each, SIZE, calibration=CALIBRATION)["scores"][0]
        for each in (small, large)
    ]
    assert scores[0] < scores[1]


@pytest.mark.parametrize("task", ["<OD>", "<REGION_PROPOSAL>", "<CAPTION>", "<OCR>"])
def test_without_a_calibration_scores_are_raw_and_say_so(processor: Any, task: str) -> None:
    told = result(processor, task, two_boxes(processor), SIZE)
    assert told["scores"] == told["raw_scores"]
    assert told["calibrated"] is False


def test_words_about_a_region_are_scored_by_their_words_and_their_end(processor: Any) -> None:
    named = answer(processor, ("circle", LIKELY), (box(1, 2, 3, 4), UNSURE))
    told = result(processor, "<REGION_TO_CATEGORY>", named, SIZE, calibration=CALIBRATION)
    assert told["scores"] == [pytest.approx(1 / (1 + math.exp(-(1.0 + 2.0 * LIKELY))), abs=1e-4)]
    endless = Answer(named.tokens, (*named.logprobs[:-1], UNSURE), named.spreads)
    unsure = result(processor, "<REGION_TO_CATEGORY>", endless, SIZE, calibration=CALIBRATION)
    assert unsure["scores"] < told["scores"]


def test_regions_that_cannot_be_told_apart_have_no_evidence(processor: Any) -> None:
    value = {"bboxes": [[0, 0, 1, 1]] * 3, "labels": ["circle"] * 3}
    found = score_answer(processor, BY_TOKEN["<OD>"], two_boxes(processor), SIZE, value)
    assert [score.evidence for score in found] == [None] * 3
    assert len({score.raw for score in found}) == 1


def test_a_least_score_leaves_out_instances_with_their_labels_and_scores(processor: Any) -> None:
    told = result(processor, "<OD>", two_boxes(processor), SIZE, min_score=0.5)
    value = {"bboxes": [[100, 100, 300, 200]], "labels": ["circle"]}
    assert told["result"] == {"<OD>": value}
    assert (told["scores"], told["raw_scores"], told["left_out"]) == ([1.0], [1.0], 1)


def test_a_least_score_is_one_of_calibrated_scores(processor: Any) -> None:
    surely = TaskCalibration(bias=50.0)
    given = two_boxes(processor)
    told = result(processor, "<OD>", given, SIZE, calibration=surely, min_score=0.9)
    assert (told["scores"], told["left_out"]) == ([1.0, 1.0], 0)


def test_a_least_score_of_all_leaves_an_empty_answer(processor: Any) -> None:
    told = result(processor, "<OD>", two_boxes(processor), SIZE, min_score=1.0)
    assert told["left_out"] == 1  # a score of exactly the least one stays
    unsure = answer(processor, ("star" + box(500, 500, 700, 700), UNSURE))
    told = result(processor, "<OD>", unsure, SIZE, min_score=1.0)
    assert (told["result"], told["scores"]) == ({"<OD>": {"bboxes": [], "labels": []}}, [])


def test_a_least_score_leaves_out_outlines_and_quadrangles_too(processor: Any) -> None:
    outlines = answer(
        processor,
        ("circle<poly>" + box(1, 2, 3, 4, 5, 9) + "</poly>", UNSURE),
        ("star<poly>" + box(10, 20, 30, 40, 50, 90) + "</poly>", SURE),
    )
    task = "<OPEN_VOCABULARY_DETECTION>"
    value = result(processor, task, outlines, SIZE, min_score=0.9)["result"][task]
    assert (value["polygons_labels"], len(value["polygons"])) == (["star"], 1)
    corners = box(1, 2, 30, 2, 30, 20, 1, 20)
    read = answer(processor, ("STOP" + corners, SURE), ("GO" + corners, UNSURE))
    value = result(processor, "<OCR_WITH_REGION>", read, SIZE, min_score=0.9)["result"]
    assert value["<OCR_WITH_REGION>"]["labels"] == ["STOP"]
    assert len(value["<OCR_WITH_REGION>"]["quad_boxes"]) == 1


@pytest.mark.parametrize(
    "task", ["<CAPTION>", "<OCR>", "<REGION_TO_CATEGORY>", "<REGION_TO_DESCRIPTION>"]
)
def test_words_are_never_left_out(processor: Any, task: str) -> None:
    words = answer(processor, ("a cat", UNSURE))
    told = result(processor, task, words, SIZE, min_score=0.9)
    assert "cat" in told["result"][task]
    assert "left_out" not in told


def test_an_answer_with_remains_of_locations_and_corners_inside_out_is_mended(
    processor: Any,
) -> None:
    found = answer(
        processor,
        ("circle" + box(100, 200, 300, 400, 255), SURE),  # a location too many
        ("square" + box(300, 200, 100, 400), SURE),
        ("star" + box(10, 20, 10, 40), UNSURE),
        ("ring" + box(50, 60, 70, 80), SURE),
    )
    told = result(processor, "<OD>", found, SIZE)
    value = told["result"]["<OD>"]
    assert value["labels"] == ["circle", "square", "ring"]
    assert value["bboxes"] == [[100, 100, 300, 200], [100, 100, 300, 200], [50, 30, 70, 40]]
    assert len(told["scores"]) == len(told["raw_scores"]) == 3
    assert told["warnings"] == ["malformed_answer"]
    assert told["malformed"] == {"mended": 1, "left_out": 1}
    annotations = as_coco(instances_of([told], {}), SIZE)["annotations"]
    assert [each["area"] for each in annotations] == [20000, 20000, 200]


def test_a_well_formed_answer_has_no_word_of_mending(processor: Any) -> None:
    told = result(processor, "<OD>", answer(processor, ("cat" + box(1, 2, 3, 9), SURE)), SIZE)
    assert (told["warnings"], "malformed" in told) == ([], False)
