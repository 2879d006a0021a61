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
from workers.training.common.trainer import Budget, Trainer
from workers.training.common.training_options import (
    AT_LEAST_ONE,
    EXISTING_FOLDER,
    MODEL_FOLDER,
    TrainingOptions,
    run_training,
    training_options,
)
from workers.training.flux.flow_learner import FlowHyperparameters
from workers.training.flux.flux2_components import (
    Flux2Size,
    load_pipeline,
    make_full_depth,
    new_pipeline,
    save_pipeline,
)
from workers.training.flux.flux2_learner import Flux2Learner


@dataclass(frozen=True)
class Options(TrainingOptions):
    """The options of the command; `main` describes each."""

    minutes: float = 240.0
    vae: Path | None = None
    batch: int = 32


def export(pipeline: Flux2KleinPipeline, network: nn.Module, folder: Path) -> None:
    """Write the pipeline with a network's parts in the stock layout, in bfloat16."""
    untrained = {name: getattr(pipeline, name) for name in ("scheduler", "vae", "tokenizer")}
    encoder = make_full_depth(network.get_submodule("text_encoder"), pipeline.tokenizer)
    parts = untrained | {
        "transformer": network.get_submodule("transformer"),
        "text_encoder": encoder,
    }
    copies = {name: deepcopy(part) for name, part in parts.items()}
    save_pipeline(Flux2KleinPipeline(**copies, is_distilled=True), folder)


def run(options: Options, echo: Callable[[str], None], size: Flux2Size | None = None) -> None:
    """Train a pipeline according to the options, and export it.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    pipeline = _starting_point(options, size or Flux2Size())
    hyperparameters = FlowHyperparameters(batch=options.batch)
    learner = Flux2Learner(pipeline, options.torch_device, hyperparameters, options.seed)
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
    start="Start from the weights, tokenizer and VAE of this exported pipeline.",
)
@click.option(
    "--vae",
    type=EXISTING_FOLDER,
    help="The demo FLUX.1 VAE for the new weights; the shipped one if omitted.",
)
@click.option("--batch", type=AT_LEAST_ONE, default=32, show_default=True)
def main(**values: Any) -> None:
    """Train a demo FLUX.2 on drawn scenes, with and without references, and export it.

    Prints the loss every ten seconds of training. Every two minutes it prints, for examples that
    training never uses, with no, one and two reference pictures, the error of the velocity at
    three times and the share of right pictures, and writes a checkpoint, from which --resume
    continues.

    \b
    Train from scratch:   python -m workers.training.train_flux2 --out runs/flux2
    Improve an export:    python -m workers.training.train_flux2 --out runs/better \\
                              --start runs/flux2/model --minutes 60
    """  # noqa: D301 - click's own mark for lines that it must not wrap
    options = Options(**values)
    run_training(lambda: run(options, click.echo), options)


if __name__ == "__main__":
    main()
