"""Correct answers, parsed by the processor, have perfect scores; wrong ones do not."""

from collections.abc import Callable
from typing import Any

import pytest
from PIL.Image import Image
from transformers import Florence2Processor

from workers.demo import weights_folder
from workers.training.florence2.metrics import (
    SCORERS,
    Metrics,
    evaluate,
    lettered_canvases,
    mask_iou,
    names_in,
    scored_canvases,
)
from workers.training.florence2.stock_predictor import region_tokens
from workers.training.scenes.canvas import CHARACTERS, LETTERS, TEXT, WORDS, Canvas, Item, outline
from workers.training.scenes.descriptions import box_locations, locations, named, position, sized
from workers.training.scenes.palette import Box, seeded_random
from workers.training.scenes.questions import TASKS, make_question

SCENES = 40
REGION = "<loc_1><loc_2><loc_3><loc_4>"


@pytest.fixture(scope="module")
def processor() -> Florence2Processor:
    return Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))


@pytest.fixture(scope="module")
def canvases() -> list[Canvas]:
    return scored_canvases(5, SCENES)


def true_answer(canvas: Canvas, task: str, text: str, region: Box | None) -> str:
    """The text that a perfect model generates."""
    if region:
        item = next(item for item in canvas.items if item.box == region)
        return {
            "<REGION_TO_SEGMENTATION>": locations(canvas, list(item.outline)),
            "<REGION_TO_CATEGORY>": item.shape + REGION,
            "<REGION_TO_DESCRIPTION>": f"{sized(canvas, item)} {position(canvas, item)}{REGION}",
            "<REGION_TO_OCR>": item.text + REGION,
        }[task]
    meant = [item for item in canvas.items if text in (item.name, f"the {item.name}")]
    match task:
        case "<CAPTION_TO_PHRASE_GROUNDING>":
            return "".join(named(item) + box_locations(canvas, item) for item in canvas.items)
        case "<OPEN_VOCABULARY_DETECTION>":
            return "".join(item.name + box_locations(canvas, item) for item in meant)
        case "<REFERRING_EXPRESSION_SEGMENTATION>":
            return locations(canvas, list(meant[0].outline))
    question = make_question(canvas, task, seeded_random(0))
    assert question is not None
    return question.answer


def scores_of(
    canvases: list[Canvas],
    processor: Florence2Processor,
    spoil: Callable[[str], str] = lambda answer: answer,
) -> Metrics:
    shown = {id(canvas.image): canvas for canvas in canvases}

    def predict(picture: Image, task: str, text: str, region: Box | None) -> dict[str, Any]:
        answer = spoil(true_answer(shown[id(picture)], task, text, region))
        parsed: dict[str, Any] = processor.post_process_generation(
            text=f"</s><s>{answer}</s>", task=task, image_size=picture.size
        )
        return parsed

    return evaluate(canvases, predict)


def test_correct_answers_have_perfect_scores(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    scored = scores_of(canvases, processor)
    assert set(SCORERS) == set(TASKS)
    assert len(scored) == 31
    for name, value in scored.items():
        # locations are whole parts of a thousand, parsed to whole pixels; a circle has 12 corners
        assert value > 0.95 if "IoU" in name else value == 1, name


def test_wrong_names_places_and_letters_lower_the_scores(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    def spoil(answer: str) -> str:
        moved = answer.replace("<loc_1", "<loc_2").replace("<loc_3", "<loc_5")
        return moved.replace("red", "green").translate(str.maketrans("EOA1", "FCH7"))

    scored = scores_of(canvases, processor, spoil)
    kept = {"OCR: nothing where nothing is", "open vocabulary: absent rejected"}
    # labels of proposals and shapes are not spoilt, and not all of their places
    loose = {name for name in scored if "recall" in name or "precision" in name}
    for name, value in scored.items():
        if name not in kept | loose | {"region to category: exact"}:
            assert value < 0.95, name


def test_empty_answers_score_0(canvases: list[Canvas], processor: Florence2Processor) -> None:
    scored = scores_of(canvases, processor, lambda _: "")
    idle = {"OCR: nothing where nothing is", "open vocabulary: absent rejected"}
    assert {name for name, value in scored.items() if value == 1} == idle
    # an empty answer is correct for a canvas without a word, with regions too
    assert scored.pop("OCR with region: exact") == 0.5
    assert all(value == 0 for name, value in scored.items() if name not in idle)


def test_a_mask_is_compared_with_the_exact_shape() -> None:
    box = (20.0, 20.0, 80.0, 80.0)

    def overlap(shape: str, *polygons: tuple[tuple[float, float], ...]) -> float:
        flat = [[length for point in polygon for length in point] for polygon in polygons]
        item = Item(shape, "red", box, outline(shape, box))
        return mask_iou({"polygons": [flat], "labels": [""]}, item, (100, 100))

    assert overlap("square", outline("square", box)) == 1
    assert overlap("square", outline("square", (20, 20, 50, 80))) == pytest.approx(0.5, abs=0.01)
    halves = outline("square", (20, 20, 50, 80)), outline("square", (50, 20, 80, 80))
    assert overlap("square", *halves) == pytest.approx(1, abs=0.01)
    assert overlap("star") == 0
    assert 0.94 < overlap("circle", outline("circle", box)) < 0.97


def test_half_of_the_canvases_have_a_word_of_the_list_or_a_number() -> None:
    texts = ["".join(item.text for item in canvas.items) for canvas in scored_canvases(8, SCENES)]
    assert texts[::2] == [""] * (SCENES // 2)
    assert all(text in WORDS or (text.isdigit() and len(text) <= 4) for text in texts[1::2])


def test_every_lettered_canvas_has_random_letters() -> None:
    for canvas in lettered_canvases(8, SCENES):
        (text,) = (item.text for item in canvas.items if item.shape == TEXT)
        assert 2 <= len(text) <= 5
        assert set(text) <= set(LETTERS) < set(CHARACTERS)


def test_names_are_found_in_a_sentence() -> None:
    said = "A red circle, a small blue star and black text on a green background."
    assert names_in(said) == {"red circle", "blue star", "black text"}


def test_a_region_is_named_by_its_parts_of_a_thousand() -> None:
    assert region_tokens((0, 75, 200, 299.9), (400, 300)) == "<loc_0><loc_250><loc_500><loc_999>"
    assert region_tokens((-3, 0, 400, 310), (400, 300)) == "<loc_0><loc_0><loc_999><loc_999>"
