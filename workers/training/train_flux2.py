"""Trains a demo FLUX.2 and exports it as `Flux2KleinPipeline` loads it.

python -m workers.training.train_flux2 --out runs/flux2 --minutes 240
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from diffusers import AutoencoderKL, Flux2KleinPipeline
from torch import nn

from workers.demo import weights_folder
from workers.training.command import (
    AT_LEAST_ONE,
    EXISTING_FOLDER,
    MODEL_FOLDER,
    TrainingOptions,
    carry_out,
    training_options,
)
from workers.training.flux.flow_learner import FlowLessons
from workers.training.flux.flux2_components import (
    Flux2Size,
    deepened,
    load_pipeline,
    new_pipeline,
    save_pipeline,
)
from workers.training.flux.flux2_learner import Flux2Learner
from workers.training.loop import Budget, Trainer


@dataclass(frozen=True)
class Options(TrainingOptions):
    """What the command line asks for; `main` says what each is."""

    minutes: float = 240.0
    vae: Path | None = None
    batch: int = 32


def export(pipeline: Flux2KleinPipeline, network: nn.Module, folder: Path) -> None:
    """Write the pipeline with a network's parts in the stock layout, in bfloat16."""
    kept = {name: getattr(pipeline, name) for name in ("scheduler", "vae", "tokenizer")}
    encoder = deepened(network.get_submodule("text_encoder"), pipeline.tokenizer)
    parts = kept | {"transformer": network.get_submodule("transformer"), "text_encoder": encoder}
    copies = {name: deepcopy(part) for name, part in parts.items()}
    save_pipeline(Flux2KleinPipeline(**copies, is_distilled=True), folder)


def run(options: Options, echo: Callable[[str], None], size: Flux2Size | None = None) -> None:
    """Train what the options ask for, and export it.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    pipeline = _starting_point(options, size or Flux2Size())
    lessons = FlowLessons(batch=options.batch)
    learner = Flux2Learner(pipeline, options.place, lessons, options.seed)
    trainer = Trainer(learner, Budget(options.minutes, options.steps), options.out, echo)
    trainer.begin(resume=options.resume)
    export(pipeline, trainer.train(), options.out / MODEL_FOLDER)
    echo(f"exported to {options.out / MODEL_FOLDER}")


def _starting_point(options: Options, size: Flux2Size) -> Flux2KleinPipeline:
    if options.start:
        return load_pipeline(options.start)
    folder = options.vae or weights_folder("flux.1-demo") / "vae"
    return new_pipeline(size, AutoencoderKL.from_pretrained(folder, dtype=torch.float32))


@click.command()
@training_options(
    Options,
    minutes="Training time.",
    start="Begin with the weights, tokenizer and VAE of this exported pipeline.",
)
@click.option(
    "--vae",
    type=EXISTING_FOLDER,
    help="A demo FLUX.1's VAE to begin new weights around; the shipped one's without this.",
)
@click.option("--batch", type=AT_LEAST_ONE, default=32, show_default=True)
def main(**chosen: Any) -> None:
    """Train a demo FLUX.2 on drawn scenes, in words and from pictures, and export it.

    Every ten seconds of training a line tells the loss; every two minutes another tells, for
    lessons that training never sees, with no, one and two pictures referred to, the error of the
    velocity at three times and how many pictures are right; and a checkpoint is written, from
    which --resume goes on.

    \b
    Train from nothing:   python -m workers.training.train_flux2 --out runs/flux2
    Improve an export:    python -m workers.training.train_flux2 --out runs/better \\
                              --start runs/flux2/model --minutes 60
    """  # noqa: D301 - click's own mark for lines that stay as they are
    options = Options(**chosen)
    carry_out(lambda: run(options, click.echo), options)


if __name__ == "__main__":
    main()
