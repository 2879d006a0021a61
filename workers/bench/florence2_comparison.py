"""Captions of a fixed length: transformers' classes one by one against the adapter in batches."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from PIL.Image import Image

from workers import catalog
from workers.adapters.devices import choose_dtype
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.library_logging import silence_libraries
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import Work
from workers.bench.florence2_sizes import Florence2Shape, new_model, new_processor
from workers.bench.interleaving import elapsed_seconds, interleaved_medians
from workers.bench.stock_florence2 import StockFlorence2
from workers.catalog.florence2.rows import LARGE_LIMITS
from workers.training.scenes.canvas import sample_canvas
from workers.training.scenes.palette import seeded_random

VARIANT = catalog.find("florence-2-large")
CAPTION = "<CAPTION>"
BEAMS = (LARGE_LIMITS.num_beams, 1)
"""The default width of the beam search, and greedy decoding."""

_SEED = 21
_SIZE = (640, 480)


class AnswerLengthError(Exception):
    """An answer does not have the fixed length, so the times cannot be compared."""


@dataclass(frozen=True)
class Measurement:
    """The figures of one candidate.

    Attributes:
        path: "stock", "adapter" or "adapter, compiled".
        beams: width of the beam search; 1 is greedy decoding.
        batch: pictures per call.
        seconds: median time of one call. That of the stock classes includes the preparation of
            the picture; that of the adapter does not, because a worker prepares pictures while
            the device is busy.
        prepare_seconds: median time of preparing one picture on the processor.
        peak_bytes: peak device memory of a call, weights included; None on the CPU, where it is
            not available.
    """

    path: str
    beams: int
    batch: int
    seconds: float
    prepare_seconds: float
    peak_bytes: int | None

    @property
    def captions_per_second(self) -> float:
        """The rate in the service, where pictures are prepared while the device is busy."""
        return self.batch / self.seconds

    @property
    def captions_per_second_prepared_in_turn(self) -> float:
        """The rate of one thread that also prepares its pictures, as the stock classes do."""
        prepare = 0 if self.path == "stock" else self.batch * self.prepare_seconds
        return self.batch / (self.seconds + prepare)


@dataclass(frozen=True)
class _Candidate:
    """One path with its settings; `run` makes so many calls, one after another."""

    path: str
    beams: int
    batch: int
    calls: int
    run: Callable[[], object]

    def seconds(self) -> float:
        """Measure the mean time of one call."""
        return elapsed_seconds(self.run) / self.calls


class Comparison:
    """One model with random weights, and all paths that caption pictures with it.

    Args:
        shape: the shape of the model.
        device: torch's name of the device.
        tokens: the length of every answer.
        compiled: true to measure a compiled greedy path too, which only CUDA has.
    """

    def __init__(self, shape: Florence2Shape, device: str, tokens: int, *, compiled: bool) -> None:
        silence_libraries()
        self._device = parse_device(device)
        self._tokens = tokens
        self._processor = new_processor(shape)
        self._model = new_model(
            shape,
            self._processor,
            device=device,
            dtype=choose_dtype(VARIANT.dtype, self._device),
            attention=VARIANT.options["attention"],
        )
        self._plain = self._adapter(compiled=False)
        self._compiled = self._adapter(compiled=True) if compiled else None
        # Only now: adapters answer in fewer tokens while they warm up.
        self._model.generation_config.min_new_tokens = tokens
        self._rng = seeded_random(_SEED)

    def measure(
        self, batches: Sequence[int], rounds: int, stock_pictures: int
    ) -> list[Measurement]:
        """Measure all candidates; those with the same width of the beam search are interleaved.

        Args:
            batches: batch sizes of the adapter.
            rounds: measurements of each candidate, after two that are not counted.
            stock_pictures: the number of pictures per round for the stock classes.

        Raises:
            AnswerLengthError: an answer ended too early.
        """
        count = max(*batches, stock_pictures)
        pictures = [sample_canvas(self._rng, size=_SIZE).image for _ in range(count)]
        prepare_seconds = statistics.median(
            elapsed_seconds(partial(self._plain.prepare, work)) for work in self._works(pictures, 1)
        )
        measurements = []
        for beams in BEAMS:
            candidates = [self._stock(pictures[:stock_pictures], beams)]
            candidates += [
                self._batched(name, adapter, pictures[:size], beams)
                for name, adapter in self._paths(beams)
                for size in batches
            ]
            measurements += self._measure_interleaved(candidates, rounds, prepare_seconds)
        return measurements

    def _measure_interleaved(
        self, candidates: Sequence[_Candidate], rounds: int, prepare_seconds: float
    ) -> list[Measurement]:
        for candidate in candidates:
            candidate.run()  # selects kernels, and compiles the compiled path
        peaks = [self._peak_bytes(candidate) for candidate in candidates]
        seconds = interleaved_medians(
            rounds, {candidate: candidate.seconds for candidate in candidates}
        )
        return [
            Measurement(one.path, one.beams, one.batch, seconds[one], prepare_seconds, peak)
            for one, peak in zip(candidates, peaks, strict=True)
        ]

    def _peak_bytes(self, candidate: _Candidate) -> int | None:
        if self._device.kind != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats()
        candidate.run()
        return torch.cuda.max_memory_allocated()

    def _adapter(self, *, compiled: bool) -> Florence2Adapter:
        """An adapter of the model without a picture cache."""
        options = {**VARIANT.options, "picture_cache": 0, "compile_greedy": compiled}
        adapter = Florence2Adapter(replace(VARIANT, options=options), str(self._device), {})
        adapter.adopt(self._model, self._processor)
        return adapter

    def _paths(self, beams: int) -> list[tuple[str, Florence2Adapter]]:
        paths = [("adapter", self._plain)]
        if self._compiled is not None and beams == 1:
            paths.append(("adapter, compiled", self._compiled))
        return paths

    def _stock(self, pictures: Sequence[Image], beams: int) -> _Candidate:
        """The stock classes with the checkpoint's settings except the beams and the length."""
        generation = {
            "num_beams": beams,
            "do_sample": False,
            "no_repeat_ngram_size": VARIANT.options["no_repeat_ngram_size"],
            "max_new_tokens": self._tokens,
            **({"early_stopping": True} if beams > 1 else {}),
        }
        stock = StockFlorence2(self._model, self._processor, generation)
        length = stock.tokens(pictures[:1], CAPTION).shape[1] - 1  # without the start token
        if length != self._tokens:
            raise AnswerLengthError(f"an answer has {length} tokens, not {self._tokens}")

        def run() -> None:
            for picture in pictures:
                stock.answer(picture, CAPTION)

        return _Candidate("stock", beams, 1, len(pictures), run)

    def _batched(
        self, path: str, adapter: Florence2Adapter, pictures: Sequence[Image], beams: int
    ) -> _Candidate:
        batch = [adapter.prepare(work) for work in self._works(pictures, beams)]

        def run() -> None:
            for output in adapter.run(batch, lambda _step, _steps: None, lambda: False):
                if (output.data or {})["results"][0]["finish_reason"] == "stop":
                    raise AnswerLengthError("an answer ended before it had all tokens")

        return _Candidate(path, beams, len(pictures), 1, run)

    def _works(self, pictures: Sequence[Image], beams: int) -> list[Work]:
        parameters = VARIANT.parameters(
            image="drawn", task=CAPTION, num_beams=beams, max_new_tokens=self._tokens
        )
        return [Work(parameters, {"image": [picture]}) for picture in pictures]
