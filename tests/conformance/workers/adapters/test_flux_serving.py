"""Every pipeline class in every precision, offloaded or not: loads, paints, takes a LoRA, stops."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conformance.workers.adapters.test_flux_loras import lora, stored
from tests.conformance.workers.adapters.test_flux_pipeline_modes import MODES, PICTURES, Mode, small
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.pinning import Device
from workers.adapters.protocol import Stopped, Work
from workers.adapters.serving.layers import stored_bytes
from workers.adapters.serving.placement import place
from workers.adapters.serving.quantization import QuantizedLinear
from workers.adapters.weights import override_variable
from workers.catalog.serving import Offload, Precision, ServingMode

QUANTISED = (Precision.FP8, Precision.INT8, Precision.NF4)
OFFLOADS = (Offload.NONE, Offload.TEXT, Offload.BLOCKS)
VARIANTS = {mode.variant: mode for mode in MODES}
"""One pipeline mode of each variant, and so of each pipeline class."""

EVERY = tuple(product(VARIANTS.values(), (*QUANTISED, Precision.FP16, Precision.BF16), OFFLOADS))
QUICK = tuple(
    one
    for one in product(VARIANTS.values(), QUANTISED, OFFLOADS)
    # FLUX.1 in each precision, once offloaded, and one more of each line.
    if (one[0].variant == "flux.1-dev" and (one[1] is Precision.NF4 or one[2] is Offload.NONE))
    or (one[0].variant == "flux.2-klein-4b" and one[1:] == (Precision.INT8, Offload.BLOCKS))
)

Folder = Callable[[Mode], dict[str, str]]


def name_of(one: tuple[Mode, Precision, Offload]) -> str:
    return "-".join((one[0].variant, *one[1:]))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The small checkpoint of a mode's variant, by the variables that name its folders."""
    made: dict[str, dict[str, str]] = {}

    def save(mode: Mode) -> dict[str, str]:
        variable = override_variable(mode.variant)
        folders = {}
        for name, write in {"": mode.save, **mode.parts}.items():
            folder: Path = tmp_path_factory.mktemp("weights")
            write(folder)
            folders[f"{variable}_{name}".removesuffix("_")] = str(folder)
        return folders

    def find_or_save(mode: Mode) -> dict[str, str]:
        if mode.variant not in made:
            made[mode.variant] = save(mode)
        return made[mode.variant]

    return find_or_save


def loaded(mode: Mode, folders: dict[str, str], served: ServingMode) -> FluxAdapter:
    adapter = FluxAdapter(small(mode.variant), "cpu", folders, served)
    adapter.load()
    return adapter


def work(mode: Mode, adapter: FluxAdapter, files: dict[str, bytes], **asked: Any) -> Work:
    pictures = {name: PICTURES[name] for name in mode.given}
    named = {
        name: [str(n) for n in range(len(given))] if name == "images" else "given"
        for name, given in pictures.items()
    }
    sizes = {name: [one.size for one in given] for name, given in pictures.items()}
    asked = {"prompt": "a red circle", "seed": 3, "steps": 2, "width": 64, "height": 96, **asked}
    parameters = adapter._variant.parameters(**asked, **named).with_sizes(sizes)
    return Work(parameters, pictures, stored=stored(files))


def paint(
    mode: Mode, adapter: FluxAdapter, files: dict[str, bytes] | None = None, **asked: Any
) -> np.ndarray:
    one = work(mode, adapter, files or {}, **asked)
    (output,) = adapter.run([one], lambda _step, _steps: None, lambda: False)
    return np.asarray(output.images[0].image, dtype=int)


def check(one: tuple[Mode, Precision, Offload], folders: dict[str, str]) -> None:
    mode, precision, offload = one
    adapter = loaded(mode, folders, ServingMode(precision, offload))
    layers = [m for m in adapter._pipeline.transformer.modules() if isinstance(m, QuantizedLinear)]
    assert bool(layers) == (precision in QUANTISED)
    bare = paint(mode, adapter)
    assert bare.std() > 1
    with_lora = {"loras": [{"source": "some", "scale": 1.0}]}
    files = {"some": lora(adapter, 1)}
    styled = paint(mode, adapter, files, **with_lora)
    assert not np.array_equal(styled, bare)
    steps: list[int] = []
    stopping = work(mode, adapter, files, steps=4)
    with pytest.raises(Stopped):
        adapter.run([stopping], lambda step, _steps: steps.append(step), lambda: bool(steps))
    assert steps == [1]
    assert np.array_equal(paint(mode, adapter), bare)
    assert np.array_equal(paint(mode, adapter, files, **with_lora), styled)


@pytest.mark.parametrize("one", QUICK, ids=name_of)
def test_it_loads_paints_takes_a_lora_and_stops(
    one: tuple[Mode, Precision, Offload], checkpoint: Folder
) -> None:
    check(one, checkpoint(one[0]))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("one", [one for one in EVERY if one not in QUICK], ids=name_of)
def test_every_other_way_does_so_too(
    one: tuple[Mode, Precision, Offload], checkpoint: Folder
) -> None:
    check(one, checkpoint(one[0]))


@pytest.mark.parametrize("precision", QUANTISED)
@pytest.mark.parametrize("variant_id", ["flux.1-dev", "flux.2-klein-4b"])
def test_the_plan_counts_the_bytes_that_are_loaded(
    variant_id: str, precision: Precision, checkpoint: Folder
) -> None:
    mode = VARIANTS[variant_id]
    folders = checkpoint(mode)
    plain = loaded(mode, folders, ServingMode())._pipeline
    made = loaded(mode, folders, ServingMode(precision))._pipeline
    for name, component in plain.components.items():
        if not isinstance(component, torch.nn.Module):
            continue
        counted = sum(
            stored_bytes(type(component).__name__, each, value.shape, precision, kept_bytes=4)
            for each, value in component.named_parameters()
        )
        module = getattr(made, name)
        names = {each for each, _ in module.named_parameters()}
        taken = sum(value.nbytes for value in module.parameters())
        taken += sum(
            value.nbytes
            for each, value in module.named_buffers()
            if isinstance(module.get_submodule(each.rpartition(".")[0]), QuantizedLinear)
        )
        assert names == {each for each, _ in component.named_parameters()}
        assert taken == counted, name


def test_it_paints_the_same_wherever_its_parts_wait(checkpoint: Folder) -> None:
    mode = VARIANTS["flux.1-dev"]
    pictures = [
        paint(mode, loaded(mode, checkpoint(mode), ServingMode(Precision.INT8, offload)))
        for offload in OFFLOADS
    ]
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures[1:])


def test_pictures_in_8_bits_are_near_those_of_16(checkpoint: Folder) -> None:
    mode = VARIANTS["flux.1-dev"]
    plain, made = (
        paint(mode, loaded(mode, checkpoint(mode), ServingMode(precision)))
        for precision in (Precision.BF16, Precision.INT8)
    )
    assert np.abs(plain - made).mean() < 2


def test_what_waits_on_the_host_is_not_on_the_device(
    checkpoint: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device that computes nothing: what is placed there is seen, and nothing else runs."""
    monkeypatch.setattr(torch, "meta", torch.cpu, raising=False)  # diffusers asks for its streams
    for offload, expected in (
        (Offload.NONE, {"transformer", "vae", "text_encoder", "text_encoder_2"}),
        (Offload.TEXT, {"transformer", "vae"}),
        (Offload.BLOCKS, {"vae"}),
    ):
        mode = VARIANTS["flux.1-dev"]
        pipeline = loaded(mode, checkpoint(mode), ServingMode())._pipeline
        place(pipeline, Device("meta"), ServingMode(Precision.BF16, offload), torch.float32)
        there = {
            name
            for name, component in pipeline.components.items()
            if isinstance(component, torch.nn.Module)
            and {each.device.type for each in component.parameters()} == {"meta"}
        }
        assert there == expected, offload


@pytest.mark.gpu
@pytest.mark.parametrize("one", EVERY, ids=name_of)
def test_every_way_on_a_gpu(one: tuple[Mode, Precision, Offload], checkpoint: Folder) -> None:
    mode, precision, offload = one
    variant = replace(small(mode.variant), dtype={"cuda": "bfloat16"})
    adapter = FluxAdapter(variant, "cuda", checkpoint(mode), ServingMode(precision, offload))
    adapter.load()
    bare = paint(mode, adapter)
    files = {"some": lora(adapter, 1)}
    styled = paint(mode, adapter, files, loras=[{"source": "some", "scale": 1.0}])
    assert not np.array_equal(styled, bare)
    assert np.abs(paint(mode, adapter) - bare).max() <= 1
    adapter.unload()
    assert torch.cuda.memory_allocated() < 2**20
