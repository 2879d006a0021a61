"""The demo FLUX in this process, ready to be measured: adapters, the stock pipeline, prompts."""

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
from workers.training.scenes.palette import PAINT, SHAPES

VARIANT = catalog.find("flux.1-demo")
LIMITS = cast("type[FluxParameters]", VARIANT.parameters).limits
SIDE, STEPS = LIMITS.side, LIMITS.steps
"""What a job gets that does not say otherwise."""


@dataclass(frozen=True)
class Order:
    """A picture that is to be painted."""

    prompt: str
    seed: int


class FluxLab:
    """One thread of the processor, as a worker of the benchmark's stack has.

    Attributes:
        adapter: encodes every prompt anew.
        keeping: keeps encoded prompts, as its row says.
        stock: diffusers' own pipeline with the same weights.
    """

    def __init__(self) -> None:
        torch.set_num_threads(1)
        forgetful = replace(VARIANT, options={**VARIANT.options, "prompt_cache": 0})
        self.adapter = FluxAdapter(forgetful, "cpu", {})
        self.keeping = FluxAdapter(VARIANT, "cpu", {})
        for adapter in (self.adapter, self.keeping):
            adapter.load()
        pipeline = FluxPipeline.from_pretrained(
            weights_folder(VARIANT.id), dtype=choose_dtype(VARIANT.dtype, parse_device("cpu"))
        )
        self.stock = StockFlux(pipeline, VARIANT.options["max_sequence_length"])
        self._prompts = _prompts()
        self._seeds = iter(range(2**32))

    def orders(self, count: int) -> list[Order]:
        """So many, with prompts that come again only after hundreds, and seeds that never do."""
        prompts = islice(self._prompts, count)
        return [Order(prompt, seed) for prompt, seed in zip(prompts, self._seeds, strict=False)]

    def paint_stock(self, order: Order) -> Image:
        """One picture, as the pipeline's documentation paints it."""
        return self.stock.paint([order.prompt], [order.seed], side=SIDE, steps=STEPS)[0]


def _prompts() -> Iterator[str]:
    scenes = product(SHAPES, permutations(PAINT, 2))
    return cycle([f"a {paint} {shape} on a {back} background" for shape, (paint, back) in scenes])


def paint(adapter: Adapter, orders: Sequence[Order]) -> list[Image]:
    """One batch."""
    batch = [Work(VARIANT.parameters(prompt=each.prompt, seed=each.seed)) for each in orders]
    outputs = adapter.run(batch, lambda _step, _steps: None, lambda: False)
    return [painted.image for output in outputs for painted in output.images]


def paint_in_batches(adapter: Adapter, orders: Sequence[Order], size: int) -> list[Image]:
    """Any number, so many at a time."""
    starts = range(0, len(orders), size)
    return [image for n in starts for image in paint(adapter, orders[n : n + size])]
