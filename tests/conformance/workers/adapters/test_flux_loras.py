"""LoRAs on a loaded model: enabled, disabled, and refused without a change of the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.conformance.workers.adapters.tiny_flux1 import save_tiny_flux1
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.loras import MAX_LOADED
from workers.adapters.protocol import FetchFile, InvalidLoraError, Work
from workers.adapters.weights import override_variable
from workers.catalog import find

SAVES = {
    "flux.1-demo": lambda folder: save_tiny_flux1("FluxPipeline", folder),
    "flux.2-klein-4b": save_tiny_klein,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=SAVES)
def adapter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("weights")
    SAVES[request.param](folder)
    variant = find(request.param)
    made = FluxAdapter(variant, "cpu", {override_variable(variant.id): str(folder)})
    made.load()
    return made


def lora(adapter: FluxAdapter, seed: int, *, rank: int = 4, width: int | None = None) -> bytes:
    """A LoRA of the projections of every attention, in diffusers' names."""
    drawn = torch.Generator().manual_seed(seed)
    weights = {}
    for name, layer in adapter._pipeline.transformer.named_modules():
        module = getattr(layer, "base_layer", layer)
        if name.endswith((".to_q", ".to_k", ".to_v")) and isinstance(module, torch.nn.Linear):
            down = torch.randn(rank, width or module.in_features, generator=drawn)
            weights[f"transformer.{name}.lora_A.weight"] = down
            weights[f"transformer.{name}.lora_B.weight"] = torch.randn(
                module.out_features, rank, generator=drawn
            )
    data: bytes = safetensors.torch.save(weights)
    return data


def paint(adapter: FluxAdapter, files: dict[str, bytes], *loras: tuple[str, float]) -> np.ndarray:
    parameters = adapter._variant.parameters(
        prompt="a red circle",
        seed=3,
        width=64,
        height=64,
        steps=2,
        loras=[{"source": name, "scale": scale} for name, scale in loras],
    )
    work = Work(parameters, stored=stored(files))
    (output,) = adapter.run([work], lambda _step, _steps: None, lambda: False)
    return np.asarray(output.images[0].image, dtype=int)


def stored(files: dict[str, bytes]) -> FetchFile:
    """Fetches these files by key, as a worker does from the object store."""

    @contextmanager
    def fetch(key: str) -> Iterator[Path]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            path.write_bytes(files[key])
            yield path

    return fetch


def test_a_lora_acts_as_strongly_as_asked_and_is_gone_afterwards(adapter: FluxAdapter) -> None:
    files = {"one": lora(adapter, 1), "two": lora(adapter, 2)}
    bare = paint(adapter, files)
    one, two = paint(adapter, files, ("one", 1)), paint(adapter, files, ("two", 1))
    both = paint(adapter, files, ("one", 1), ("two", 0.5))
    pictures = [bare, one, two, both, paint(adapter, files, ("one", 0.3))]
    for n, picture in enumerate(pictures):
        assert all(not np.array_equal(picture, other) for other in pictures[:n])
    assert np.array_equal(paint(adapter, files, ("one", 0)), bare)
    assert np.array_equal(paint(adapter, files), bare)
    assert np.array_equal(paint(adapter, files, ("one", 1)), one)


def test_a_lora_that_is_on_already_is_not_fetched_again(adapter: FluxAdapter) -> None:
    files = {"once": lora(adapter, 3)}
    paint(adapter, files, ("once", 1))
    files.clear()
    paint(adapter, files, ("once", 0.5))


def test_no_more_stay_than_the_limit_and_all_work_when_loaded_again(
    adapter: FluxAdapter,
) -> None:
    files = {f"n{n}": lora(adapter, n, rank=1) for n in range(MAX_LOADED + 3)}
    first = [paint(adapter, files, (name, 1)) for name in files]
    assert adapter._loras is not None
    assert len(adapter._loras._loaded) == MAX_LOADED
    assert np.array_equal(paint(adapter, files, ("n0", 1)), first[0])


def test_one_that_drives_the_numbers_out_of_range_is_at_fault(adapter: FluxAdapter) -> None:
    huge = {name: part * 1e30 for name, part in safetensors.torch.load(lora(adapter, 1)).items()}
    files = {"huge": safetensors.torch.save(huge)}
    bare = paint(adapter, files)
    with pytest.raises(InvalidLoraError, match="lower their scale") as caught:
        paint(adapter, files, ("huge", 1))
    assert not caught.value.retryable
    assert np.array_equal(paint(adapter, files), bare)


BROKEN = (
    *("bytes", "cut", "empty", "width", "nan", "stranger"),
    *("first half", "second half", "unlike ranks", "no rank"),
)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_lora_that_does_not_fit_is_named_and_leaves_the_model_as_it_was(
    adapter: FluxAdapter, broken: str
) -> None:
    sound = lora(adapter, 1)
    odd = safetensors.torch.load(sound)
    odd[next(iter(odd))][0, 0] = torch.nan
    stranger = {"transformer.nowhere.lora_A.weight": torch.ones(1, 32)}
    pair = dict(list(safetensors.torch.load(lora(adapter, 1)).items())[:2])
    (down, up) = sorted(pair)
    wide, high = pair[down].shape[1], pair[up].shape[0]
    files = {
        "bytes": b"no file at all",
        "cut": sound[:-10],
        "empty": safetensors.torch.save({"something": torch.ones(1)}),
        "width": lora(adapter, 1, width=17),
        "nan": safetensors.torch.save(odd),
        "stranger": safetensors.torch.save(stranger),
        "first half": safetensors.torch.save({down: pair[down]}),
        "second half": safetensors.torch.save({up: pair[up]}),
        "unlike ranks": safetensors.torch.save({down: pair[down], up: torch.ones(high, 8)}),
        "no rank": safetensors.torch.save({down: torch.ones(0, wide), up: torch.ones(high, 0)}),
    }
    bare = paint(adapter, files)
    with pytest.raises(InvalidLoraError):
        paint(adapter, files, (broken, 1))
    assert np.array_equal(paint(adapter, files), bare)


def test_the_names_of_other_trainers_are_read_too(adapter: FluxAdapter) -> None:
    layer = adapter._pipeline.transformer.transformer_blocks[0].attn.to_out[0]
    layer = getattr(layer, "base_layer", layer)
    drawn = torch.Generator().manual_seed(1)
    down = torch.randn(4, layer.in_features, generator=drawn)
    up = torch.randn(layer.out_features, 4, generator=drawn)
    own = "transformer.transformer_blocks.0.attn.to_out.0"
    kohya, vendor = (
        "lora_unet_double_blocks_0_img_attn_proj",
        "diffusion_model.double_blocks.0.img_attn.proj",
    )
    theirs = {
        "flux.1-demo": {
            f"{kohya}.lora_down.weight": down,
            f"{kohya}.lora_up.weight": up,
            f"{kohya}.alpha": torch.tensor(4.0),
        },
        "flux.2-klein-4b": {f"{vendor}.lora_A.weight": down, f"{vendor}.lora_B.weight": up},
    }
    files = {
        "ours": safetensors.torch.save({f"{own}.lora_A.weight": down, f"{own}.lora_B.weight": up}),
        "theirs": safetensors.torch.save(theirs[adapter._variant.id]),
    }
    bare, expected = paint(adapter, files), paint(adapter, files, ("ours", 1))
    assert not np.array_equal(bare, expected)
    assert np.array_equal(paint(adapter, files, ("theirs", 1)), expected)
