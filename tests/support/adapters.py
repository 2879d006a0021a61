"""Adapters that behave as a test scripts them, in place of a model."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from workers.adapters.protocol import Output, Painted, Report, ShouldStop, Stopped, Work

Behaviour = Callable[[Sequence[Work], Report, ShouldStop], list[Output]]


def paint(batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
    """Report two steps, then return a small red picture for each job."""
    report(1, 2)
    report(2, 2)
    return [Output((Painted(Image.new("RGB", (16, 16), "red"), seed=7),)) for _ in batch]


@dataclass
class ScriptedAdapter:
    """An `Adapter` that records every batch and behaves by its script, then like `paint`."""

    script: list[Behaviour] = field(default_factory=list)
    batches: list[Sequence[Work]] = field(default_factory=list)

    def load(self) -> None:
        """Do nothing: there is no model."""

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Run the next behaviour of the script."""
        self.batches.append(batch)
        behave = self.script.pop(0) if self.script else paint
        return behave(batch, report, should_stop)


@dataclass
class Gate:
    """A behaviour that waits in the middle of its run until it is opened or must stop."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(
        self, batch: Sequence[Work], report: Report, should_stop: ShouldStop
    ) -> list[Output]:
        """Report one step, then wait."""
        report(1, 2)
        self.entered.set()
        while not self.opened.wait(0.01):
            if should_stop():
                raise Stopped("told to")
        return paint(batch, report, should_stop)


def raising(error: Exception) -> Behaviour:
    """A behaviour that fails the whole batch."""

    def behave(_batch: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        raise error

    return behave
