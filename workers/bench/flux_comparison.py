"""FLUX at full size: the service's adapter against the stock pipeline, in several settings."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch

from workers import catalog
from workers.adapters.devices import choose_dtype
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.library_logging import silence_libraries
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import Work
from workers.adapters.serving.layers import QUANTIZING
from workers.adapters.weights import override_variable
from workers.bench.flux_roofline import synchronize
from workers.bench.flux_sizes import FluxShape, new_pipeline
from workers.bench.interleaving import elapsed_seconds, interleaved_medians
from workers.bench.stock_flux import StockFlux
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.serving import PLAIN

STEPS = 4
PROMPT = "a red circle on a blue background"
LARGEST_CALL = 4 * 1024**2
"""Largest number of pixels per call: four pictures of the usual size, or one of the largest."""
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Measurement:
    """The figures of one candidate.

    Attributes:
        path: "stock" or "adapter", with its settings.
        side: side of the square pictures in pixels.
        batch: pictures per call.
        seconds: median time of a call.
        peak_bytes: peak device memory of a call; None on the CPU, where it is not available.
    """

    path: str
    side: int
    batch: int
    seconds: float
    peak_bytes: int | None

    @property
    def pictures_per_second(self) -> float:
        """The rate in calls of this batch size."""
        return self.batch / self.seconds


@dataclass(frozen=True)
class _Candidate:
    path: str
    side: int
    batch: int
    generate: Callable[[], object]


class Comparison:
    """One model with random weights, and all paths that generate pictures with it.

    Attributes:
        build_seconds: time for creating the model with its random weights.
        dtype: data type of its weights.
    """

    def __init__(
        self,
        shape: FluxShape,
        device: str,
        rounds: int,
        on_measurement: Callable[[Measurement], None] = lambda _: None,
    ) -> None:
        """Create the model.

        Args:
            shape: the shape of the model.
            device: torch's name of the device.
            rounds: measurements of each candidate.
            on_measurement: called with each measurement as soon as it is complete.
        """
        silence_libraries()
        self._on_measurement = on_measurement
        self._variant = catalog.find(shape.variant)
        self._device = device
        self._rounds = rounds
        self.dtype = choose_dtype(self._variant.dtype, parse_device(device))
        pipelines: list[Any] = []
        self.build_seconds = elapsed_seconds(
            lambda: pipelines.append(new_pipeline(shape, device=device, dtype=self.dtype))
        )
        (self._pipeline,) = pipelines

    @property
    def prompt_tokens(self) -> int:
        """The number of tokens of a prompt that are used."""
        return int(self._variant.options["max_sequence_length"])

    def supported(self, sides: Sequence[int]) -> list[int]:
        """The sides that the variant supports."""
        limits = cast("type[FluxParameters]", self._variant.parameters).limits
        return [side for side in sides if side <= limits.max_side and side**2 <= limits.max_pixels]

    def measure(
        self, sides: Sequence[int], batches: Sequence[int], settings: Mapping[str, Options]
    ) -> list[Measurement]:
        """Measure all candidates.

        Args:
            sides: sides of the square pictures in pixels.
            batches: pictures per call; calls of more than `LARGEST_CALL` pixels are skipped.
            settings: changes of how it is served, by the setting's name. The candidates of one
                setting are interleaved; the stock pipeline is one of them unless the setting
                changes the arithmetic. A setting also applies to the next ones, because the
                pipeline is created only once.
        """
        return [
            measurement
            for name, options in settings.items()
            for measurement in self._measure_setting(sides, batches, name, options)
        ]

    def save(self, folder: str) -> None:
        """Write the model in its checkpoint's layout; only before any setting was applied."""
        self._pipeline.save_pretrained(folder, safe_serialization=True)

    def load_seconds(self, folder: str) -> float:
        """Measure the seconds that an adapter needs to load the model from a folder.

        The comparison cannot be used afterwards: it releases its model, as two would not fit.
        """
        self._pipeline = None
        gc.collect()
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()
        overrides = {override_variable(self._variant.id): folder}
        return elapsed_seconds(FluxAdapter(self._variant, self._device, overrides).load)

    def _measure_setting(
        self, sides: Sequence[int], batches: Sequence[int], name: str, options: Options
    ) -> list[Measurement]:
        mode = replace(PLAIN, **options)
        adapter = FluxAdapter(self._variant, self._device, {}, mode)
        adapter.adopt(self._pipeline)
        measurements = []
        for side in sides:
            stock = (
                []
                if mode.precision in QUANTIZING
                else [_Candidate(f"stock{name}", side, 1, self._stock(side))]
            )
            batched = [
                _Candidate(f"adapter{name}", side, size, self._adapter(adapter, side, size))
                for size in batches
                if size * side**2 <= LARGEST_CALL
            ]
            measurements += self._measure_interleaved(stock + batched)
        return measurements

    def _measure_interleaved(self, candidates: Sequence[_Candidate]) -> list[Measurement]:
        peaks = {one: self._peak_bytes(one) for one in candidates}  # this warms up, too
        timers = {
            one: partial(elapsed_seconds, partial(self._finish, one.generate)) for one in candidates
        }
        seconds = interleaved_medians(self._rounds, timers)
        measurements = [
            Measurement(one.path, one.side, one.batch, seconds[one], peaks[one])
            for one in candidates
        ]
        for measurement in measurements:
            self._on_measurement(measurement)
        return measurements

    def _finish(self, generate: Callable[[], object]) -> None:
        generate()
        synchronize(self._device)

    def _peak_bytes(self, candidate: _Candidate) -> int | None:
        if not self._device.startswith("cuda"):
            candidate.generate()
            return None
        torch.cuda.reset_peak_memory_stats()
        candidate.generate()
        return torch.cuda.max_memory_allocated()

    def _stock(self, side: int) -> Callable[[], object]:
        stock = StockFlux(self._pipeline, self.prompt_tokens)
        return lambda: stock.generate([PROMPT], [0], side=side, steps=STEPS)

    def _adapter(self, adapter: FluxAdapter, side: int, size: int) -> Callable[[], object]:
        inputs = {"prompt": PROMPT, "width": side, "height": side, "steps": STEPS}
        works = [Work(self._variant.parameters(**inputs, seed=seed)) for seed in range(size)]
        return lambda: adapter.run(works, lambda _step, _steps: None, lambda: False)
