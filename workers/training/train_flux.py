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

from workers.training.common.trainer import CHECKPOINT, Budget, Trainer
from workers.training.common.training_options import (
    AT_LEAST_ONE,
    EXISTING_FOLDER,
    MODEL_FOLDER,
    TrainingOptions,
    run_training,
    training_options,
)
from workers.training.flux.flux1_components import (
    FluxSize,
    load_pipeline,
    new_pipeline,
    save_pipeline,
)
from workers.training.flux.flux1_learner import PARTS, FluxHyperparameters, FluxLearner
from workers.training.flux.vae import DecoderLearner, new_vae

VAE_SHARE = 0.15
"""The share of the minutes for the VAE, if one has to be trained first."""
VAE_FOLDER = "vae"


@dataclass(frozen=True)
class Options(TrainingOptions):
    """The options of the command; `main` describes each."""

    minutes: float = 110.0
    vae: Path | None = None
    batch: int = 32
    loader_processes: int = 0

    @property
    def vae_minutes(self) -> float:
        """Minutes for training a VAE, 0 if there is one already."""
        return 0.0 if self.start or self.vae else VAE_SHARE * self.minutes


def train_vae(
    out: Path, budget: Budget, device: torch.device, *, resume: bool, echo: Callable[[str], None]
) -> AutoencoderKL:
    """Train the decoder of a new VAE for a budget, with its checkpoint below `out`.

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
    untrained = ("scheduler", "vae", "tokenizer", "tokenizer_2")
    parts = {name: getattr(pipeline, name) for name in untrained}
    parts |= {name: network.get_submodule(name) for name in PARTS}
    save_pipeline(FluxPipeline(**{name: deepcopy(part) for name, part in parts.items()}), folder)


def run(options: Options, echo: Callable[[str], None], size: FluxSize | None = None) -> None:
    """Train a pipeline according to the options, and export it.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    pipeline = _starting_point(options, size or FluxSize(), echo)
    hyperparameters = FluxHyperparameters(batch=options.batch)
    if options.start:
        hyperparameters = hyperparameters.for_fine_tuning()
    learner = FluxLearner(
        pipeline, options.torch_device, hyperparameters, options.seed, options.loader_processes
    )
    budget = Budget(options.minutes - options.vae_minutes, options.steps)
    trainer = Trainer(learner, budget, options.out, echo)
    # the run may have been stopped while it trained the VAE: then the rest has no checkpoint yet
    vae_finished = options.vae_minutes == 0 or (options.out / CHECKPOINT).exists()
    trainer.begin(resume=options.resume and vae_finished)
    export(pipeline, trainer.train(), options.out / MODEL_FOLDER)
    echo(f"exported to {options.out / MODEL_FOLDER}")


def _starting_point(options: Options, size: FluxSize, echo: Callable[[str], None]) -> FluxPipeline:
    if options.start:
        return load_pipeline(options.start)
    if options.vae:
        return new_pipeline(size, load_pipeline(options.vae).vae)
    budget = Budget(options.vae_minutes, options.steps)
    vae = train_vae(options.out, budget, options.torch_device, resume=options.resume, echo=echo)
    return new_pipeline(size, vae)


@click.command()
@training_options(
    Options,
    minutes="Training time. On two CPU cores 40 minutes give first pictures; the colours of two "
    "shapes are confused for a long time, and then learnt quickly.",
    start="Start from the weights, tokenizers and VAE of this exported pipeline.",
)
@click.option(
    "--vae",
    type=EXISTING_FOLDER,
    help="Start with new weights around the VAE of this exported pipeline; without this or --start "
    "the first 15 % of the minutes train a VAE.",
)
@click.option("--batch", type=AT_LEAST_ONE, default=32, show_default=True)
@click.option(
    "--drawers",
    "loader_processes",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Processes that draw pictures ahead of time, for a device that would wait for them. "
    "With 0 each picture is drawn when it is needed. The pictures are the same.",
)
def main(**values: Any) -> None:
    """Train a demo FLUX on drawn scenes and export it for FluxPipeline.

    Prints the loss every ten seconds of training. Every two minutes it prints, for captions that
    training never uses, the error of the velocity at four times and the shares of right pictures
    (of 32 at 256 x 256, and of 12 at each of four other sizes), and writes a checkpoint, from
    which --resume continues.

    \b
    Train from scratch:   python -m workers.training.train_flux --out runs/flux
    Improve the shipped:  python -m workers.training.train_flux --out runs/better \\
                              --start workers/demo/weights/flux.1-demo --minutes 30
    On a GPU:             ... --device cuda --batch 64 --drawers 4
    """  # noqa: D301 - click's own mark for lines that it must not wrap
    options = Options(**values)
    run_training(lambda: run(options, click.echo), options)


if __name__ == "__main__":
    main()
