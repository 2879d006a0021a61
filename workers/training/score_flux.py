"""Scores a demo FLUX on unseen prompts with the project's own adapters.

python -m workers.training.score_flux --prompts 200 --seed 20261126
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image

from workers.adapters.protocol import Adapter, Output, Work
from workers.adapters.registry import make_adapter
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.training.common.detection_metrics import Detection
from workers.training.common.scoring_options import explicit_size, scoring_options, size_options
from workers.training.flux.flux1_metrics import evaluate, with_insertion

PromptEdit = Callable[[str], str]
FLUX_VARIANT, FLORENCE2_VARIANT = "flux.1-demo", "florence-2-demo"


def unchanged_prompt(prompt: str) -> str:
    """The prompt itself."""
    return prompt


def load_adapter(variant: str, device: str, weights: Path | None = None) -> Adapter:
    """Load a variant's adapter with the shipped weights, or with those in another folder."""
    overrides = {override_variable(variant): str(weights)} if weights else {}
    adapter = make_adapter(find(variant), device, overrides)
    adapter.load()
    return adapter


class AdapterImageGenerator:
    """An `ImageGenerator` that uses an adapter."""

    def __init__(
        self, adapter: Adapter, edit: PromptEdit = unchanged_prompt, **size: int | None
    ) -> None:
        """Use this adapter on edited prompts.

        Args:
            adapter: the adapter.
            edit: changes each prompt before it is painted.
            **size: `width` and `height` of the pictures; the variant's default size if None.
        """
        self._adapter = adapter
        self._edit = edit
        self._size = explicit_size(**size)

    def __call__(self, prompt: str, seed: int) -> Image.Image:
        """Generate the picture of one prompt."""
        parameters = find(FLUX_VARIANT).parameters(
            prompt=self._edit(prompt), seed=seed, **self._size
        )
        return run_single(self._adapter, Work(parameters)).images[0].image


class AdapterObjectDetector:
    """An `ObjectDetector` that uses an adapter, greedily."""

    def __init__(self, adapter: Adapter) -> None:
        """Use this adapter."""
        self._adapter = adapter

    def __call__(self, picture: Image.Image) -> list[Detection]:
        """Detect the objects in one picture."""
        parameters = find(FLORENCE2_VARIANT).parameters(image="picture", task="<OD>", num_beams=1)
        data: Any = run_single(self._adapter, Work(parameters, {"image": [picture]})).data
        return parse_detections(data["results"][0]["result"]["<OD>"])


def parse_detections(answer: dict[str, Any]) -> list[Detection]:
    """Convert the answer of `<OD>` to detections."""
    pairs = zip(answer["labels"], answer["bboxes"], strict=True)
    return [Detection(label, tuple(box)) for label, box in pairs]


def run_single(adapter: Adapter, work: Work) -> Output:
    """Run an adapter on a batch of one job."""
    (output,) = adapter.run([work], lambda _step, _steps: None, lambda: False)
    return output


@click.command()
@click.option("--prompts", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261126, show_default=True, help="Seed of the prompts.")
@click.option(
    "--insert",
    type=(click.IntRange(min=0), str),
    default=(0, ""),
    metavar="WORDS TEXT",
    help="Put a text, which the check does not know, after so many words of each prompt.",
)
@size_options
@scoring_options
def main(
    prompts: int,
    seed: int,
    insert: tuple[int, str],
    width: int | None,
    height: int | None,
    weights: Path | None,
    device: str,
    threads: int,
) -> None:
    """Generate pictures of unseen prompts with flux.1-demo, check them, and print shares.

    Every other prompt has two objects. A picture is "right" if background, colours, shapes and
    places are correct and almost no pixel has another colour. "Objects found" is the share of all
    objects that florence-2-demo detects at the place where the checker finds them.
    """
    torch.set_num_threads(threads)
    flux = load_adapter(FLUX_VARIANT, device, weights)
    edit = partial(with_insertion, after=insert[0], text=insert[1])
    generate = AdapterImageGenerator(flux, edit, width=width, height=height)
    detect = AdapterObjectDetector(load_adapter(FLORENCE2_VARIANT, device))
    for name, value in evaluate(prompts, seed, generate, detect).items():
        click.echo(f"{name:<32}{value:.3f}")


if __name__ == "__main__":
    main()
