"""The demo FLUX in this process for benchmarks: adapters, the stock pipeline and prompts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, permutations, product
from typing import cast

import torch
from diffusers import FluxPipeline
from PIL.Image import Image

from workers import catalog
from workers.adapters.devices import choose_dtype
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import Adapter, Work
from workers.bench.stock_flux import StockFlux
from workers.catalog.flux.parameters import FluxParameters
from workers.demo import weights_folder
from workers.training.scenes.palette import SCENE_COLOURS, SHAPES

VARIANT = catalog.find("flux.1-demo")
LIMITS = cast("type[FluxParameters]", VARIANT.parameters).limits
SIDE, STEPS = LIMITS.side, LIMITS.steps
"""The default side and steps of a job."""


@dataclass(frozen=True)
class ImageRequest:
    """A request for one picture."""

    prompt: str
    seed: int


class FluxHarness:
    """The model on one thread of the processor, as in a worker of the benchmark's stack.

    Attributes:
        adapter: an adapter without a prompt cache.
        caching_adapter: an adapter with the variant's prompt cache.
        stock: diffusers' own pipeline with the same weights.
    """

    def __init__(self) -> None:
        torch.set_num_threads(1)
        uncached = replace(VARIANT, options={**VARIANT.options, "prompt_cache": 0})
        self.adapter = FluxAdapter(uncached, "cpu", {})
        self.caching_adapter = FluxAdapter(VARIANT, "cpu", {})
        for adapter in (self.adapter, self.caching_adapter):
            adapter.load()
        pipeline = FluxPipeline.from_pretrained(
            weights_folder(VARIANT.id), dtype=choose_dtype(VARIANT.dtype, parse_device("cpu"))
        )
        self.stock = StockFlux(pipeline, VARIANT.options["max_sequence_length"])
        self._prompts = _prompts()
        self._seeds = iter(range(2**32))

    def new_requests(self, count: int) -> list[ImageRequest]:
        """Make requests; prompts repeat only after some hundred, and seeds never."""
        prompts = islice(self._prompts, count)
        return [
            ImageRequest(prompt, seed) for prompt, seed in zip(prompts, self._seeds, strict=False)
        ]

    def generate_with_stock(self, request: ImageRequest) -> Image:
        """Generate one picture with the stock pipeline."""
        return self.stock.generate([request.prompt], [request.seed], side=SIDE, steps=STEPS)[0]


def _prompts() -> Iterator[str]:
    scenes = product(SHAPES, permutations(SCENE_COLOURS, 2))
    return cycle([f"a {colour} {shape} on a {back} background" for shape, (colour, back) in scenes])


def generate(adapter: Adapter, requests: Sequence[ImageRequest]) -> list[Image]:
    """Generate the pictures of one batch."""
    batch = [Work(VARIANT.parameters(prompt=each.prompt, seed=each.seed)) for each in requests]
    outputs = adapter.run(batch, lambda _step, _steps: None, lambda: False)
    return [generated.image for output in outputs for generated in output.images]


def generate_in_batches(
    adapter: Adapter, requests: Sequence[ImageRequest], size: int
) -> list[Image]:
    """Generate any number of pictures, in batches of this size."""
    starts = range(0, len(requests), size)
    return [image for n in starts for image in generate(adapter, requests[n : n + size])]
