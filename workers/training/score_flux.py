"""Scores a demo FLUX on unseen prompts, through the project's own adapters.

python -m workers.training.score_flux --prompts 200 --seed 20261126
"""

from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image

from workers.adapters.protocol import Adapter, Output, Work
from workers.adapters.registry import make_adapter
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.training.detection_metrics import Detection
from workers.training.flux.flux1_metrics import figures
from workers.training.score_command import only_given, scoring_options, size_options

PAINTER, LOOKER = "flux.1-demo", "florence-2-demo"


def loaded(variant: str, device: str, weights: Path | None = None) -> Adapter:
    """A variant's adapter with the shipped weights, or with those in another folder."""
    overrides = {override_variable(variant): str(weights)} if weights else {}
    adapter = make_adapter(find(variant), device, overrides)
    adapter.load()
    return adapter


class AdapterPainter:
    """Paints through an adapter; a `Paint` of `flux_score`."""

    def __init__(self, adapter: Adapter, **size: int | None) -> None:
        """Paint with this adapter, of that `width` and `height` or the variant's own."""
        self._adapter = adapter
        self._size = only_given(**size)

    def __call__(self, prompt: str, seed: int) -> Image.Image:
        """The picture of one prompt."""
        parameters = find(PAINTER).parameters(prompt=prompt, seed=seed, **self._size)
        return answer(self._adapter, Work(parameters)).images[0].image


class AdapterLooker:
    """Looks through an adapter, greedy; a `Look` of `flux_score`."""

    def __init__(self, adapter: Adapter) -> None:
        """Look with this adapter."""
        self._adapter = adapter

    def __call__(self, picture: Image.Image) -> list[Detection]:
        """What is found in one picture."""
        parameters = find(LOOKER).parameters(image="picture", task="<OD>", num_beams=1)
        data: Any = answer(self._adapter, Work(parameters, {"image": [picture]})).data
        return as_detections(data["results"][0]["result"]["<OD>"])


def as_detections(answer: dict[str, Any]) -> list[Detection]:
    """An answer to `<OD>` as detections."""
    pairs = zip(answer["labels"], answer["bboxes"], strict=True)
    return [Detection(label, tuple(box)) for label, box in pairs]


def answer(adapter: Adapter, work: Work) -> Output:
    """What an adapter makes of one job."""
    (output,) = adapter.run([work], lambda _step, _steps: None, lambda: False)
    return output


@click.command()
@click.option("--prompts", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261126, show_default=True, help="Of the prompts.")
@size_options
@scoring_options
def main(
    prompts: int,
    seed: int,
    width: int | None,
    height: int | None,
    weights: Path | None,
    device: str,
    threads: int,
) -> None:
    """Paint unseen prompts with flux.1-demo, have florence-2-demo look, and print shares.

    Every other prompt has two objects. "Right" is background, colour, shape and place, and hardly
    a pixel in a colour that was not asked for; "objects found" is the share of all objects that
    were asked for and that florence-2-demo finds where the checker sees them.
    """
    torch.set_num_threads(threads)
    paint = AdapterPainter(loaded(PAINTER, device, weights), width=width, height=height)
    look = AdapterLooker(loaded(LOOKER, device))
    for name, value in figures(prompts, seed, paint, look).items():
        click.echo(f"{name:<32}{value:.3f}")


if __name__ == "__main__":
    main()
