"""Checkpoints of a published model's true size with random weights, written without the model.

They load, and take time and memory, as the real ones do; their pictures are noise. Nothing is
downloaded, and the weights are never in memory together: a model on the meta device names its
tensors, and the files are filled with one block of random numbers, over and over.
"""

import json
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import torch

from workers.bench.flux_sizes import KLEIN_4B, SCHNELL, FluxShape, new_pipeline

_DEV = {**SCHNELL.transformer, "guidance_embeds": True}
_QWEN3_8B = {**KLEIN_4B.text[0], "hidden_size": 4096, "intermediate_size": 12_288}
SHAPES: Mapping[str, FluxShape] = {
    "flux.1-schnell": SCHNELL,
    "flux.1-dev": replace(SCHNELL, variant="flux.1-dev", transformer=_DEV),
    "flux.1-krea-dev": replace(SCHNELL, variant="flux.1-krea-dev", transformer=_DEV),
    "flux.2-klein-4b": KLEIN_4B,
    "flux.2-klein-9b": replace(
        KLEIN_4B,
        variant="flux.2-klein-9b",
        transformer={
            **KLEIN_4B.transformer,
            "num_layers": 8,
            "num_single_layers": 24,
            "num_attention_heads": 32,
            "joint_attention_dim": 3 * 4096,
        },
        text=(_QWEN3_8B,),
    ),
}
"""The sizes of the models that can be written, by variant."""

SHARD_BYTES = 5_000_000_000
"""The largest file, as the published checkpoints have it."""

_NOISE_BYTES = 2**25
_STANDARD_DEVIATION = 0.02
_NUMBER_BYTES = 2


class ScratchError(Exception):
    """A checkpoint cannot be written; the message says why."""


def write_checkpoint(shape: FluxShape, folder: Path) -> int:
    """Write a checkpoint in bfloat16 into an empty folder, as `save_pretrained` does.

    Returns:
        The bytes of its weights.

    Raises:
        ScratchError: the folder's disk has too little room.
    """
    pipeline = new_pipeline(shape, device="meta", dtype=torch.bfloat16)
    models = {
        name: part
        for name, part in pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }
    needed = sum(map(_size, (tensor for part in models.values() for tensor in _tensors(part))))
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ScratchError(
            f"random weights of {shape.variant} take {needed / 1e9:.1f} GB, and {folder} has "
            f"{free / 1e9:.1f} GB free: name another folder with --scratch"
        )
    pipeline.save_config(folder)
    for name, part in pipeline.components.items():
        if name in models:
            _write_model(part, folder / name)
        elif part is not None:
            part.save_pretrained(folder / name)
    return needed


Tensor = tuple[str, tuple[int, ...], torch.dtype]


def _tensors(model: torch.nn.Module) -> list[Tensor]:
    """Name, shape and format of each tensor that a checkpoint stores: a shared one once."""
    first = {name for name, _ in model.named_parameters()}
    shared = {name for name, _ in model.named_parameters(remove_duplicate=False)} - first
    return [
        (name, tuple(value.shape), value.dtype)
        for name, value in model.state_dict().items()
        if name not in shared
    ]


def _size(tensor: Tensor) -> int:
    _, shape, dtype = tensor
    return prod(shape) * dtype.itemsize


def _write_model(model: Any, folder: Path) -> None:
    folder.mkdir()
    is_transformers = hasattr(model.config, "save_pretrained")
    (model.config.save_pretrained if is_transformers else model.save_config)(folder)
    stem = "model" if is_transformers else "diffusion_pytorch_model"
    shards = list(_shards(_tensors(model)))
    if len(shards) == 1:
        _write_file(folder / f"{stem}.safetensors", shards[0])
        return
    index: dict[str, str] = {}
    for n, shard in enumerate(shards):
        file = f"{stem}-{n + 1:05}-of-{len(shards):05}.safetensors"
        _write_file(folder / file, shard)
        index |= dict.fromkeys((name for name, _, _ in shard), file)
    total = sum(map(_size, chain.from_iterable(shards)))
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index})
    (folder / f"{stem}.safetensors.index.json").write_text(text)


def _shards(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    shard: list[Tensor] = []
    size = 0
    for tensor in tensors:
        own = _size(tensor)
        if shard and size + own > SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(tensor)
        size += own
    yield shard


_NAMES = {torch.bfloat16: "BF16", torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}


def _write_file(path: Path, tensors: Sequence[Tensor]) -> None:
    """Write a safetensors file: the length of its header, the header, the tensors in order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        name, shape, dtype = tensor
        begin, end = end, end + _size(tensor)
        header[name] = {"dtype": _NAMES[dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    noise = _noise(min(_NOISE_BYTES, max(map(_size, tensors))))
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            _write_tensor(file, tensor, noise)


@cache
def _noise(size: int) -> bytes:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(-(-size // _NUMBER_BYTES), generator=generator) * _STANDARD_DEVIATION
    return numbers.to(torch.bfloat16).view(torch.uint8).numpy().tobytes()


def _write_tensor(file: BinaryIO, tensor: Tensor, noise: bytes) -> None:
    """Random matrices; scales are 1 and everything else is 0, so that no layer overflows."""
    name, shape, dtype = tensor
    if len(shape) > 1 and dtype is torch.bfloat16:
        left = _size(tensor)
        while left > 0:
            file.write(noise[:left] if left < len(noise) else noise)
            left -= len(noise)
        return
    is_scale = name.endswith((".weight", "_weight", "scale", "running_var"))
    make = torch.ones if is_scale and dtype.is_floating_point else torch.zeros
    file.write(make(shape, dtype=dtype).reshape(-1).view(torch.uint8).numpy().tobytes())
