"""FLUX in little memory: decoding in tiles, and a job that is painted once more in parts."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from workers.adapters.flux import adapter as flux_adapter
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.vae_memory import decoding_bytes, tile_if_needed
from workers.adapters.protocol import Economical, OutOfMemoryError, Output, Stopped, Work
from workers.catalog import find
from workers.demo import weights_folder

DEMO = find("flux.1-demo")
MEGAPIXEL = 1024 * 1024


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def demo() -> FluxAdapter:
    assert weights_folder("flux.1-demo").is_dir()
    adapter = FluxAdapter(DEMO, "cpu", {})
    adapter.load()
    return adapter


def work(**parameters: Any) -> Work:
    given = {"prompt": "a red circle", "seed": 3, "width": 128, "height": 128, **parameters}
    return Work(DEMO.parameters(**given))


def never() -> bool:
    return False


def unreported(_step: int, _steps: int) -> None:
    pass


def pixels(output: Output) -> list[np.ndarray]:
    return [np.asarray(painted.image, dtype=int) for painted in output.images]


@pytest.mark.parametrize(("megapixels", "gigabytes"), [(1, 1.6), (2, 3.2), (4, 6.4)])
def test_decoding_by_flux_in_16_bits_takes_what_was_computed(
    megapixels: int, gigabytes: float
) -> None:
    config = SimpleNamespace(block_out_channels=(128, 256, 512, 512))
    vae = SimpleNamespace(config=config, dtype=torch.bfloat16)
    taken = decoding_bytes(vae, (1024, 1024 * megapixels))
    assert taken / 1e9 == pytest.approx(gigabytes, rel=0.02)


def test_a_picture_is_decoded_in_tiles_where_its_memory_is_not_free(demo: FluxAdapter) -> None:
    vae = demo._pipeline.vae
    needed = decoding_bytes(vae, (2048, 2048))
    tile_if_needed(vae, (2048, 2048), needed - 1)
    assert vae.use_tiling
    tile_if_needed(vae, (2048, 2048), needed)
    assert not vae.use_tiling


def test_every_call_asks_for_the_memory_that_is_free(
    demo: FluxAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pixels(demo.run([work()], unreported, never)[0])
    monkeypatch.setattr(flux_adapter, "free_bytes", lambda _device: 0)
    in_tiles = pixels(demo.run([work()], unreported, never)[0])
    assert demo._pipeline.vae.use_tiling
    assert np.array_equal(whole, in_tiles), "this picture is smaller than a tile"
    monkeypatch.undo()
    demo.run([work()], unreported, never)
    assert not demo._pipeline.vae.use_tiling


def test_a_job_in_least_memory_paints_the_same_pictures_one_by_one(demo: FluxAdapter) -> None:
    assert isinstance(demo, Economical)
    asked = [work(num_images=3), work(prompt="a blue star", seed=9)]
    expected = [demo.run([each], unreported, never)[0] for each in asked]
    steps: list[tuple[int, int]] = []
    kept = len(demo._prompts._known._values)
    outputs = demo.run_in_least_memory(asked, lambda *step: steps.append(step), never)
    for output, whole in zip(outputs, expected, strict=True):
        assert [each.seed for each in output.images] == [each.seed for each in whole.images]
        for one, other in zip(pixels(output), pixels(whole), strict=True):
            assert np.abs(one - other).max() <= 4
    assert steps == [(step, 16) for step in range(1, 17)]
    assert len(demo._prompts._known._values) == 2 <= kept
    demo.run([work()], unreported, never)
    assert not demo._pipeline.vae.use_tiling


def test_a_job_in_least_memory_stops_within_a_step(demo: FluxAdapter) -> None:
    steps: list[int] = []
    with pytest.raises(Stopped):
        demo.run_in_least_memory(
            [work(num_images=2)], lambda step, _: steps.append(step), lambda: len(steps) >= 6
        )
    assert len(steps) == 6
    assert not demo._saves_memory


def test_what_does_not_fit_in_parts_either_is_out_of_memory(demo: FluxAdapter) -> None:
    huge = work().parameters.model_copy(update={"width": 1 << 20, "height": 1 << 20})
    with pytest.raises(OutOfMemoryError):
        demo.run_in_least_memory([Work(huge)], unreported, never)
    assert not demo._saves_memory
    assert demo.run([work()], unreported, never)[0].images
