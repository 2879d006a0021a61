"""Previews: a picture is shown while it is painted, and only to the job that wants it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.previews import LONGEST_SIDE, encode_pictures, predict_final_latents
from workers.adapters.protocol import ShowPreview, Work
from workers.adapters.weights import override_variable
from workers.catalog import find

Seen = list[tuple[Image.Image, int, int]]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def demo() -> FluxAdapter:
    made = FluxAdapter(find("flux.1-demo"), "cpu", {})
    made.load()
    return made


@pytest.fixture(scope="module")
def klein(tmp_path_factory: pytest.TempPathFactory) -> FluxAdapter:
    folder: Path = tmp_path_factory.mktemp("klein")
    save_tiny_klein(folder)
    variant = find("flux.2-klein-4b")
    made = FluxAdapter(variant, "cpu", {override_variable(variant.id): str(folder)})
    made.load()
    return made


def work(adapter: FluxAdapter, seen: Seen | None = None, **given: object) -> Work:
    asked = {"prompt": "a red circle on a blue background", "seed": 7, "steps": 4, **given}
    return Work(adapter._variant.parameters(**asked), preview=None if seen is None else into(seen))


def into(seen: Seen) -> ShowPreview:
    def show(picture: Image.Image, step: int, steps: int) -> None:
        seen.append((picture, step, steps))

    return show


def painted(adapter: FluxAdapter, *batch: Work) -> list[np.ndarray]:
    outputs = adapter.run(batch, lambda _step, _steps: None, lambda: False)
    return [np.asarray(each.image, dtype=float) for out in outputs for each in out.images]


def apart(preview: Image.Image, picture: np.ndarray) -> float:
    """Levels of 255 by which they differ on average."""
    as_large = preview.resize((picture.shape[1], picture.shape[0]))
    return float(np.abs(np.asarray(as_large, dtype=float) - picture).mean())


def test_a_preview_looks_like_its_picture_and_changes_nothing_of_it(demo: FluxAdapter) -> None:
    seen: Seen = []
    (watched,) = painted(demo, work(demo, seen))
    (alone,) = painted(demo, work(demo))
    (another,) = painted(demo, work(demo, prompt="a yellow square on a green background"))
    assert np.array_equal(watched, alone)
    assert [(step, steps) for _, step, steps in seen] == [(2, 4), (3, 4)]
    last = seen[-1][0]
    assert last.size == (128, 128)
    assert apart(last, watched) < 25 < apart(last, another)


def test_mates_see_their_own_and_only_where_they_asked(demo: FluxAdapter) -> None:
    first: Seen = []
    third: Seen = []
    batch = [
        work(demo, first, num_images=2),
        work(demo, num_images=2, prompt="a green square on a white background"),
        work(demo, third, num_images=2, prompt="a white triangle on a black background"),
    ]
    pictures = painted(demo, *batch)
    for seen, own in ((first, pictures[:2]), (third, pictures[4:])):
        together = np.concatenate(own, axis=1)
        assert seen[-1][0].size == (256, 128)
        assert apart(seen[-1][0], together) < 25
    assert apart(first[-1][0], np.concatenate(pictures[4:], axis=1)) > 50


def test_painting_over_a_picture_is_seen_too(demo: FluxAdapter) -> None:
    seen: Seen = []
    parts = {"image": "given", "strength": 0.8, "steps": 10, "width": 128, "height": 128}
    asked = work(demo, seen, **parts)
    given = {"image": [Image.new("RGB", (128, 128), "blue")]}
    (picture,) = painted(demo, replace(asked, pictures=given))
    assert [(step, steps) for _, step, steps in seen] == [(n, 8) for n in range(2, 8)]
    assert apart(seen[-1][0], picture) < 25


@pytest.mark.parametrize("size", [(64, 64), (576, 64)])
def test_flux_2_shows_pictures_of_every_shape(klein: FluxAdapter, size: tuple[int, int]) -> None:
    seen: Seen = []
    painted(klein, work(klein, seen, width=size[0], height=size[1]))
    assert len(seen) == 2
    small = seen[-1][0].size
    assert max(small) <= LONGEST_SIDE
    assert small[0] * size[1] == small[1] * size[0]


def test_pictures_are_encoded_as_the_transformers_are_given_them(
    demo: FluxAdapter, klein: FluxAdapter
) -> None:
    pixels = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        one, two = demo._pipeline, klein._pipeline
        raw = one.vae.encode(pixels.to(one.vae.dtype)).latent_dist.mode().float()
        latents = (raw - one.vae.config.shift_factor) * one.vae.config.scaling_factor
        expected = one._pack_latents(latents, *latents.shape)
        assert torch.allclose(encode_pictures(one.vae, pixels), expected, atol=1e-5)
        expected = two._pack_latents(two._encode_vae_image(pixels.to(two.vae.dtype), None))
        assert torch.allclose(encode_pictures(two.vae, pixels), expected.float(), atol=0.05)


def test_a_straight_path_is_followed_to_its_end() -> None:
    clean, noise = torch.randn(2, 3, 4).unbind()

    class Scheduler:
        sigmas = torch.tensor([1.0, 0.7, 0.2, 0.0])
        step_index = 2

    at = [(1 - s) * clean + s * noise for s in (0.7, 0.2)]
    assert torch.allclose(predict_final_latents(Scheduler, *at), clean, atol=1e-5)
