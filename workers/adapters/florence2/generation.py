"""How `generate` is called for a task: by the row's options, the device and the beams."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.adapters.pinning import Device
from workers.catalog.florence2.parameters import Florence2Parameters
from workers.catalog.florence2.tasks import Florence2Task


@dataclass(frozen=True)
class Generation:
    """What one loaded model can do, and what its row asks for.

    Attributes:
        options: the row's. `no_repeat_ngram_size` holds for answers that should not repeat
            themselves, 0 is no such rule; `compile_greedy` compiles the decoder.
        device: where the model is.
        positions: how many tokens the decoder has positions for, its start token included.
        begin: the token that a large model may begin with for ever, where it may repeat itself.
    """

    options: Mapping[str, Any]
    device: Device
    positions: int
    begin: int

    @property
    def warm_up_calls(self) -> list[tuple[int, dict[str, int]]]:
        """Before the first job: calls of so many jobs, with these parameters changed.

        A compiled call is made for the first number of jobs, made anew for the second, and from
        then on takes any number.
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
        """A beam search reorders its cache at every step, which no compiled call survives."""
        return self._may_compile and parameters.num_beams == 1

    @property
    def _may_compile(self) -> bool:
        return bool(self.options["compile_greedy"]) and self.device.kind == "cuda"

    def _static_cache(self) -> dict[str, Any]:
        """A cache of one length for every call: another length would be compiled anew.

        With it, `generate` compiles the decoder's step by itself on a device that can.
        """
        return {"cache_implementation": "static", "max_cache_len": self.positions}
