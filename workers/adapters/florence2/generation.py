"""The arguments of `generate` for a task: from the row's options, the device and the beams."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.adapters.pinning import Device
from workers.catalog.florence2.parameters import Florence2Parameters
from workers.catalog.florence2.tasks import Florence2Task


@dataclass(frozen=True)
class Generation:
    """The generation settings of one loaded model.

    Attributes:
        options: the row's. `no_repeat_ngram_size` applies to answers that should not repeat
            themselves, 0 is no such rule; `compile_greedy` compiles the decoder.
        device: the model's device.
        positions: number of the decoder's positions, its start token included.
        begin: the token that a large model may generate for ever at the beginning, where an
            answer may repeat itself.
    """

    options: Mapping[str, Any]
    device: Device
    positions: int
    begin: int

    @property
    def warm_up_calls(self) -> list[tuple[int, dict[str, int]]]:
        """The calls before the first job: their batch sizes, and the parameters to change.

        torch compiles for the first batch size, once more at the second one, and then for any.
        """
        greedy = {"num_beams": 1}
        return [(1, {}), *([(1, greedy), (2, greedy)] if self._may_compile else [])]

    def arguments(self, task: Florence2Task, parameters: Florence2Parameters) -> dict[str, Any]:
        """The keyword arguments of `generate` for one task."""
        return {
            "num_beams": parameters.num_beams,
            "do_sample": False,
            "max_new_tokens": min(parameters.max_new_tokens, self.positions - 1),
            "no_repeat_ngram_size": 0 if task.repeats else self.options["no_repeat_ngram_size"],
            "begin_suppress_tokens": [self.begin],
            **({"early_stopping": True} if parameters.num_beams > 1 else {}),
            **(self._static_cache() if self._is_compiled(parameters) else {}),
        }

    def _is_compiled(self, parameters: Florence2Parameters) -> bool:
        """False for a beam search: it reorders its cache at every step, as no compiled call can."""
        return self._may_compile and parameters.num_beams == 1

    @property
    def _may_compile(self) -> bool:
        return bool(self.options["compile_greedy"]) and self.device.kind == "cuda"

    def _static_cache(self) -> dict[str, Any]:
        """A cache of one length for every call: another length would be compiled again.

        With it, `generate` compiles the decoder's step by itself on a device that supports this.
        """
        return {"cache_implementation": "static", "max_cache_len": self.positions}
