"""The demo Florence-2 in this process, ready to be measured: adapters, stock classes, pictures."""

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
from workers.training.scenes.palette import lots

VARIANT = catalog.find("florence-2-demo")
TASKS = ("<CAPTION>", "<OD>")
"""A short answer and a longer one."""

_SEED = 20


def plain_name(task: str) -> str:
    """A task in the name of a figure: "<OD>" is "od"."""
    return task.strip("<>").lower()


class Florence2Lab:
    """One thread of the processor, as a worker of the benchmark's stack has.

    Attributes:
        adapter: encodes every picture anew.
        keeping: keeps pictures' features, as its row says.
        stock: transformers' own classes with the same weights, greedy, as the row's default is.
    """

    def __init__(self) -> None:
        torch.set_num_threads(1)
        forgetful = replace(VARIANT, options={**VARIANT.options, "picture_cache": 0})
        self.adapter = Florence2Adapter(forgetful, "cpu", {})
        self.keeping = Florence2Adapter(VARIANT, "cpu", {})
        for adapter in (self.adapter, self.keeping):
            adapter.load()
        model, processor = load(weights_folder(VARIANT.id))
        longest = VARIANT.parameters.model_fields["max_new_tokens"].default
        self.stock = StockFlorence2(
            model.eval(),
            processor,
            {"num_beams": 1, "do_sample": False, "max_new_tokens": longest},
        )
        self._lots = lots(_SEED)

    def pictures(self, count: int) -> list[Image]:
        """Drawn scenes that were not handed out before."""
        return [sample_canvas(self._lots).image for _ in range(count)]


def ask(adapter: Adapter, pictures: Sequence[Image], tasks: Sequence[str]) -> list[list[Any]]:
    """Have one batch answered: each picture's answers, in the order of the tasks."""
    parameters = VARIANT.parameters(image="drawn", tasks=tasks)
    batch = [Work(parameters, {"image": [picture]}) for picture in pictures]
    outputs = adapter.run(batch, lambda _step, _steps: None, lambda: False)
    return [
        [result["result"][result["task"]] for result in (output.data or {})["results"]]
        for output in outputs
    ]


def ask_in_batches(
    adapter: Adapter, pictures: Sequence[Image], tasks: Sequence[str], size: int
) -> list[list[Any]]:
    """The same of any number of pictures, so many at a time."""
    starts = range(0, len(pictures), size)
    return [told for n in starts for told in ask(adapter, pictures[n : n + size], tasks)]
