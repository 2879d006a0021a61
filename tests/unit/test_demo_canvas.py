import re

import numpy as np
import pytest
import torch
from transformers import Florence2Processor

from workers.demo import weights_folder
from workers.demo.detection_score import iou
from workers.demo.florence2_answers import true_detections
from workers.demo.florence2_data import (
    CLASSES,
    IGNORED,
    Speller,
    grid_targets,
    pixels,
    sample_batch,
)
from workers.demo.florence2_parts import PAD
from workers.demo.scenes.canvas import CHARACTERS, TEXT, Canvas, sample_canvas
from workers.demo.scenes.palette import INK, PAPER, SHAPES, lots
from workers.demo.scenes.questions import READING_TASKS, TASKS, ask
from workers.demo.scenes.wording import caption, detailed_caption, more_detailed_caption

GOLDEN_CAPTIONS = [
    "A red star, a white circle and a blue star on a cyan background.",
    "A white square, a purple circle and a yellow square on a brown background.",
    "A red star and a purple triangle on a pink background.",
    "A white circle on a green background.",
]
GOLDEN_BOXES = [[11, 46, 118, 147], [89, 143, 206, 254], [32, 23, 149, 131], [256, 98, 329, 172]]


@pytest.fixture(scope="module")
def canvases() -> list[Canvas]:
    rng = lots(11)
    return [sample_canvas(rng) for _ in range(120)]


@pytest.fixture(scope="module")
def processor() -> Florence2Processor:
    return Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))


def test_the_same_lots_draw_the_same_canvases() -> None:
    rng = lots(5)
    drawn = [sample_canvas(rng, text="") for _ in range(4)]
    assert [caption(canvas) for canvas in drawn] == GOLDEN_CAPTIONS
    boxes = [[round(edge) for edge in canvas.items[0].box] for canvas in drawn]
    assert boxes == GOLDEN_BOXES


def test_items_stand_apart_in_their_colours_from_left_to_right(canvases: list[Canvas]) -> None:
    for canvas in canvases:
        lefts = [item.box[0] for item in canvas.items]
        assert lefts == sorted(lefts)
        for item in canvas.items:
            left, top, right, bottom = item.box
            assert 0 <= left < right <= canvas.width
            assert 0 <= top < bottom <= canvas.height
            others = [other for other in canvas.items if other is not item]
            assert all(iou(item.box, other.box) == 0 for other in others)
            if item.shape != TEXT:
                middle = canvas.image.getpixel((int((left + right) / 2), int((top + bottom) / 2)))
                assert np.abs(np.subtract(middle, INK[item.colour])).max() <= 12


def test_all_words_shapes_and_backgrounds_occur(canvases: list[Canvas]) -> None:
    items = [item for canvas in canvases for item in canvas.items]
    assert {item.shape for item in items} == {*SHAPES, TEXT}
    assert {item.colour for item in items} == set(INK)
    assert {canvas.background for canvas in canvases} == set(PAPER)
    assert all(set(item.text) <= set(CHARACTERS) for item in items)


def test_a_canvas_shows_what_it_was_told_to() -> None:
    canvas = sample_canvas(lots(2), 1, "STOP", (320, 240))
    assert canvas.image.size == (320, 240)
    assert {item.text for item in canvas.items} == {"STOP", ""}


def test_captions_name_every_item(canvases: list[Canvas]) -> None:
    for canvas in canvases:
        for said in (caption(canvas), detailed_caption(canvas), more_detailed_caption(canvas)):
            assert all(item.name in said.lower() for item in canvas.items)
            assert f"{canvas.background} background." in said
        words = [item.text for item in canvas.items if item.shape == TEXT]
        assert all(f"reads {word}." in more_detailed_caption(canvas) for word in words)


def test_every_task_has_an_answer_that_the_processor_understands(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    rng = lots(1)
    for canvas in canvases[:30]:
        for task in TASKS:
            question = ask(canvas, task, rng)
            if question is None:
                assert task.startswith(("<REFERRING", "<REGION_TO_"))
                continue
            parsed = processor.post_process_generation(
                text=f"</s><s>{question.answer}</s>", task=task, image_size=canvas.image.size
            )
            boxes = parsed[task].get("bboxes") if isinstance(parsed[task], dict) else None
            if boxes is not None:
                assert len(boxes) == len(question.items)


def test_the_answer_to_detection_is_where_the_items_are(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    for canvas in canvases[:30]:
        question = ask(canvas, "<OD>", lots(0))
        assert question is not None
        found = processor.post_process_generation(
            text=question.answer, task="<OD>", image_size=canvas.image.size
        )["<OD>"]
        for true, label, box in zip(
            true_detections(canvas), found["labels"], found["bboxes"], strict=True
        ):
            assert label == true.label
            assert iou(box, true.box) > 0.9


def test_reading_is_asked_about_words_alone(canvases: list[Canvas]) -> None:
    for canvas in canvases[:30]:
        words = "".join(item.text for item in canvas.items)
        for task in READING_TASKS:
            question = ask(canvas, task, lots(0))
            assert (question.answer if question else "").startswith(words)


def test_prompts_and_pictures_are_encoded_as_the_processor_does(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    speller = Speller(processor)
    rng = lots(3)
    for canvas in canvases[:10]:
        for task in TASKS:
            if question := ask(canvas, task, rng):
                inputs = processor(text=task + question.text, images=canvas.image)
                prompt = [i for i in inputs["input_ids"][0] if i != processor.image_token_id]
                assert speller.prompt(question) == prompt
        np.testing.assert_allclose(pixels(canvas.image), inputs["pixel_values"][0], atol=1e-5)


def test_a_batch_is_padded_and_repeats_each_picture_by_its_questions(
    processor: Florence2Processor,
) -> None:
    batch = sample_batch(Speller(processor), 3, 2, lots(4))
    assert batch.pictures.shape == (3, 3, 192, 192)
    assert batch.prompts is not None
    assert batch.answers is not None
    assert len(batch.prompts) == len(batch.answers) == 6
    for ids in (batch.prompts, batch.answers):
        lengths = (ids != PAD).sum(1)
        assert lengths.max() == ids.shape[1]
        assert all((row[:n] != PAD).all() for row, n in zip(ids, lengths, strict=True))


def test_the_cells_under_an_item_tell_what_it_is(canvases: list[Canvas]) -> None:
    grid = grid_targets(canvases)
    filled = grid.classes > 0
    assert torch.equal(filled, grid.colours != IGNORED)
    for number, canvas in enumerate(canvases):
        assert list(PAPER)[grid.backgrounds[number]] == canvas.background
        shown = {CLASSES[index] for index in grid.classes[number].unique()} - {"nothing"}
        assert shown == {item.shape for item in canvas.items}


def test_the_cells_under_a_long_word_spell_it() -> None:
    canvas = sample_canvas(lots(8), 0, "WORLD", (256, 256))
    halves = grid_targets([canvas]).characters[0].flatten(1)
    row = next(row for row in halves if (row != IGNORED).any())
    read = "".join(CHARACTERS[index] for index in row if index != IGNORED)
    assert re.sub(r"(.)\1+", r"\1", read) == "WORLD"
