"""Trains a demo FLUX and exports it as `FluxPipeline` loads it.

python -m workers.training.train_flux --out runs/flux --minutes 110
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from diffusers import AutoencoderKL, FluxPipeline
from torch import nn

from workers.training.command import (
    AT_LEAST_ONE,
    EXISTING_FOLDER,
    MODEL_FOLDER,
    TrainingOptions,
    carry_out,
    training_options,
)
from workers.training.flux.flux1_components import (
    FluxSize,
    load_pipeline,
    new_pipeline,
    save_pipeline,
)
from workers.training.flux.flux1_learner import PARTS, FluxLearner, FluxLessons
from workers.training.flux.vae import DecoderLearner, new_vae
from workers.training.loop import CHECKPOINT, Budget, Trainer

VAE_SHARE = 0.15
"""Of the minutes, when a VAE has to be trained first."""
VAE_FOLDER = "vae"


@dataclass(frozen=True)
class Options(TrainingOptions):
    """What the command line asks for; `main` says what each is."""

    minutes: float = 110.0
    vae: Path | None = None
    batch: int = 32
    drawers: int = 0

    @property
    def vae_minutes(self) -> float:
        """Minutes for training a VAE, 0 when there is one."""
        return 0.0 if self.start or self.vae else VAE_SHARE * self.minutes


def trained_vae(
    out: Path, budget: Budget, device: torch.device, *, resume: bool, echo: Callable[[str], None]
) -> AutoencoderKL:
    """A VAE whose decoder is trained for a budget, its checkpoint kept below `out`.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    vae = new_vae()
    trainer = Trainer(DecoderLearner(vae, device), budget, out / VAE_FOLDER, echo)
    trainer.begin(resume=resume)
    vae.decoder.load_state_dict(trainer.train().state_dict())
    return vae


def export(pipeline: FluxPipeline, network: nn.Module, folder: Path) -> None:
    """Write the pipeline with a network's parts in the stock layout, in bfloat16."""
    kept = ("scheduler", "vae", "tokenizer", "tokenizer_2")
    parts = {name: getattr(pipeline, name) for name in kept}
    parts |= {name: network.get_submodule(name) for name in PARTS}
    save_pipeline(FluxPipeline(**{name: deepcopy(part) for name, part in parts.items()}), folder)


def run(options: Options, echo: Callable[[str], None], size: FluxSize | None = None) -> None:
    """Train what the options ask for, and export it.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    pipeline = _starting_point(options, size or FluxSize(), echo)
    lessons = FluxLessons(batch=options.batch)
    lessons = lessons.gentler() if options.start else lessons
    learner = FluxLearner(pipeline, options.place, lessons, options.seed, options.drawers)
    budget = Budget(options.minutes - options.vae_minutes, options.steps)
    trainer = Trainer(learner, budget, options.out, echo)
    # a run may have been stopped while its VAE was trained, with no checkpoint of the rest yet
    begun = options.vae_minutes == 0 or (options.out / CHECKPOINT).exists()
    trainer.begin(resume=options.resume and begun)
    export(pipeline, trainer.train(), options.out / MODEL_FOLDER)
    echo(f"exported to {options.out / MODEL_FOLDER}")


def _starting_point(options: Options, size: FluxSize, echo: Callable[[str], None]) -> FluxPipeline:
    if options.start:
        return load_pipeline(options.start)
    if options.vae:
        return new_pipeline(size, load_pipeline(options.vae).vae)
    budget = Budget(options.vae_minutes, options.steps)
    vae = trained_vae(options.out, budget, options.place, resume=options.resume, echo=echo)
    return new_pipeline(size, vae)


@click.command()
@training_options(
    Options,
    minutes="Training time. On two CPU cores 40 minutes give first pictures; which colour belongs "
    "to which of two shapes is learnt late and then quickly.",
    start="Begin with the weights, tokenizers and VAE of this exported pipeline.",
)
@click.option(
    "--vae",
    type=EXISTING_FOLDER,
    help="Begin with new weights around the VAE of this exported pipeline; without this or --start "
    "the first 15 % of the minutes train a VAE.",
)
@click.option("--batch", type=AT_LEAST_ONE, default=32, show_default=True)
@click.option(
    "--drawers",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Processes that draw pictures ahead of a device that would wait for them. Without any, "
    "they are drawn as they are needed; they are the same.",
)
def main(**chosen: Any) -> None:
    """Train a demo FLUX on drawn scenes and export it for FluxPipeline.

    Every ten seconds of training a line tells the loss; every two minutes another tells, for
    captions that training never sees, the error of the velocity at four times, how many of 32
    pictures are right and how many of 12 at four other sizes; and a checkpoint is written, from
    which --resume goes on.

    \b
    Train from nothing:   python -m workers.training.train_flux --out runs/flux
    Improve the shipped:  python -m workers.training.train_flux --out runs/better \\
                              --start workers/demo/weights/flux.1-demo --minutes 30
    On a GPU:             ... --device cuda --batch 64 --drawers 4
    """  # noqa: D301 - click's own mark for lines that stay as they are
    options = Options(**chosen)
    carry_out(lambda: run(options, click.echo), options)


if __name__ == "__main__":
    main()
