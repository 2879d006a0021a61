"""Scores a demo FLUX.2 on unseen lessons, through the project's own adapter.

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
from workers.training.flux.flux2_metrics import figures
from workers.training.score_command import scoring_options
from workers.training.score_flux import answer, loaded

PAINTER = "flux.2-demo"


class AdapterPainter:
    """Paints through an adapter; a `PaintFrom` of `flux2_score`."""

    def __init__(self, adapter: Adapter, side: int | None = None) -> None:
        """Paint with this adapter, squares of that side or the variant's own."""
        self._adapter = adapter
        self._size: dict[str, Any] = {"width": side, "height": side} if side else {}

    def __call__(self, prompt: str, shown: Sequence[Image.Image], seed: int) -> Image.Image:
        """The picture of one prompt, painted from pictures."""
        given: dict[str, Any] = {"images": tuple("picture" for _ in shown)} if shown else {}
        model = cast("type[FluxParameters]", find(PAINTER).parameters)
        parameters = model(prompt=prompt, seed=seed, **self._size, **given)
        sizes = {"images": [picture.size for picture in shown]} if shown else {}
        work = Work(parameters.settled(sizes), {"images": list(shown)} if shown else {})
        return answer(self._adapter, work).images[0].image


@click.command()
@click.option("--lessons", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--seed", type=int, default=20261128, show_default=True, help="Of the lessons.")
@click.option("--side", type=int, help="Paint squares of this side, not the model's own.")
@scoring_options
def main(
    lessons: int, seed: int, side: int | None, weights: Path | None, device: str, threads: int
) -> None:
    """Paint unseen lessons with flux.2-demo and print shares.

    So many of each kind: prompts alone, and prompts about the objects of one or two drawn
    pictures. "Right" is background, colour, shape and place, and hardly a pixel in a colour that
    was not asked for; "kept" are the colours and shapes of the objects that were referred to.
    """
    torch.set_num_threads(threads)
    paint = AdapterPainter(loaded(PAINTER, device, weights), side)
    for name, value in figures(lessons, seed, paint).items():
        click.echo(f"{name:<42}{value:.3f}")


if __name__ == "__main__":
    main()
