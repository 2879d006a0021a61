from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import Florence2Processor

from workers.demo import weights_folder
from workers.training.common.detection_metrics import iou
from workers.training.florence2.components import GRID, PAD, SIDE
from workers.training.florence2.data import (
    CLASSES,
    IGNORED,
    QuestionTokenizer,
    grid_targets,
    pixels,
    sample_batch,
)
from workers.training.scenes import typefaces
from workers.training.scenes.canvas import CHARACTERS, SHAPE_SIZES, TEXT, Canvas, sample_canvas
from workers.training.scenes.descriptions import (
    caption,
    detailed_caption,
    more_detailed_caption,
    relation,
    size_word,
)
from workers.training.scenes.palette import BACKGROUND_COLOURS, ITEM_COLOURS, SHAPES, seeded_random
from workers.training.scenes.questions import READING_TASKS, TASKS, make_question
from workers.training.scenes.scene import unseen_scenes
from workers.training.scenes.scene_canvas import render_canvas
from workers.training.scenes.typefaces import TYPEFACES, TypefaceError, typeface

GOLDEN_CAPTIONS = [
    "A red star, a green square and a black square on a cyan background.",
    "A yellow star on a blue background.",
    "A purple triangle and a white circle on an orange background.",
    "An orange triangle and an orange circle on a green background.",
]
GOLDEN_BOXES = [[23, 139, 122, 227], [79, 102, 167, 181], [12, 280, 114, 375], [15, 162, 132, 284]]


@pytest.fixture(scope="module")
def canvases() -> list[Canvas]:
    rng = seeded_random(11)
    return [sample_canvas(rng) for _ in range(120)]


@pytest.fixture(scope="module")
def processor() -> Florence2Processor:
    return Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))


def test_the_same_seed_draws_the_same_canvases() -> None:
    rng = seeded_random(5)
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
                assert np.abs(np.subtract(middle, ITEM_COLOURS[item.colour])).max() <= 12


def test_all_words_shapes_and_backgrounds_occur(canvases: list[Canvas]) -> None:
    items = [item for canvas in canvases for item in canvas.items]
    assert {item.shape for item in items} == {*SHAPES, TEXT}
    assert {item.colour for item in items} == set(ITEM_COLOURS)
    assert {canvas.background for canvas in canvases} == set(BACKGROUND_COLOURS)
    assert all(set(item.text) <= set(CHARACTERS) for item in items)


def test_a_canvas_has_the_requested_size_and_word() -> None:
    canvas = sample_canvas(seeded_random(2), 1, "STOP", (320, 240))
    assert canvas.image.size == (320, 240)
    assert {item.text for item in canvas.items} == {"STOP", ""}


def test_captions_name_every_item(canvases: list[Canvas]) -> None:
    for canvas in canvases:
        for sentence in (caption(canvas), detailed_caption(canvas), more_detailed_caption(canvas)):
            assert all(item.name in sentence.lower() for item in canvas.items)
            assert f"{canvas.background} background." in sentence
        words = [item.text for item in canvas.items if item.shape == TEXT]
        assert all(f"reads {word}." in more_detailed_caption(canvas) for word in words)


def test_every_task_has_an_answer_that_the_processor_parses(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    rng = seeded_random(1)
    for canvas in canvases[:30]:
        for task in TASKS:
            question = make_question(canvas, task, rng)
            if question is None:
                assert task.startswith(("<REFERRING", "<REGION_TO_"))
                continue
            parsed = processor.post_process_generation(
                text=f"</s><s>{question.answer}</s>", task=task, image_size=canvas.image.size
            )
            boxes = parsed[task].get("bboxes") if isinstance(parsed[task], dict) else None
            if boxes is not None:
                assert len(boxes) == len(question.items)


def test_the_answer_of_detection_has_the_boxes_of_the_items(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    for canvas in canvases[:30]:
        question = make_question(canvas, "<OD>", seeded_random(0))
        assert question is not None
        found = processor.post_process_generation(
            text=question.answer, task="<OD>", image_size=canvas.image.size
        )["<OD>"]
        for item, label, box in zip(canvas.items, found["labels"], found["bboxes"], strict=True):
            assert label == item.shape
            assert iou(box, item.box) > 0.9


def test_reading_is_asked_about_words_alone(canvases: list[Canvas]) -> None:
    for canvas in canvases[:30]:
        words = "".join(item.text for item in canvas.items)
        for task in READING_TASKS:
            question = make_question(canvas, task, seeded_random(0))
            assert (question.answer if question else "").startswith(words)


def test_prompts_and_pictures_are_encoded_as_the_processor_does(
    canvases: list[Canvas], processor: Florence2Processor
) -> None:
    tokenizer = QuestionTokenizer(processor)
    rng = seeded_random(3)
    for canvas in canvases[:10]:
        for task in TASKS:
            if question := make_question(canvas, task, rng):
                inputs = processor(text=task + question.text, images=canvas.image)
                prompt = [i for i in inputs["input_ids"][0] if i != processor.image_token_id]
                assert tokenizer.prompt(question) == prompt
        np.testing.assert_allclose(pixels(canvas.image), inputs["pixel_values"][0], atol=1e-5)


def test_a_batch_is_padded_and_repeats_each_picture_by_its_questions(
    processor: Florence2Processor,
) -> None:
    batch = sample_batch(QuestionTokenizer(processor), 3, 2, seeded_random(4))
    assert batch.pictures.shape == (3, 3, SIDE, SIDE)
    assert batch.questions is not None
    assert (
        len(batch.questions.prompts)
        == len(batch.questions.answers)
        == len(batch.questions.reading)
        == 6
    )
    for ids in (batch.questions.prompts, batch.questions.answers):
        lengths = (ids != PAD).sum(1)
        assert lengths.max() == ids.shape[1]
        assert all((row[:n] != PAD).all() for row, n in zip(ids, lengths, strict=True))


def test_the_cells_of_an_item_have_its_class_and_colour(canvases: list[Canvas]) -> None:
    grid = grid_targets(canvases)
    filled = grid.classes > 0
    assert torch.equal(filled, grid.colours != IGNORED)
    for number, canvas in enumerate(canvases):
        assert list(BACKGROUND_COLOURS)[grid.backgrounds[number]] == canvas.background
        shown = {CLASSES[index] for index in grid.classes[number].unique()} - {"nothing"}
        assert shown == {item.shape for item in canvas.items}


@pytest.mark.parametrize("word", ["WORLD", "III", "1", "Q4711"])
def test_the_cells_of_a_word_have_its_characters(word: str) -> None:
    for seed in range(12):
        grid = grid_targets([sample_canvas(seeded_random(seed), 0, word)])
        rows = grid.characters[0].flatten(1), grid.ranks[0].flatten(1)
        number = next(n for n in range(GRID) if (rows[0][n] != IGNORED).any())
        characters, ranks = (row[number] for row in rows)
        assert torch.equal(characters == IGNORED, ranks == IGNORED)
        characters_by_rank = dict(zip(ranks.tolist(), characters.tolist(), strict=True))
        assert "".join(CHARACTERS[characters_by_rank[rank]] for rank in range(len(word))) == word


def test_pages_of_letters_have_no_questions(processor: Florence2Processor) -> None:
    batch = sample_batch(QuestionTokenizer(processor), 1, 3, seeded_random(4), pages=2)
    assert len(batch.pictures) == len(batch.grid.classes) == 3
    assert batch.questions is not None
    assert len(batch.questions.prompts) == 3
    shown = (batch.grid.characters[1:] != IGNORED).flatten(1).sum(1)
    assert (shown > 8).all()


def test_all_sizes_occur_in_their_ranges(canvases: list[Canvas]) -> None:
    words = {size_word(canvas, item) for canvas in canvases for item in canvas.items}
    assert words == {"small", "", "large"}
    for canvas in canvases:
        for item in canvas.items:
            wide, high = item.box[2] - item.box[0], item.box[3] - item.box[1]
            share = max(wide, high) / min(canvas.image.size)
            if item.shape != TEXT:
                low, high = SHAPE_SIZES[size_word(canvas, item)]
                assert low - 1e-9 <= share <= high + 1e-9


def test_a_relation_is_that_of_the_boxes(canvases: list[Canvas]) -> None:
    seen = set()
    for canvas in canvases:
        for one, other in pairwise(canvas.items):
            words = relation(one, other)
            seen.add(words)
            assert f"The {one.name} is {words} the {other.name}." in more_detailed_caption(canvas)
            axis = 0 if "left" in words else 1
            first, second = (other, one) if words == "below" else (one, other)
            assert first.box[axis + 2] < second.box[axis]
    assert seen == {"to the left of", "above", "below"}


def test_a_phrase_to_segment_fits_one_shape_alone(canvases: list[Canvas]) -> None:
    rng = seeded_random(6)
    for canvas in canvases:
        for _ in range(4):
            question = make_question(canvas, "<REFERRING_EXPRESSION_SEGMENTATION>", rng)
            if question is None:
                continue
            bare = question.text.removeprefix("the ")
            if bare in SHAPES:
                assert [item.shape for item in canvas.items].count(bare) == 1


def test_a_scene_canvas_has_the_items_of_its_scene() -> None:
    scene = unseen_scenes(5, [2])[0]
    canvas = render_canvas(scene, seeded_random(1))
    assert canvas.image.size == (128, 128)
    assert {item.name for item in canvas.items} == {str(p.thing) for p in scene.objects}
    for item in canvas.items:
        placed = next(p for p in scene.objects if str(p.thing) == item.name)
        assert item.box == placed.box(128)
    assert caption(canvas).endswith(f" {scene.background} background.")


@pytest.mark.parametrize("name", TYPEFACES)
def test_every_typeface_draws_all_characters_differently(name: str) -> None:
    font = typeface(name, 32)
    drawn = {bytes(font.getmask(character)) for character in CHARACTERS}
    assert len(drawn) == len(CHARACTERS)
    assert 8 < font.getlength("H") < 32


def test_a_missing_typeface_package_is_an_error_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(typefaces.PACKAGED, "Nowhere", ("font_nowhere", "Nowhere.ttf"))
    with pytest.raises(TypefaceError, match=r"font_nowhere.*bottega\[scenes\]"):
        typeface("Nowhere", 20)
