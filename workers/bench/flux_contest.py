"""FLUX at its true size: the service's adapter beside the stock pipeline, in several settings."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch

from workers import catalog
from workers.adapters.devices import choose_dtype
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.library_logging import quieten_libraries
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import Work
from workers.adapters.weights import override_variable
from workers.bench.flux_floor import synchronize
from workers.bench.flux_sizes import FluxShape, new_pipeline
from workers.bench.interleaving import medians, seconds_of
from workers.bench.stock_flux import StockFlux
from workers.catalog.flux.parameters import FluxParameters

STEPS = 4
PROMPT = "a red circle on a blue background"
LARGEST_CALL = 4 * 1024**2
"""Pixels: four pictures of the usual size, or one of the largest that any row takes."""
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """What one contender came to.

    Attributes:
        path: "stock" or "adapter", and how it was set up.
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

    def __init__(
        self,
        shape: FluxShape,
        device: str,
        rounds: int,
        tell: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        """Make the model.

        Args:
            shape: of the model.
            device: as torch names it.
            rounds: in which contenders take turns.
            tell: hears each entry as soon as it is known.
        """
        quieten_libraries()
        self._tell = tell
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
        self, sides: Sequence[int], batches: Sequence[int], settings: Mapping[str, Options]
    ) -> list[Entry]:
        """Everyone's figures.

        Args:
            sides: of the square pictures, in pixels.
            batches: pictures in a call; those of more than `LARGEST_CALL` pixels are left out.
            settings: by name, what a row's options would say. Those of one setting take turns,
                the stock pipeline among them where the setting leaves its arithmetic alone. What
                one sets is still so in the next: a pipeline is not made twice.
        """
        return [
            entry
            for name, options in settings.items()
            for entry in self._contest(sides, batches, name, options)
        ]

    def write(self, folder: str) -> None:
        """The model as its checkpoint is laid out: before anyone sets it up otherwise."""
        self._pipeline.save_pretrained(folder, safe_serialization=True)

    def load_seconds(self, folder: str) -> float:
        """What an adapter takes to load what was written there, ready to paint.

        The contest is over with it: the model is given up, for two would not fit.
        """
        self._pipeline = None
        gc.collect()
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()
        overrides = {override_variable(self._variant.id): folder}
        return seconds_of(FluxAdapter(self._variant, self._device, overrides).load)

    def _contest(
        self, sides: Sequence[int], batches: Sequence[int], name: str, options: Options
    ) -> list[Entry]:
        options = {**self._variant.options, **options}
        adapter = FluxAdapter(replace(self._variant, options=options), self._device, {})
        adapter.adopt(self._pipeline)
        entries = []
        for side in sides:
            stock = (
                [] if options["fp8"] else [_Contender(f"stock{name}", side, 1, self._stock(side))]
            )
            batched = [
                _Contender(f"adapter{name}", side, size, self._adapter(adapter, side, size))
                for size in batches
                if size * side**2 <= LARGEST_CALL
            ]
            entries += self._take_turns(stock + batched)
        return entries

    def _take_turns(self, contenders: Sequence[_Contender]) -> list[Entry]:
        peaks = {one: self._peak_bytes(one) for one in contenders}  # it warms up as well
        turns = {one: partial(seconds_of, partial(self._finish, one.paint)) for one in contenders}
        seconds = medians(self._rounds, turns)
        entries = [
            Entry(one.path, one.side, one.batch, seconds[one], peaks[one]) for one in contenders
        ]
        for entry in entries:
            self._tell(entry)
        return entries

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
