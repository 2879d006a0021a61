"""`python -m workers.bench.flux_cost`: the estimates of the demo models beside what they take.

Each case runs twice on one thread, and the quicker run counts, in seconds of the processor: other
processes of the machine do not count. The cases vary the size, the number of pictures, and the
pictures that they are painted from.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from workers import catalog

STEPS = 3
DEMOS = ("flux.1-demo", "flux.2-demo")


@dataclass(frozen=True)
class Case:
    """A job: its parameters, and the sizes of its references.

    Attributes:
        side: width and height.
        num_images: pictures painted.
        references: width and height of each picture to paint from.
    """

    side: int
    num_images: int = 1
    references: tuple[tuple[int, int], ...] = ()


PLAIN = (Case(64), Case(128), Case(256), Case(384), Case(256, num_images=4))
WITH_REFERENCES = (
    Case(64, references=((256, 256),) * 4),
    Case(64, references=((1024, 1024),)),
    Case(256, references=((1024, 1024),) * 2),
    Case(64, references=((5160, 3870),) * 4),
)


@dataclass(frozen=True)
class Comparison:
    """The time of a case and its estimate, in seconds."""

    case: Case
    measured_seconds: float
    estimated_seconds: float

    def as_json(self) -> dict[str, Any]:
        """One line of the report."""
        case = self.case
        return {
            "side": case.side,
            "pictures": case.num_images,
            "references": [f"{width} x {height}" for width, height in case.references],
            "measured_seconds": round(self.measured_seconds, 3),
            "estimated_seconds": round(self.estimated_seconds, 3),
            "ratio": round(self.estimated_seconds / self.measured_seconds, 2),
        }


def compare(variant_id: str, cases: Sequence[Case]) -> list[Comparison]:
    """Run cases of a variant on one thread of the processor.

    Args:
        variant_id: a variant whose weights come with the package.
        cases: what to run.
    """
    import torch  # noqa: PLC0415 - the command shows its help without it

    from workers.adapters.registry import make_adapter  # noqa: PLC0415

    torch.set_num_threads(1)
    adapter = make_adapter(catalog.find(variant_id), "cpu", {})
    adapter.load()
    return [_compare(variant_id, adapter, case) for case in cases]


def _compare(variant_id: str, adapter: Any, case: Case) -> Comparison:
    from PIL import Image  # noqa: PLC0415

    from workers.adapters.protocol import Work  # noqa: PLC0415

    variant = catalog.find(variant_id)
    pictures = [Image.new("RGB", size, "teal") for size in case.references]
    named = {"images": ["picture"] * len(pictures)} if pictures else {}
    seconds = []
    for attempt in range(2):
        parameters = variant.parameters(
            prompt=f"a red circle, {attempt}",  # another one: prompts are kept
            width=case.side,
            height=case.side,
            num_images=case.num_images,
            steps=STEPS,
            seed=1,
            **named,
        )
        work = Work(parameters, {"images": pictures} if pictures else {})
        began = time.process_time()
        adapter.run([work], lambda _step, _steps: None, lambda: False)
        seconds.append(time.process_time() - began)
    inputs = tuple(width * height for width, height in case.references)
    return Comparison(case, min(seconds), variant.cost_seconds(parameters, inputs))


@click.command()
@click.option(
    "--variant",
    "variants",
    type=click.Choice(DEMOS),
    multiple=True,
    default=DEMOS,
    show_default=True,
    help="A demo model. Repeatable.",
)
def main(variants: Sequence[str]) -> None:
    """Print a JSON line for each case: what it took, its estimate, and their ratio."""
    for variant_id in variants:
        reads = "images" in catalog.find(variant_id).parameters.model_fields
        for each in compare(variant_id, (*PLAIN, *(WITH_REFERENCES if reads else ()))):
            click.echo(json.dumps({"variant": variant_id, **each.as_json()}))


if __name__ == "__main__":
    main()
