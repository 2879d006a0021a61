"""Loads a checkpoint in a process of its own, and prints the memory that it took, as JSON.

python -m tests.conformance.workers.adapters.loading_memory FOLDER PRECISION
"""

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

sys.path.append(f"{sys.prefix}/quantization")

import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from transformers import T5Config, T5EncoderModel

from tests.conformance.workers.adapters.tiny_flux1 import WORDS, save_tiny_flux1
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.serving import Precision, ServingMode

VARIANT = "flux.1-demo"
HEADS, HEAD = 16, 128
TEXT_BLOCKS = 6


def save_large(folder: Path) -> None:
    """Write a FLUX.1 of somewhat more than 1 GB, in bfloat16."""
    save_tiny_flux1("FluxPipeline", folder)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        transformer = FluxTransformer2DModel(
            in_channels=16,
            num_layers=2,
            num_single_layers=4,
            attention_head_dim=HEAD,
            num_attention_heads=HEADS,
            joint_attention_dim=WORDS,
            pooled_projection_dim=WORDS,
        )
        vocabulary = FluxPipeline.from_pretrained(folder).text_encoder_2.config.vocab_size
        words = T5EncoderModel(
            T5Config(
                vocab_size=vocabulary,
                d_model=WORDS,
                d_ff=64 * WORDS,
                d_kv=64,
                num_heads=64,
                num_layers=TEXT_BLOCKS,
                feed_forward_proj="gated-gelu",
            )
        )
    finally:
        torch.set_default_dtype(torch.float32)
    for component, name in ((transformer, "transformer"), (words, "text_encoder_2")):
        for path in (folder / name).iterdir():
            path.unlink()
        component.save_pretrained(folder / name, max_shard_size="300MB")


def anonymous_bytes() -> int:
    """The process's memory that is no file's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]) * 1024


@contextmanager
def watching() -> Iterator[list[int]]:
    """The anonymous memory, every few milliseconds."""
    seen: list[int] = [anonymous_bytes()]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            seen.append(anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def main(folder: str, precision: str) -> None:
    """Load the checkpoint, and print what it took."""
    variant = replace(find(VARIANT), dtype={"cpu": "bfloat16"})
    overrides = {override_variable(VARIANT): folder}
    # What the libraries keep for themselves is there before the measurement.
    small = FluxAdapter(find(VARIANT), "cpu", {}, ServingMode(Precision(precision)))
    small.load()
    small.unload()
    adapter = FluxAdapter(variant, "cpu", overrides, ServingMode(Precision(precision)))
    with watching() as seen:
        adapter.load()
    components = [
        c for c in adapter._pipeline.components.values() if isinstance(c, torch.nn.Module)
    ]
    tensors = {t.data_ptr(): t.nbytes for c in components for t in (*c.parameters(), *c.buffers())}
    block = adapter._pipeline.transformer.transformer_blocks[0]
    numbers = sum(
        layer.in_features * layer.out_features
        for layer in block.modules()
        if isinstance(layer, torch.nn.Linear)
    )
    result = {
        "stored": sum(path.stat().st_size for path in Path(folder).rglob("*.safetensors")),
        "result": sum(tensors.values()),
        "block": 2 * numbers,
        "peak": max(seen) - seen[0],
    }
    del components, block
    adapter.unload()
    result["left"] = anonymous_bytes() - seen[0]
    print(json.dumps(result))  # noqa: T201 - its answer


if __name__ == "__main__":
    main(*sys.argv[1:])
