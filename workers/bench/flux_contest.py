"""FLUX at its true size: the service's adapter beside the stock pipeline, as it is and compiled."""

import gc
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch

from workers import catalog
from workers.adapters.devices import choose_dtype
from workers.adapters.flux import FluxAdapter
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import Work
from workers.adapters.quiet import quieten_libraries
from workers.adapters.weights import override_variable
from workers.bench.flux_floor import synchronize
from workers.bench.flux_sizes import FluxShape, new_pipeline
from workers.bench.stock_flux import StockFlux
from workers.bench.taking_turns import medians, seconds_of
from workers.catalog.flux_parameters import FluxParameters

STEPS = 4
PROMPT = "a red circle on a blue background"


@dataclass(frozen=True)
class Entry:
    """What one contender came to.

    Attributes:
        path: "stock" or "adapter", and whether it was compiled.
        side: of its square pictures, in pixels.
        batch: pictures in a call.
        seconds: of a call.
        peak_bytes: most device memory during one; None where the device does not tell.
    """

    path: str
    side: int
    batch: int
    seconds: float
    peak_bytes: int | None

    @property
    def pictures_per_second(self) -> float:
        """The rate."""
        return self.batch / self.seconds


@dataclass(frozen=True)
class _Contender:
    path: str
    side: int
    batch: int
    paint: Callable[[], object]


class Contest:
    """One model, and those who paint with it.

    Attributes:
        build_seconds: what making the model took, random weights and all.
        dtype: of its numbers.
    """

    def __init__(self, shape: FluxShape, device: str, rounds: int) -> None:
        quieten_libraries()
        self._variant = catalog.find(shape.variant)
        self._device = device
        self._rounds = rounds
        self.dtype = choose_dtype(self._variant.dtype, parse_device(device))
        made: list[Any] = []
        self.build_seconds = seconds_of(
            lambda: made.append(new_pipeline(shape, device=device, dtype=self.dtype))
        )
        (self._pipeline,) = made

    @property
    def words(self) -> int:
        """Tokens of a prompt that are read."""
        return int(self._variant.options["max_sequence_length"])

    def fitting(self, sides: Sequence[int]) -> list[int]:
        """Those that the row takes."""
        limits = cast("type[FluxParameters]", self._variant.parameters).limits
        return [side for side in sides if side <= limits.max_side and side**2 <= limits.max_pixels]

    def entries(
        self, sides: Sequence[int], batches: Sequence[int], *, compiled: bool
    ) -> list[Entry]:
        """Everyone's figures; first all that is not compiled takes turns, then all that is."""
        entries = self._contest(sides, batches, compiled=False)
        return entries + (self._contest(sides, batches, compiled=True) if compiled else [])

    def load_seconds(self) -> float:
        """What an adapter takes to load the same from a folder just written, ready to paint.

        The contest is over with it: the model is given up, for two would not fit.
        """
        with tempfile.TemporaryDirectory(prefix="bottega-bench-") as folder:
            self._pipeline.save_pretrained(folder, safe_serialization=True)
            self._pipeline = None
            gc.collect()
            if self._device.startswith("cuda"):
                torch.cuda.empty_cache()
            overrides = {override_variable(self._variant.id): folder}
            return seconds_of(FluxAdapter(self._variant, self._device, overrides).load)

    def _contest(
        self, sides: Sequence[int], batches: Sequence[int], *, compiled: bool
    ) -> list[Entry]:
        options = {**self._variant.options, "compile": compiled}
        adapter = FluxAdapter(replace(self._variant, options=options), self._device, {})
        adapter.adopt(self._pipeline)
        kind = ", compiled" if compiled else ""
        entries = []
        for side in sides:
            contenders = [_Contender(f"stock{kind}", side, 1, self._stock(side))]
            contenders += [
                _Contender(f"adapter{kind}", side, size, self._adapter(adapter, side, size))
                for size in batches
            ]
            entries += self._take_turns(contenders)
        return entries

    def _take_turns(self, contenders: Sequence[_Contender]) -> list[Entry]:
        peaks = {one: self._peak_bytes(one) for one in contenders}  # it warms up as well
        turns = {one: partial(seconds_of, partial(self._finish, one.paint)) for one in contenders}
        seconds = medians(self._rounds, turns)
        return [
            Entry(one.path, one.side, one.batch, seconds[one], peaks[one]) for one in contenders
        ]

    def _finish(self, paint: Callable[[], object]) -> None:
        paint()
        synchronize(self._device)

    def _peak_bytes(self, contender: _Contender) -> int | None:
        if not self._device.startswith("cuda"):
            contender.paint()
            return None
        torch.cuda.reset_peak_memory_stats()
        contender.paint()
        return torch.cuda.max_memory_allocated()

    def _stock(self, side: int) -> Callable[[], object]:
        stock = StockFlux(self._pipeline, self.words)
        return lambda: stock.paint([PROMPT], [0], side=side, steps=STEPS)

    def _adapter(self, adapter: FluxAdapter, side: int, size: int) -> Callable[[], object]:
        asked = {"prompt": PROMPT, "width": side, "height": side, "steps": STEPS}
        works = [Work(self._variant.parameters(**asked, seed=seed)) for seed in range(size)]
        return lambda: adapter.run(works, lambda _step, _steps: None, lambda: False)
