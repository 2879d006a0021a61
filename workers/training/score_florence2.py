"""Scores the demo Florence-2 on unseen canvases, through the project's own adapter.

python -m workers.training.score_florence2 --scenes 200 --seed 20261124
"""

from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image

from workers.adapters.protocol import Adapter, Work
from workers.adapters.registry import make_adapter
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.variant import Variant
from workers.training.florence2.metrics import figures, lettered_canvases, scored_canvases
from workers.training.scenes.palette import Box
from workers.training.score_command import scoring_options

VARIANT = "florence-2-demo"


class AdapterAsker:
    """Asks an adapter, greedy; an `Ask` of `florence2_score`."""

    def __init__(self, adapter: Adapter, variant: Variant) -> None:
        """Ask this adapter, which is loaded with this variant."""
        self._adapter = adapter
        self._variant = variant

    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer to one question, with coordinates in pixels of the picture."""
        given: dict[str, Any] = {"text": text} if text else {}
        if region:
            given["region"] = region
        parameters = self._variant.parameters(image="canvas", task=task, num_beams=1, **given)
        work = Work(parameters, {"image": [picture]})
        (output,) = self._adapter.run([work], lambda _step, _steps: None, lambda: False)
        data: Any = output.data
        result: dict[str, Any] = data["results"][0]["result"]
        return result


def demo_asker(weights: Path | None = None, device: str = "cpu") -> AdapterAsker:
    """Asks the shipped weights, or those in another folder."""
    variant = find(VARIANT)
    overrides = {override_variable(VARIANT): str(weights)} if weights else {}
    adapter = make_adapter(variant, device, overrides)
    adapter.load()
    return AdapterAsker(adapter, variant)


@click.command()
@click.option("--scenes", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261124, show_default=True, help="Of the canvases.")
@scoring_options
def main(scenes: int, seed: int, weights: Path | None, device: str, threads: int) -> None:
    """Ask all fifteen tasks about each canvas, greedy, and print a table of shares and overlaps.

    Every other canvas has a word of the list, or a number, on it. As many canvases again carry
    random letters: how many of those are read stands in the last line.
    """
    torch.set_num_threads(threads)
    ask = demo_asker(weights, device)
    for name, value in figures(scored_canvases(seed, scenes), ask, seed).items():
        click.echo(f"{name:<42}{value:.3f}")
    letters = figures(lettered_canvases(seed, scenes // 2 or 1), ask, seed, ["<OCR>"])
    click.echo(f"{'OCR: exact, random letters':<42}{letters['OCR: exact']:.3f}")


if __name__ == "__main__":
    main()
