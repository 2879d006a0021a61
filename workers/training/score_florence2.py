"""Scores the demo Florence-2 on unseen canvases with the project's own adapter.

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
from workers.training.common.scoring_options import scoring_options
from workers.training.florence2.metrics import evaluate, lettered_canvases, scored_canvases
from workers.training.scenes.palette import Box

VARIANT = "florence-2-demo"


class AdapterPredictor:
    """A `Predictor` that generates greedily with an adapter."""

    def __init__(self, adapter: Adapter, variant: Variant) -> None:
        """Answer with this adapter, which has this variant loaded."""
        self._adapter = adapter
        self._variant = variant

    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer to one question, with coordinates in pixels of the picture."""
        inputs: dict[str, Any] = {"text": text} if text else {}
        if region:
            inputs["region"] = region
        parameters = self._variant.parameters(image="canvas", task=task, num_beams=1, **inputs)
        work = Work(parameters, {"image": [picture]})
        (output,) = self._adapter.run([work], lambda _step, _steps: None, lambda: False)
        data: Any = output.data
        result: dict[str, Any] = data["results"][0]["result"]
        return result


def load_predictor(weights: Path | None = None, device: str = "cpu") -> AdapterPredictor:
    """Load the shipped weights, or those in another folder, as a predictor."""
    variant = find(VARIANT)
    overrides = {override_variable(VARIANT): str(weights)} if weights else {}
    adapter = make_adapter(variant, device, overrides)
    adapter.load()
    return AdapterPredictor(adapter, variant)


@click.command()
@click.option("--scenes", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261124, show_default=True, help="Seed of the canvases.")
@scoring_options
def main(scenes: int, seed: int, weights: Path | None, device: str, threads: int) -> None:
    """Ask all fifteen tasks about each canvas, greedily, and print shares and mean overlaps.

    Every other canvas has a word of the list, or a number, on it. Half as many further canvases
    have random letters; the last line is the share of these that is read correctly.
    """
    torch.set_num_threads(threads)
    predict = load_predictor(weights, device)
    for name, value in evaluate(scored_canvases(seed, scenes), predict, seed).items():
        click.echo(f"{name:<42}{value:.3f}")
    letters = evaluate(lettered_canvases(seed, scenes // 2 or 1), predict, seed, ["<OCR>"])
    click.echo(f"{'OCR: exact, random letters':<42}{letters['OCR: exact']:.3f}")


if __name__ == "__main__":
    main()
