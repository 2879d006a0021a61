"""Behaviours of a scripted adapter that paint as many pictures as a job asks for."""

from collections.abc import Sequence

from PIL import Image

from tests.support.adapters import Behaviour
from workers.adapters.protocol import Output, Painted, Report, ShouldStop, Work


def painted(work: Work) -> Output:
    """The pictures of a job: each in the colour of its seed."""
    first = getattr(work.parameters, "seed", None) or 0
    seeds = [first + n for n in range(getattr(work.parameters, "num_images", 1))]
    return Output(
        tuple(Painted(Image.new("RGB", (16, 16), (seed % 256, 9, 9)), seed) for seed in seeds)
    )


def paint_all(batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
    """Report two steps, then return all pictures of each job."""
    report(1, 2)
    report(2, 2)
    return [painted(work) for work in batch]


def with_previews(steps: int) -> Behaviour:
    """A behaviour that shows a preview after each step."""

    def behave(batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
        for step in range(1, steps + 1):
            report(step, steps)
            for work in batch:
                if work.preview is not None:
                    work.preview(Image.new("RGB", (8, 8), (step, 0, 0)), step, steps)
        return [painted(work) for work in batch]

    return behave
