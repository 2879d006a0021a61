"""The demo Florence-2 in this process for benchmarks: adapters, stock classes and pictures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL.Image import Image

from workers import catalog
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.protocol import Adapter, Work
from workers.bench.stock_florence2 import StockFlorence2
from workers.demo import weights_folder
from workers.training.florence2.components import load
from workers.training.scenes.canvas import sample_canvas
from workers.training.scenes.palette import seeded_random

VARIANT = catalog.find("florence-2-demo")
TASKS = ("<CAPTION>", "<OD>")
"""A task with a short answer, and one with a longer answer."""

_SEED = 20


def task_slug(task: str) -> str:
    """The task's part of a figure's name: "<OD>" is "od"."""
    return task.strip("<>").lower()


class Florence2Harness:
    """The model on one thread of the processor, as in a worker of the benchmark's stack.

    Attributes:
        adapter: an adapter without a picture cache.
        caching_adapter: an adapter with the variant's picture cache.
        stock: transformers' own classes with the same weights, and greedy decoding, which is the
            variant's default.
    """

    def __init__(self) -> None:
        torch.set_num_threads(1)
        uncached = replace(VARIANT, options={**VARIANT.options, "picture_cache": 0})
        self.adapter = Florence2Adapter(uncached, "cpu", {})
        self.caching_adapter = Florence2Adapter(VARIANT, "cpu", {})
        for adapter in (self.adapter, self.caching_adapter):
            adapter.load()
        model, processor = load(weights_folder(VARIANT.id))
        max_tokens = VARIANT.parameters.model_fields["max_new_tokens"].default
        self.stock = StockFlorence2(
            model.eval(),
            processor,
            {"num_beams": 1, "do_sample": False, "max_new_tokens": max_tokens},
        )
        self._rng = seeded_random(_SEED)

    def new_pictures(self, count: int) -> list[Image]:
        """Draw pictures that were not used before."""
        return [sample_canvas(self._rng).image for _ in range(count)]


def predict(adapter: Adapter, pictures: Sequence[Image], tasks: Sequence[str]) -> list[list[Any]]:
    """Run one batch; returns each picture's answers in the order of the tasks."""
    parameters = VARIANT.parameters(image="drawn", tasks=tasks)
    batch = [Work(parameters, {"image": [picture]}) for picture in pictures]
    outputs = adapter.run(batch, lambda _step, _steps: None, lambda: False)
    return [
        [result["result"][result["task"]] for result in (output.data or {})["results"]]
        for output in outputs
    ]


def predict_in_batches(
    adapter: Adapter, pictures: Sequence[Image], tasks: Sequence[str], size: int
) -> list[list[Any]]:
    """Run any number of pictures in batches of this size; returns the same as `predict`."""
    starts = range(0, len(pictures), size)
    return [answers for n in starts for answers in predict(adapter, pictures[n : n + size], tasks)]
