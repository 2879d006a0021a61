"""Transformers written as people publish them: GGUF, by either names, and quantised folders."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

WIDTH, RATIO, HEAD = 3072, 4, 128
"""FLUX.1's width, the ratio of its feed-forward layers, and the width of a head: diffusers'
conversion of the vendor's names has the first two fixed."""


def tensors_in(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a component's folder."""
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= safetensors.torch.load_file(path)
    return found


def save_gguf(tensors: Mapping[str, torch.Tensor], path: Path, kind: str) -> None:
    """Write a GGUF file, its matrices in that format ("Q8_0") as far as their rows allow."""
    import gguf  # noqa: PLC0415 - found once the tests' libraries are

    into = gguf.GGMLQuantizationType[kind]
    block, _ = gguf.GGML_QUANT_SIZES[into]
    writer = gguf.GGUFWriter(path, "flux")
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        if numbers.ndim == 2 and numbers.shape[1] % block == 0:
            packed = gguf.quants.quantize(numbers, into)
            writer.add_tensor(name, packed, raw_dtype=into)
        else:
            writer.add_tensor(name, numbers.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def vendor_tensors(*, words: int, channels: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """A FLUX.1 of true width with one block of each kind, by the vendor's names."""
    drawn = torch.Generator().manual_seed(seed)
    return {
        name: torch.ones(shape)
        if len(shape) == 1 and name.endswith("scale")
        else torch.randn(shape, generator=drawn) * 0.02
        for name, shape in _vendor_shapes(words, channels)
    }


def _vendor_shapes(words: int, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    layers = {
        "img_in": (WIDTH, channels),
        "txt_in": (WIDTH, words),
        "time_in.in_layer": (WIDTH, 256),
        "time_in.out_layer": (WIDTH, WIDTH),
        "vector_in.in_layer": (WIDTH, words),
        "vector_in.out_layer": (WIDTH, WIDTH),
        "final_layer.linear": (channels, WIDTH),
        "final_layer.adaLN_modulation.1": (2 * WIDTH, WIDTH),
        "single_blocks.0.modulation.lin": (3 * WIDTH, WIDTH),
        "single_blocks.0.linear1": ((3 + RATIO) * WIDTH, WIDTH),
        "single_blocks.0.linear2": (WIDTH, (1 + RATIO) * WIDTH),
    }
    for part in ("img", "txt"):
        of_block = f"double_blocks.0.{part}"
        layers |= {
            f"{of_block}_mod.lin": (6 * WIDTH, WIDTH),
            f"{of_block}_attn.qkv": (3 * WIDTH, WIDTH),
            f"{of_block}_attn.proj": (WIDTH, WIDTH),
            f"{of_block}_mlp.0": (RATIO * WIDTH, WIDTH),
            f"{of_block}_mlp.2": (WIDTH, RATIO * WIDTH),
        }
    for name, shape in layers.items():
        yield f"{name}.weight", shape
        yield f"{name}.bias", shape[:1]
    for owner in ("double_blocks.0.img_attn", "double_blocks.0.txt_attn", "single_blocks.0"):
        for which in ("query_norm", "key_norm"):
            yield f"{owner}.norm.{which}.scale", (HEAD,)


def vendor_config(*, words: int, channels: int) -> dict[str, Any]:
    """The configuration of that transformer, as diffusers stores it."""
    return {
        "_class_name": "FluxTransformer2DModel",
        "attention_head_dim": HEAD,
        "num_attention_heads": WIDTH // HEAD,
        "num_layers": 1,
        "num_single_layers": 1,
        "in_channels": channels,
        "joint_attention_dim": words,
        "pooled_projection_dim": words,
        "guidance_embeds": False,
        "axes_dims_rope": [16, 56, 56],
    }


def quantize_folder(folder: Path, *, bits: int) -> None:
    """Rewrite a transformer's folder as bitsandbytes stores it in 4 or 8 bits."""
    import bitsandbytes as bnb  # noqa: PLC0415 - found once the tests' libraries are

    stored: dict[str, torch.Tensor] = {}
    for name, tensor in tensors_in(folder).items():
        if "_blocks." not in name or tensor.ndim != 2:
            stored[name] = tensor
        elif bits == 4:
            packed, state = bnb.functional.quantize_4bit(
                tensor, compress_statistics=True, quant_type="nf4"
            )
            stored[name] = packed
            parts = state.as_dict(packed=True)
            stored |= {f"{name}.{part}": value for part, value in parts.items()}
        else:
            packed, scale, _ = bnb.functional.int8_vectorwise_quant(tensor.half())
            stored[name] = packed
            stored[f"{name.removesuffix('weight')}SCB"] = scale
    for path in folder.glob("*.safetensors*"):
        path.unlink()
    safetensors.torch.save_file(stored, folder / "diffusion_pytorch_model.safetensors")
    how = {"quant_method": "bitsandbytes", f"load_in_{bits}bit": True}
    rewrite_config(folder, quantization_config=how)


def rewrite_config(folder: Path, **changes: Any) -> None:
    """Change a component's configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
