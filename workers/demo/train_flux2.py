"""Trains a demo FLUX.2 and exports it as `Flux2KleinPipeline` loads it.

python -m workers.demo.train_flux2 --out runs/flux2 --minutes 240
"""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from diffusers import AutoencoderKL, Flux2KleinPipeline
from torch import nn

from workers.adapters.quiet import quieten_libraries
from workers.demo import weights_folder
from workers.demo.flow_learner import FlowLessons
from workers.demo.flux2_learner import Flux2Learner
from workers.demo.flux2_parts import (
    Flux2Size,
    deepened,
    load_pipeline,
    new_pipeline,
    save_pipeline,
)
from workers.demo.training import Budget, CheckpointError, Trainer

MODEL_FOLDER = "model"


@dataclass(frozen=True)
class Options:
    """What the command line asks for; `main` says what each is."""

    out: Path
    minutes: float = 240.0
    steps: int | None = None
    device: str = "cpu"
    resume: bool = False
    start: Path | None = None
    vae: Path | None = None
    batch: int = 32
    threads: int = 1
    seed: int = 0


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
    learner = Flux2Learner(pipeline, torch.device(options.device), lessons, options.seed)
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
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for checkpoints and for the export: OUT/model is what Flux2KleinPipeline loads.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=240.0,
    show_default=True,
    help="Training time.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Train this many steps instead of by the clock: repeatable exactly.",
)
@click.option(
    "--device", default="cpu", show_default=True, help="Where to train: cpu, cuda or cuda:1."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in OUT, same options.")
@click.option(
    "--start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Begin with the weights, tokenizer and VAE of this exported pipeline.",
)
@click.option(
    "--vae",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A demo FLUX.1's VAE to begin new weights around; the shipped one's without this.",
)
@click.option("--batch", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(**chosen: Any) -> None:
    """Train a demo FLUX.2 on drawn scenes, in words and from pictures, and export it.

    Every ten seconds of training a line tells the loss; every two minutes another tells, for
    lessons that training never sees, with no, one and two pictures referred to, the error of the
    velocity at three times and how many pictures are right; and a checkpoint is written, from
    which --resume goes on.

    \b
    Train from nothing:   python -m workers.demo.train_flux2 --out runs/flux2
    Improve an export:    python -m workers.demo.train_flux2 --out runs/better \\
                              --start runs/flux2/model --minutes 60
    """  # noqa: D301 - click's own mark for lines that stay as they are
    options = Options(**chosen)
    quieten_libraries()
    # torch remarks once that RMSNorm under autocast runs unfused; nothing to do about it here
    warnings.filterwarnings("ignore", message="Mismatch dtype")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    try:
        run(options, click.echo)
    except CheckpointError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
