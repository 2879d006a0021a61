"""The small checkpoints as the tests of this room use them: one adapter, one stock pipeline."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import torch
from pydantic import BaseModel

from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.protocol import Work
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.variant import Variant

SIZE = (64, 96)
PROMPT_TOKENS = 32
"""The rows' limits of tokens are longer; the pictures of random weights need no such time."""


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: sums of several threads are added in the order in which they end."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def small(variant_id: str, **options: Any) -> Variant:
    """The row, in float32 and for pictures of at least 64 pixels a side."""
    variant = find(variant_id)
    return replace(
        variant,
        dtype={"cpu": "float32"},
        options={**variant.options, "max_sequence_length": PROMPT_TOKENS, **options},
        parameters=with_small_sides(variant.parameters),
    )


def with_small_sides(model: type[BaseModel]) -> type[FluxParameters]:
    """The same parameters with a default size of 64 x 64, and no preferred sizes."""
    assert issubclass(model, FluxParameters)
    limits = replace(model.limits, side=64, preferred_sizes=())
    return type(model.__name__, (model,), {"limits": limits})


def load_adapter(variant: Variant, folder: Path, **parts: Path) -> FluxAdapter:
    """The adapter of a row, with its weights from a folder, and further ones by their suffix."""
    variable = override_variable(variant.id)
    named = {f"{variable}_{name}": str(path) for name, path in parts.items()}
    adapter = FluxAdapter(variant, "cpu", {variable: str(folder), **named})
    adapter.load()
    return adapter


def load_stock(class_name: str, folder: Path, **components: Any) -> Any:
    """diffusers' own pipeline from the same folder."""
    pipeline = getattr(diffusers, class_name).from_pretrained(
        folder, dtype=torch.float32, **components
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def paint(adapter: FluxAdapter, *works: Work) -> list[list[Any]]:
    """Every job's pictures."""
    outputs = adapter.run(list(works), lambda _step, _steps: None, lambda: False)
    return [[painted.image for painted in output.images] for output in outputs]


def generators(*seeds: int) -> list[torch.Generator]:
    """One for each picture, on the CPU, as the official examples have it."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


Fetch = Callable[[str], Any]


def stored(folder: Path, files: Mapping[str, bytes]) -> Fetch:
    """Fetches these files by key, as a worker does from the object store."""

    @contextmanager
    def fetch(key: str) -> Iterator[Path]:
        path = folder / "fetched"
        path.write_bytes(files[key])
        try:
            yield path
        finally:
            path.unlink()

    return fetch
