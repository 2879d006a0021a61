"""Captions of one fixed length: transformers' classes one by one, the adapter in batches."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from PIL.Image import Image

from workers import catalog
from workers.adapters.devices import choose_dtype
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.library_logging import quieten_libraries
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import Work
from workers.bench.florence2_sizes import Florence2Shape, new_model, new_processor
from workers.bench.interleaving import medians, seconds_of
from workers.bench.stock_florence2 import StockFlorence2
from workers.catalog.florence2.rows import LARGE_LIMITS
from workers.training.scenes.canvas import sample_canvas
from workers.training.scenes.palette import lots

VARIANT = catalog.find("florence-2-large")
CAPTION = "<CAPTION>"
BEAMS = (LARGE_LIMITS.num_beams, 1)
"""The stock width of the beam search, and greedy."""

_SEED = 21
_SIZE = (640, 480)


class LengthError(Exception):
    """An answer was not as long as all were to be, so that the times cannot be compared."""


@dataclass(frozen=True)
class Entry:
    """One contender's figures.

    Attributes:
        path: "stock", "adapter" or "adapter, compiled".
        beams: width of the beam search, 1 is greedy.
        batch: pictures of one call.
        seconds: median time of one call; the stock classes' includes preparing the picture, the
            adapter's does not, since a worker prepares pictures while the device is busy.
        prepare_seconds: median time of preparing one picture on the processor.
        peak_bytes: most device memory that was taken in a call, weights included; None where it
            is not told, on the CPU.
    """

    path: str
    beams: int
    batch: int
    seconds: float
    prepare_seconds: float
    peak_bytes: int | None

    @property
    def captions_per_second(self) -> float:
        """As the service gives them: the adapter's pictures are prepared meanwhile."""
        return self.batch / self.seconds

    @property
    def captions_per_second_prepared_in_turn(self) -> float:
        """As one thread gives them that prepares its pictures itself, as the stock classes do."""
        own = 0 if self.path == "stock" else self.batch * self.prepare_seconds
        return self.batch / (self.seconds + own)


@dataclass(frozen=True)
class _Contender:
    """Someone's turn: so many calls, one after another."""

    path: str
    beams: int
    batch: int
    calls: int
    take_turn: Callable[[], object]

    def seconds(self) -> float:
        """Of one call."""
        return seconds_of(self.take_turn) / self.calls


class Contest:
    """One model with random weights, and everyone who is to caption pictures with it.

    Args:
        shape: of the model.
        device: torch's name for the device.
        tokens: how long every answer is.
        compiled: whether there is a compiled greedy path as well; only CUDA has one.
    """

    def __init__(self, shape: Florence2Shape, device: str, tokens: int, *, compiled: bool) -> None:
        quieten_libraries()
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
        # Not before: warming up, adapters answer in fewer tokens.
        self._model.generation_config.min_new_tokens = tokens
        self._lots = lots(_SEED)

    def entries(self, batches: Sequence[int], rounds: int, stock_pictures: int) -> list[Entry]:
        """Everyone's figures; those with one width of the beam search take turns.

        Args:
            batches: sizes of the adapter's calls.
            rounds: turns of each, after two that are not counted.
            stock_pictures: how many pictures the stock classes look at in a turn.

        Raises:
            LengthError: an answer ended before its time.
        """
        count = max(*batches, stock_pictures)
        pictures = [sample_canvas(self._lots, size=_SIZE).image for _ in range(count)]
        prepare_seconds = statistics.median(
            seconds_of(partial(self._plain.prepare, work)) for work in self._works(pictures, 1)
        )
        entries = []
        for beams in BEAMS:
            contenders = [self._stock(pictures[:stock_pictures], beams)]
            contenders += [
                self._batched(name, adapter, pictures[:size], beams)
                for name, adapter in self._paths(beams)
                for size in batches
            ]
            entries += self._take_turns(contenders, rounds, prepare_seconds)
        return entries

    def _take_turns(
        self, contenders: Sequence[_Contender], rounds: int, prepare_seconds: float
    ) -> list[Entry]:
        for contender in contenders:
            contender.take_turn()  # kernels are chosen, and what is compiled is
        peaks = [self._peak_bytes(contender) for contender in contenders]
        seconds = medians(rounds, {contender: contender.seconds for contender in contenders})
        return [
            Entry(one.path, one.beams, one.batch, seconds[one], prepare_seconds, peak)
            for one, peak in zip(contenders, peaks, strict=True)
        ]

    def _peak_bytes(self, contender: _Contender) -> int | None:
        if self._device.kind != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats()
        contender.take_turn()
        return torch.cuda.max_memory_allocated()

    def _adapter(self, *, compiled: bool) -> Florence2Adapter:
        """An adapter of the one model that encodes every picture anew."""
        options = {**VARIANT.options, "picture_cache": 0, "compile_greedy": compiled}
        adapter = Florence2Adapter(replace(VARIANT, options=options), str(self._device), {})
        adapter.adopt(self._model, self._processor)
        return adapter

    def _paths(self, beams: int) -> list[tuple[str, Florence2Adapter]]:
        paths = [("adapter", self._plain)]
        if self._compiled is not None and beams == 1:
            paths.append(("adapter, compiled", self._compiled))
        return paths

    def _stock(self, pictures: Sequence[Image], beams: int) -> _Contender:
        """As the checkpoint's own settings have it, but for the beams and the length."""
        generation = {
            "num_beams": beams,
            "do_sample": False,
            "no_repeat_ngram_size": VARIANT.options["no_repeat_ngram_size"],
            "max_new_tokens": self._tokens,
            **({"early_stopping": True} if beams > 1 else {}),
        }
        stock = StockFlorence2(self._model, self._processor, generation)
        length = stock.tokens(pictures[:1], CAPTION).shape[1] - 1  # the start token is no answer's
        if length != self._tokens:
            raise LengthError(f"an answer has {length} tokens, not {self._tokens}")

        def take_turn() -> None:
            for picture in pictures:
                stock.answer(picture, CAPTION)

        return _Contender("stock", beams, 1, len(pictures), take_turn)

    def _batched(
        self, path: str, adapter: Florence2Adapter, pictures: Sequence[Image], beams: int
    ) -> _Contender:
        batch = [adapter.prepare(work) for work in self._works(pictures, beams)]

        def take_turn() -> None:
            for output in adapter.run(batch, lambda _step, _steps: None, lambda: False):
                if (output.data or {})["results"][0]["finish_reason"] == "stop":
                    raise LengthError("an answer ended before its time")

        return _Contender(path, beams, len(pictures), 1, take_turn)

    def _works(self, pictures: Sequence[Image], beams: int) -> list[Work]:
        parameters = VARIANT.parameters(
            image="drawn", task=CAPTION, num_beams=beams, max_new_tokens=self._tokens
        )
        return [Work(parameters, {"image": [picture]}) for picture in pictures]
