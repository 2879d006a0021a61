"""FLUX's own behaviour: seeds, sizes, agreement with the bare pipeline, and content."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline
from PIL import Image

from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.protocol import Painted, Work
from workers.catalog import find
from workers.demo import weights_folder

DEMO = find("flux.1-demo")
PROMPT = "a red circle on a blue background"
RED, BLUE = (220, 40, 40), (45, 80, 215)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def demo() -> FluxAdapter:
    adapter = FluxAdapter(DEMO, "cpu", {})
    adapter.load()
    return adapter


def paint(adapter: FluxAdapter, **input_: object) -> tuple[Painted, ...]:
    work = Work(DEMO.parameters(**{"prompt": PROMPT, **input_}))
    return adapter.run([work], lambda _step, _steps: None, lambda: False)[0].images


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=int)


def near(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """The pixels of a picture with about this colour."""
    return np.abs(pixels(picture) - colour).max(axis=-1) < 60


def test_the_demo_paints_a_red_circle_on_a_blue_background(demo: FluxAdapter) -> None:
    for painted in paint(demo, seed=7, num_images=4):
        red, blue = near(painted.image, RED), near(painted.image, BLUE)
        rows, columns = np.nonzero(red)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert (red | blue).mean() > 0.9
        assert abs(height - width) <= 0.15 * width
        assert red.sum() / (height * width) == pytest.approx(np.pi / 4, abs=0.08)
        frame = blue[[0, -1], :].mean(), blue[:, [0, -1]].mean()
        assert min(frame) > 0.9


def test_the_adapter_paints_what_the_bare_pipeline_paints(demo: FluxAdapter) -> None:
    bare = FluxPipeline.from_pretrained(weights_folder("flux.1-demo"), dtype=demo._pipeline.dtype)
    bare.set_progress_bar_config(disable=True)
    expected = bare(
        PROMPT,
        width=256,
        height=256,
        num_inference_steps=4,
        guidance_scale=0.0,
        max_sequence_length=64,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(pixels(paint(demo, seed=7)[0].image), pixels(expected))


def test_picture_i_of_a_job_is_the_one_of_seed_plus_i(demo: FluxAdapter) -> None:
    several = paint(demo, seed=41, num_images=3)
    assert [painted.seed for painted in several] == [41, 42, 43]
    for painted in several:
        alone = paint(demo, seed=painted.seed)[0]
        assert np.abs(pixels(painted.image) - pixels(alone.image)).max() <= 4


def test_a_seed_paints_the_same_alone_among_mates_and_after_a_restart(demo: FluxAdapter) -> None:
    four = paint(demo, seed=41, num_images=4)
    restarted = FluxAdapter(DEMO, "cpu", {})
    restarted.load()
    for painted in (four[0], four[3]):
        alone = paint(restarted, seed=painted.seed)[0]
        # A larger batch adds up in another order: a few levels of 255.
        assert np.abs(pixels(alone.image) - pixels(painted.image)).max() <= 4
        again = paint(demo, seed=painted.seed)[0]
        assert np.array_equal(pixels(again.image), pixels(alone.image))


def test_unlike_seeds_paint_unlike_pictures(demo: FluxAdapter) -> None:
    one, other = (paint(demo, seed=seed)[0].image for seed in (1, 2))
    assert np.abs(pixels(one) - pixels(other)).max() > 50


def test_seeds_start_over_after_the_largest(demo: FluxAdapter) -> None:
    several = paint(demo, seed=2**64 - 1, num_images=2, steps=1)
    assert [painted.seed for painted in several] == [2**64 - 1, 0]


def test_a_seed_that_is_drawn_is_reported_and_paints_the_same_again(demo: FluxAdapter) -> None:
    drawn = paint(demo)[0]
    again = paint(demo, seed=drawn.seed)[0]
    assert np.array_equal(pixels(drawn.image), pixels(again.image))
    assert paint(demo)[0].seed != drawn.seed


def test_sizes_other_than_square_are_painted_as_asked(demo: FluxAdapter) -> None:
    assert paint(demo, width=192, height=64, steps=1)[0].image.size == (192, 64)
    assert paint(demo, aspect_ratio="16:9", steps=1)[0].image.size == (352, 192)


def test_jobs_of_several_pictures_keep_theirs_apart(demo: FluxAdapter) -> None:
    works = [
        Work(DEMO.parameters(prompt=PROMPT, seed=1, num_images=2, steps=1)),
        Work(DEMO.parameters(prompt="a green star", seed=9, num_images=2, steps=1)),
    ]
    outputs = demo.run(works, lambda _step, _steps: None, lambda: False)
    assert [[p.seed for p in output.images] for output in outputs] == [[1, 2], [9, 10]]


def test_a_prompt_longer_than_the_text_encoder_reads_is_cut_not_refused(demo: FluxAdapter) -> None:
    assert len(paint(demo, prompt="a red circle and " * 250, steps=1)) == 1
