from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from workers.training.common.detection_metrics import iou
from workers.training.flux.adherence import check, check_prompt
from workers.training.scenes.palette import SCENE_COLOURS, SHAPES
from workers.training.scenes.prompt_parser import PromptError, parse_prompt
from workers.training.scenes.scene import (
    PlacedThing,
    Scene,
    Thing,
    draw,
    is_held_out,
    one_object,
    unseen_scenes,
)

COUNTS = [1 + n % 3 for n in range(300)]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return unseen_scenes(20_260, COUNTS)


def with_first(scene: Scene, **changes: object) -> Scene:
    first, *rest = scene.objects
    return replace(scene, objects=(replace(first, **changes), *rest))


def other(names: tuple[str, ...], *excluded: str) -> str:
    return next(name for name in names if name not in excluded)


def colours_of(scene: Scene) -> list[str]:
    return [scene.background, *(placed.thing.colour for placed in scene.objects)]


def test_a_seed_draws_the_same_scenes_again(scenes: list[Scene]) -> None:
    assert unseen_scenes(20_260, COUNTS) == scenes
    assert unseen_scenes(20_261, COUNTS) != scenes


def test_unseen_scenes_have_the_objects_asked_for_and_held_out_captions(
    scenes: list[Scene],
) -> None:
    assert [len(scene.objects) for scene in scenes] == COUNTS
    assert all(is_held_out(scene.caption) for scene in scenes)
    assert all(len(set(colours_of(scene))) == len(colours_of(scene)) for scene in scenes)


@pytest.mark.slow
@pytest.mark.parametrize(("side", "count"), [(128, 300), (256, 100)])
def test_true_drawings_pass_the_check(scenes: list[Scene], side: int, count: int) -> None:
    right = [check(draw(scene, side), scene).right for scene in scenes[:count]]
    assert np.mean(right) >= 0.99


def test_a_prompt_asks_for_what_its_caption_says(scenes: list[Scene]) -> None:
    for scene in scenes:
        parsed = parse_prompt(scene.caption)
        assert parsed.caption == scene.caption
        assert parsed.background == scene.background
        assert [p.thing for p in parsed.objects] == [p.thing for p in scene.objects]
    right = [check_prompt(draw(scene), scene.caption).right for scene in scenes]
    assert np.mean(right) >= 0.99


def test_another_colour_fails_by_its_colour(scenes: list[Scene]) -> None:
    for scene in scenes[:90]:
        thing = scene.objects[0].thing
        colour = other(tuple(SCENE_COLOURS), *colours_of(scene))
        adherence = check(draw(with_first(scene, thing=replace(thing, colour=colour))), scene)
        assert not adherence.colour
        assert adherence.boxes[0] is None
        assert adherence.background
        assert not adherence.right


def test_another_shape_fails_by_its_shape_alone(scenes: list[Scene]) -> None:
    judged = []
    for scene in scenes[:90]:
        thing = scene.objects[0].thing
        shape = other(SHAPES, thing.shape)
        adherence = check(draw(with_first(scene, thing=replace(thing, shape=shape))), scene)
        assert not adherence.right
        judged.append(adherence.shape or not (adherence.colour and adherence.place))
    assert np.mean(judged) <= 0.01


def test_another_place_fails_by_its_place_alone(scenes: list[Scene]) -> None:
    for scene in scenes[:90]:
        adherence = check(draw(with_first(scene, y=scene.objects[0].y + 0.15)), scene)
        assert not adherence.place
        assert adherence.colour
        assert adherence.background


def test_another_background_fails_by_its_background(scenes: list[Scene]) -> None:
    for scene in scenes[:30]:
        background = other(tuple(SCENE_COLOURS), *colours_of(scene))
        adherence = check(draw(replace(scene, background=background)), scene)
        assert not adherence.background
        assert not adherence.clean


def test_a_stray_object_is_not_clean() -> None:
    scene = one_object(Thing("circle", "red"), "blue", place="left")
    stray = PlacedThing(Thing("square", "green"), 0.73, 0.5, 0.175)
    adherence = check(draw(replace(scene, objects=(*scene.objects, stray))), scene)
    assert not adherence.clean
    assert adherence.shape


def test_noise_passes_no_check() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    adherence = check_prompt(Image.fromarray(pixels), "a red circle on a blue background")
    assert not adherence.background
    assert not adherence.colour
    assert not adherence.clean


def test_the_box_found_is_the_box_drawn(scenes: list[Scene]) -> None:
    for scene in scenes[:60]:
        boxes = check(draw(scene), scene).boxes
        for placed, box in zip(scene.objects, boxes, strict=True):
            assert box is not None
            assert iou(box, placed.box(128)) > 0.85


@pytest.mark.parametrize(
    ("prompt", "shape", "middle"),
    [
        ("a red circle on a blue background", "circle", (0.5, 0.5)),
        ("Red star at the top on blue background.", "star", (0.5, 0.27)),
        ("A LARGE  red square in the center on the blue background", "square", (0.5, 0.5)),
        ("a red triangle below a white star on a blue background", "triangle", (0.5, 0.73)),
        ("a red star, a white star, and a black star on a blue background", "star", (0.19, 0.5)),
    ],
)
def test_prompts_are_read_loosely(prompt: str, shape: str, middle: tuple[float, float]) -> None:
    scene = parse_prompt(prompt)
    assert scene.background == "blue"
    assert scene.objects[0].thing == Thing(shape, "red")
    assert (scene.objects[0].x, scene.objects[0].y) == middle


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a red circle",
        "a photograph of a cat",
        "a pink circle on a blue background",
        "a red circle on a red background",
        "a red circle above a red star on a blue background",
        "a small red circle above a white star on a blue background",
    ],
)
def test_a_prompt_in_other_words_is_refused(prompt: str) -> None:
    with pytest.raises(PromptError):
        parse_prompt(prompt)
