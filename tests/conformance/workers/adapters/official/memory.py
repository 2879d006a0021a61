"""A LoRA of a gigabyte, loaded by this project and then by diffusers, in a measured process.

Prints the file's bytes, the most anonymous memory that the first loading took, and 1 if the
transformer's output is the same after both.
"""

import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import psutil
import safetensors.torch
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel

from workers.adapters.flux.loras import PipelineLoras

MEGABYTE = 2**20
ROOT = Path(__file__).parents[5]
RANK = 512
WIDTH = 512
BLOCKS = 15
"""Of each kind; the LoRA has about twice as many numbers as they."""


def wide_transformer() -> Any:
    """A transformer without trained weights whose layers take a rank of 512."""
    torch.manual_seed(0)
    return FluxTransformer2DModel(
        in_channels=16,
        num_layers=BLOCKS,
        num_single_layers=BLOCKS,
        attention_head_dim=64,
        num_attention_heads=WIDTH // 64,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        guidance_embeds=True,
        axes_dims_rope=(16, 24, 24),
    ).eval()


def write_lora(transformer: Any, path: Path) -> None:
    """A pair of matrices for each linear layer of the blocks."""
    drawn, weights = torch.Generator().manual_seed(1), {}
    for name, layer in transformer.named_modules():
        if isinstance(layer, torch.nn.Linear) and "transformer_blocks" in name:
            for part, size in (("A", (RANK, layer.in_features)), ("B", (layer.out_features, RANK))):
                matrix = torch.randn(*size, generator=drawn) / 100
                weights[f"transformer.{name}.lora_{part}.weight"] = matrix
    safetensors.torch.save_file(weights, path)


def output(transformer: Any) -> torch.Tensor:
    """The transformer's output for fixed numbers."""
    drawn = torch.Generator().manual_seed(2)
    ids = torch.zeros(4, 3)
    with torch.no_grad():
        made: torch.Tensor = transformer(
            hidden_states=torch.randn(1, 4, 16, generator=drawn),
            encoder_hidden_states=torch.randn(1, 4, 64, generator=drawn),
            pooled_projections=torch.randn(1, 64, generator=drawn),
            timestep=torch.tensor([0.5]),
            guidance=torch.tensor([3.5]),
            img_ids=ids,
            txt_ids=ids,
            return_dict=False,
        )[0]
    return made


class Peak:
    """The most anonymous memory of this process while the block runs, beyond that before it."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._done = threading.Event()
        self.bytes = 0

    def _anonymous(self) -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) * 1024

    def __enter__(self) -> Self:
        self._before = self._anonymous()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.bytes = max(self.bytes, self._anonymous() - self._before)

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._watcher.join()


def main(folder: Path) -> None:
    """Write, load twice, compare."""
    path = folder / "large.safetensors"
    transformer = wide_transformer()
    write_lora(transformer, path)
    pipeline = FluxPipeline(
        **dict.fromkeys(("scheduler", "text_encoder", "tokenizer")),
        **dict.fromkeys(("text_encoder_2", "tokenizer_2", "vae")),
        transformer=transformer,
    )
    with Peak() as peak:
        PipelineLoras(pipeline).activate([("one", 0.5)], lambda _key: nullcontext(path))
    ours = output(transformer)
    transformer.unload_lora()
    pipeline.load_lora_weights(path, adapter_name="one")
    pipeline.set_adapters(["one"], [0.5])
    equal = torch.equal(ours, output(transformer))
    sys.stdout.write(f"{path.stat().st_size} {peak.bytes} {int(equal)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
