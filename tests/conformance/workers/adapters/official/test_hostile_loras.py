"""LoRA files that are made to harm: refused as such, at once, and the model paints as before."""

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.conformance.workers.adapters.official.checkpoints import (
    load_adapter,
    one_thread,
    paint,
    small,
    stored,
)
from tests.conformance.workers.adapters.official.lora_makers import (
    RANK,
    attention_layers,
    lokr,
    lokr_fused,
    pairs,
    plain,
    save,
)
from tests.conformance.workers.adapters.tiny_flux1 import save_tiny_flux1
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.lora_files import MAX_HEADER_BYTES
from workers.adapters.protocol import InvalidLoraError, Work

FLUX1, FLUX2 = "flux.1-dev", "flux.2-klein-4b"
Make = Callable[[Any], bytes]
AT_ONCE_SECONDS = 20
"""Far more than a refusal takes; far less than the loops that a file may ask for."""


def with_config(**config: Any) -> Make:
    """A sound LoRA with this configuration in its header."""

    def make(transformer: Any) -> bytes:
        sound = {"r": RANK, "lora_alpha": RANK}
        return save(pairs(attention_layers(transformer)), {**sound, **config})

    return make


def with_header(text: str) -> Make:
    """A sound LoRA whose configuration is this text."""

    def make(transformer: Any) -> bytes:
        weights = pairs(attention_layers(transformer))
        header = {"lora_adapter_metadata": text}
        data: bytes = safetensors.torch.save(weights, metadata=header)
        return data

    return make


def with_tensors(**tensors: torch.Tensor) -> Make:
    """A sound LoRA with further tensors; "__" stands for a dot in their names."""
    named = {name.replace("__", "."): value for name, value in tensors.items()}
    return lambda transformer: save({**pairs(attention_layers(transformer)), **named})


def kohya(alpha: float, block: str = "0") -> Make:
    """A layer in kohya's names."""
    name = f"lora_unet_double_blocks_{block}_img_attn_proj"

    def make(transformer: Any) -> bytes:
        width = transformer.transformer_blocks[0].attn.to_q.in_features
        return save(
            {
                f"{name}.lora_down.weight": torch.ones(RANK, width),
                f"{name}.lora_up.weight": torch.ones(width, RANK),
                f"{name}.alpha": torch.tensor(alpha),
            }
        )

    return make


def no_rank(transformer: Any) -> bytes:
    """Matrices without a row, of which kohya's converter takes the reciprocal."""
    width = transformer.transformer_blocks[0].attn.to_q.in_features
    name = "lora_unet_double_blocks_0_img_attn_proj"
    down, up = torch.ones(0, width), torch.ones(width, 0)
    return save({f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up})


def long_header(transformer: Any) -> bytes:
    """A header of many megabytes."""
    weights = pairs(attention_layers(transformer))
    data: bytes = safetensors.torch.save(weights, metadata={"a": "b" * MAX_HEADER_BYTES})
    return data


def unlike_factors(transformer: Any) -> bytes:
    """Kronecker factors of another layer's shape."""
    weights = safetensors.torch.load(lokr(transformer))
    name = next(name for name in weights if name.endswith("lokr_w2"))
    weights[name] = torch.ones(3, 3)
    return save(weights)


def lokr_of_another_rank(transformer: Any) -> bytes:
    """Whole factors whose metadata tells of products."""
    layer = transformer.transformer_blocks[0].attn.to_k
    name = "transformer.transformer_blocks.0.attn.to_k"
    shape = (layer.out_features // 4, layer.in_features // 4)
    factors = {f"{name}.lokr_w1": torch.ones(4, 4), f"{name}.lokr_w2": torch.ones(*shape)}
    return save(factors, {"r": 1, "alpha": 1, "decompose_factor": 4})


def fused_of_another_rank(transformer: Any) -> bytes:
    """The same for three projections at once: they are fused before the factors are put on."""
    weights = {
        name.replace("diffusion_model.double_blocks.0.img_attn.qkv", _FUSED): value
        for name, value in safetensors.torch.load(lokr_fused(transformer)).items()
    }
    return save(weights, {"r": 1, "alpha": 1, "decompose_factor": 4})


_FUSED = "transformer.transformer_blocks.0.attn.to_qkv"


def of_each_kind(transformer: Any) -> bytes:
    """Pairs of matrices and Kronecker factors in one file."""
    name = "transformer.transformer_blocks.0.attn.to_k"
    factors = {f"{name}.lokr_w1": torch.ones(4, 4), f"{name}.lokr_w2": torch.ones(8, 8)}
    return save({**pairs(attention_layers(transformer)), **factors})


HUGE_PATTERN = {"(a+)+$": 4, "b": 4}
HOSTILE: tuple[tuple[str, str, Make], ...] = (
    ("alpha of 0", FLUX1, with_config(lora_alpha=0)),
    ("alpha below 0", FLUX1, with_config(lora_alpha=-1)),
    ("alpha a text", FLUX1, with_config(lora_alpha="4")),
    ("alpha true", FLUX1, with_config(lora_alpha=True)),
    ("alpha infinite", FLUX1, with_header('{"transformer.r": 4, "transformer.lora_alpha": 1e999}')),
    ("alpha no number", FLUX1, with_header('{"transformer.r": 4, "transformer.lora_alpha": NaN}')),
    ("another rank", FLUX1, with_config(r=RANK + 1)),
    ("rank of 0", FLUX1, with_config(r=0)),
    ("rank too large", FLUX1, with_config(r=10**9)),
    ("a rank for one", FLUX1, with_config(rank_pattern={"to_q": 1})),
    ("a slow pattern", FLUX1, with_config(alpha_pattern=HUGE_PATTERN)),
    ("many patterns", FLUX1, with_config(alpha_pattern={f"a{n}": 1 for n in range(5000)})),
    ("patterns a list", FLUX1, with_config(rank_pattern=[4])),
    ("a module to import", FLUX1, with_config(megatron_config={"a": 1}, megatron_core="this")),
    ("dora in its metadata", FLUX1, with_config(use_dora=True)),
    ("layers repeated", FLUX1, with_config(layer_replication=[[0, 9999]])),
    ("nested", FLUX1, with_header("[" * 100_000)),
    ("nested objects", FLUX1, with_header('{"a":' * 5000 + "1" + "}" * 5000)),
    ("no object", FLUX1, with_header('"transformer."')),
    ("a list", FLUX1, with_header('["transformer.r"]')),
    ("no json", FLUX1, with_header("r=4")),
    ("long header", FLUX1, long_header),
    ("dora", FLUX1, with_tensors(transformer__a__dora_scale=torch.ones(4))),
    ("magnitudes", FLUX1, with_tensors(transformer__a__lora_magnitude_vector=torch.ones(4))),
    ("a type of 8 bits", FLUX1, with_tensors(transformer__a=torch.ones(4, dtype=torch.uint8))),
    ("a norm of another size", FLUX1, with_tensors(transformer__a__norm_q__weight=torch.ones(4))),
    ("a number alone", FLUX1, with_tensors(transformer__a__alpha=torch.tensor(float("inf")))),
    ("many numbers", FLUX1, with_tensors(transformer__a__alpha=torch.ones(9))),
    ("kohya: alpha below 0", FLUX1, kohya(-1)),
    ("kohya: alpha no number", FLUX1, kohya(float("nan"))),
    ("kohya: alpha infinite", FLUX1, kohya(float("inf"))),
    ("kohya: alpha of 0", FLUX1, kohya(0)),
    ("kohya: many blocks", FLUX1, kohya(4, "999999999999")),
    ("kohya: a block that is none", FLUX1, kohya(4, "\u0663")),
    ("kohya: no rank", FLUX1, no_rank),
    ("kohya: alpha below 0", FLUX2, kohya(-1)),
    ("kohya: many blocks", FLUX2, kohya(4, "999999999999")),
    ("kohya: a block that is none", FLUX2, kohya(4, "x")),
    ("kohya: no rank", FLUX2, no_rank),
    ("a norm", FLUX2, with_tensors(transformer__a__norm_q__weight=torch.ones(4))),
    ("factors of another rank", FLUX2, lokr_of_another_rank),
    ("fused factors of another rank", FLUX2, fused_of_another_rank),
    ("a lokr", FLUX1, of_each_kind),
    ("unlike factors", FLUX2, unlike_factors),
    ("of each kind", FLUX2, of_each_kind),
)


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FluxAdapter]:
    saves: dict[str, Callable[[Path], None]] = {
        FLUX1: partial(save_tiny_flux1, "FluxPipeline"),
        FLUX2: save_tiny_klein,
    }
    made = {}
    for variant_id, write in saves.items():
        folder = tmp_path_factory.mktemp("weights")
        write(folder)
        made[variant_id] = load_adapter(small(variant_id), folder)
    return made


@pytest.fixture(scope="module")
def transformers(adapters: dict[str, FluxAdapter]) -> dict[str, Any]:
    """Copies, which no LoRA wraps."""
    return {name: deepcopy(each._pipeline.transformer) for name, each in adapters.items()}


def paint_with(adapter: FluxAdapter, folder: Path, files: dict[str, bytes], *names: str) -> Any:
    parameters = adapter._variant.parameters(
        prompt="a red circle",
        seed=3,
        width=64,
        height=64,
        steps=1,
        loras=[{"source": name} for name in names],
    )
    return np.asarray(paint(adapter, Work(parameters, stored=stored(folder, files)))[0][0])


@pytest.fixture(scope="module")
def bare(
    adapters: dict[str, FluxAdapter],
    transformers: dict[str, Any],  # noqa: ARG001 - copied before a LoRA is put on
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """The picture that each paints without a LoRA."""
    folder = tmp_path_factory.mktemp("none")
    return {name: paint_with(each, folder, {}) for name, each in adapters.items()}


@pytest.mark.parametrize(
    ("why", "variant_id", "make"),
    HOSTILE,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_file_is_refused_and_the_model_paints_as_before(
    why: str,
    variant_id: str,
    make: Make,
    adapters: dict[str, FluxAdapter],
    transformers: dict[str, Any],
    bare: dict[str, Any],
    tmp_path: Path,
) -> None:
    adapter, transformer = adapters[variant_id], transformers[variant_id]
    files = {why: make(transformer)}
    began = time.monotonic()
    with pytest.raises(InvalidLoraError):
        paint_with(adapter, tmp_path, files, why)
    assert time.monotonic() - began < AT_ONCE_SECONDS
    assert np.array_equal(paint_with(adapter, tmp_path, files), bare[variant_id])


@pytest.mark.parametrize("variant_id", [FLUX1, FLUX2])
def test_a_sound_file_acts_after_them_all(
    variant_id: str,
    adapters: dict[str, FluxAdapter],
    transformers: dict[str, Any],
    bare: dict[str, Any],
    tmp_path: Path,
) -> None:
    adapter, files = adapters[variant_id], {"sound": plain(transformers[variant_id])}
    assert not np.array_equal(paint_with(adapter, tmp_path, files, "sound"), bare[variant_id])
    assert np.array_equal(paint_with(adapter, tmp_path, files), bare[variant_id])


def test_metadata_of_another_model_or_text_encoder_is_passed_over(
    adapters: dict[str, FluxAdapter], transformers: dict[str, Any], tmp_path: Path
) -> None:
    adapter = adapters[FLUX1]
    weights = pairs(attention_layers(transformers[FLUX1]))
    header = {"lora_adapter_metadata": json.dumps({"text_encoder.r": 9}), "note": "[" * 10_000}
    files = {"a": save(weights), "b": safetensors.torch.save(weights, metadata=header)}
    assert np.array_equal(*(paint_with(adapter, tmp_path, files, name) for name in files))
