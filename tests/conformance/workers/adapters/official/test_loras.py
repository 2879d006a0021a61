"""LoRA files of every kind: pictures equal to those after diffusers' own loading, to the bit."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxControlPipeline, FluxTransformer2DModel
from PIL import Image

from tests.conformance.workers.adapters.official import lora_makers
from tests.conformance.workers.adapters.official.checkpoints import (
    PROMPT_TOKENS,
    SIZE,
    generators,
    load_adapter,
    load_stock,
    one_thread,
    paint,
    small,
    stored,
)
from tests.conformance.workers.adapters.tiny_flux1 import CHANNELS, PACKED, save_tiny_flux1
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.lora_files import read_lora
from workers.adapters.protocol import InvalidLoraError, Work

SCALE = 0.75
STEPS = 2
CHECKPOINTS = {
    "flux.1-dev": ("FluxPipeline", partial(save_tiny_flux1, "FluxPipeline")),
    "flux.1-fill-dev": ("FluxFillPipeline", partial(save_tiny_flux1, "FluxFillPipeline")),
    "flux.1-canny-dev": ("FluxControlPipeline", partial(save_tiny_flux1, "FluxControlPipeline")),
    "flux.2-klein-4b": ("Flux2KleinPipeline", save_tiny_klein),
}
dev_embedder = partial(lora_makers.embedder, width=PACKED)
KINDS: tuple[tuple[str, str, Callable[[Any], bytes]], ...] = (
    ("flux.1-dev", "plain", lora_makers.plain),
    ("flux.1-dev", "alpha in metadata", lora_makers.alpha_in_metadata),
    ("flux.1-dev", "rank stabilized", lora_makers.rank_stabilized),
    ("flux.1-dev", "unlike ranks", lora_makers.unlike_ranks),
    ("flux.1-dev", "biases", lora_makers.biases),
    ("flux.1-dev", "norms", lora_makers.norms),
    ("flux.1-dev", "kohya", lora_makers.kohya),
    ("flux.1-dev", "xlabs", lora_makers.xlabs),
    ("flux.1-dev", "network alpha", lora_makers.network_alpha),
    ("flux.1-fill-dev", "of dev", dev_embedder),
    ("flux.1-canny-dev", "of dev", dev_embedder),
    (
        "flux.1-canny-dev",
        "of control",
        partial(lora_makers.embedder, width=CHANNELS["FluxControlPipeline"]),
    ),
    ("flux.2-klein-4b", "plain", lora_makers.plain),
    ("flux.2-klein-4b", "alpha in metadata", lora_makers.alpha_in_metadata),
    ("flux.2-klein-4b", "kohya", lora_makers.kohya),
    ("flux.2-klein-4b", "ai-toolkit", lora_makers.ai_toolkit),
    ("flux.2-klein-4b", "peft's prefix", lora_makers.peft_names),
    ("flux.2-klein-4b", "lokr", lora_makers.lokr),
    ("flux.2-klein-4b", "lokr with metadata", lora_makers.lokr_metadata),
    ("flux.2-klein-4b", "lokr of fused projections", lora_makers.lokr_fused),
)
PICTURE = Image.linear_gradient("L").convert("RGB").resize(SIZE)
MASK = Image.new("L", SIZE, "white")


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a variant's small checkpoint, written once."""
    made: dict[str, Path] = {}

    def folder(variant_id: str) -> Path:
        if variant_id not in made:
            made[variant_id] = tmp_path_factory.mktemp("weights")
            CHECKPOINTS[variant_id][1](made[variant_id])
        return made[variant_id]

    return folder


@pytest.fixture(scope="module")
def adapters(folders: Callable[[str], Path]) -> Callable[[str], FluxAdapter]:
    made: dict[str, FluxAdapter] = {}

    def adapter(variant_id: str) -> FluxAdapter:
        if variant_id not in made:
            made[variant_id] = load_adapter(small(variant_id), folders(variant_id))
        return made[variant_id]

    return adapter


def pictures_of(variant_id: str) -> dict[str, Image.Image]:
    if variant_id == "flux.1-fill-dev":
        return {"image": PICTURE, "mask": MASK}
    return {"control_image": PICTURE} if variant_id == "flux.1-canny-dev" else {}


def paint_with(
    adapter: FluxAdapter, folder: Path, files: dict[str, bytes], *loras: tuple[str, float]
) -> np.ndarray:
    variant = adapter._variant
    pictures = pictures_of(variant.id)
    parameters = variant.parameters(
        prompt="a red circle",
        seed=3,
        width=SIZE[0],
        height=SIZE[1],
        steps=STEPS,
        loras=[{"source": name, "scale": scale} for name, scale in loras],
        **dict.fromkeys(pictures, "key"),
    )
    given = {name: [picture.convert("RGB")] for name, picture in pictures.items()}
    work = Work(parameters, given, stored=stored(folder, files))
    return np.asarray(paint(adapter, work)[0][0])


def paint_stock(pipeline: Any, variant_id: str) -> np.ndarray:
    pictures = pictures_of(variant_id)
    if "mask" in pictures:
        pictures["mask_image"] = pictures.pop("mask")
    default = small(variant_id).parameters(
        prompt="p", **dict.fromkeys(pictures_of(variant_id), "k")
    )
    painted = pipeline(
        prompt="a red circle",
        width=SIZE[0],
        height=SIZE[1],
        num_inference_steps=STEPS,
        guidance_scale=default.guidance,
        max_sequence_length=PROMPT_TOKENS,
        generator=generators(3)[0],
        **pictures,
    )
    return np.asarray(painted.images[0])


@pytest.mark.parametrize(
    ("variant_id", "kind", "make"), KINDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_lora_paints_what_it_paints_after_diffusers_own_loading(
    variant_id: str,
    kind: str,
    make: Callable[[Any], bytes],
    folders: Callable[[str], Path],
    adapters: Callable[[str], FluxAdapter],
    tmp_path: Path,
) -> None:
    stock = load_stock(CHECKPOINTS[variant_id][0], folders(variant_id))
    adapter = adapters(variant_id)
    files = {kind: make(stock.transformer)}
    bare = paint_with(adapter, tmp_path, files)
    assert np.array_equal(bare, paint_stock(stock, variant_id))

    path = tmp_path / "lora.safetensors"
    path.write_bytes(files[kind])
    stock.load_lora_weights(path, adapter_name="one")
    stock.set_adapters(["one"], [SCALE])
    expected = paint_stock(stock, variant_id)

    painted = paint_with(adapter, tmp_path, files, (kind, SCALE))
    assert not np.array_equal(painted, bare)
    assert np.array_equal(painted, expected)
    assert np.array_equal(paint_with(adapter, tmp_path, files), bare)


def test_the_vendors_control_lora_fits_its_model_and_no_other(tmp_path: Path) -> None:
    """At true width, of which the transformers here have the shapes alone."""
    path = tmp_path / "control.safetensors"
    path.write_bytes(lora_makers.vendors_control_lora())
    for channels, fits in ((128, True), (64, False)):
        with torch.device("meta"):
            transformer = FluxTransformer2DModel(
                in_channels=channels, out_channels=64, guidance_embeds=True
            )
        pipeline = FluxControlPipeline(
            **dict.fromkeys(("scheduler", "vae", "text_encoder", "tokenizer")),
            **dict.fromkeys(("text_encoder_2", "tokenizer_2")),
            transformer=transformer,
        )
        if fits:
            read = read_lora(pipeline, path)
            assert len(read.norms) == 19 * 4 + 38 * 2
            assert len(read.weights) == 3 * (19 * 14 + 38 * 6 + 10)
        else:
            with pytest.raises(InvalidLoraError, match=r"x_embedder.* does not fit"):
                read_lora(pipeline, path)
