"""Scores a demo FLUX.2 on unseen examples with the project's own adapter.

python -m workers.training.score_flux2 --lessons 100 --seed 20261128
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click
import torch
from PIL import Image

from workers.adapters.protocol import Adapter, Work
from workers.catalog import find
from workers.catalog.flux.parameters import FluxParameters
from workers.training.common.scoring_options import scoring_options
from workers.training.flux.flux2_metrics import evaluate
from workers.training.score_flux import load_adapter, run_single

FLUX2_VARIANT = "flux.2-demo"


class AdapterImageGenerator:
    """A `ReferenceImageGenerator` that uses an adapter."""

    def __init__(self, adapter: Adapter, side: int | None = None) -> None:
        """Use this adapter for square pictures of that side, or of the variant's default."""
        self._adapter = adapter
        self._size: dict[str, Any] = {"width": side, "height": side} if side else {}

    def __call__(self, prompt: str, references: Sequence[Image.Image], seed: int) -> Image.Image:
        """Generate the picture of one prompt with its reference pictures."""
        inputs: dict[str, Any] = (
            {"images": tuple("picture" for _ in references)} if references else {}
        )
        model = cast("type[FluxParameters]", find(FLUX2_VARIANT).parameters)
        parameters = model(prompt=prompt, seed=seed, **self._size, **inputs)
        sizes = {"images": [picture.size for picture in references]} if references else {}
        images = {"images": list(references)} if references else {}
        work = Work(parameters.with_sizes(sizes), images)
        return run_single(self._adapter, work).images[0].image


@click.command()
@click.option(
    "--lessons",
    "examples",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Number of examples of each kind.",
)
@click.option("--seed", type=int, default=20261128, show_default=True, help="Seed of the examples.")
@click.option(
    "--side", type=int, help="Side of the square pictures; the model's default if omitted."
)
@scoring_options
def main(
    examples: int, seed: int, side: int | None, weights: Path | None, device: str, threads: int
) -> None:
    """Generate pictures of unseen examples with flux.2-demo, check them, and print shares.

    There are three kinds: prompts alone, and prompts about the object of one reference picture or
    of two. A picture is "right" if background, colours, shapes and places are correct and almost
    no pixel has another colour. Colour and shape are "kept" if every object has those of its
    reference picture.
    """
    torch.set_num_threads(threads)
    generate = AdapterImageGenerator(load_adapter(FLUX2_VARIANT, device, weights), side)
    for name, value in evaluate(examples, seed, generate).items():
        click.echo(f"{name:<42}{value:.3f}")


if __name__ == "__main__":
    main()
