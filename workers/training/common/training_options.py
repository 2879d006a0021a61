"""Options and start-up that the training commands share."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from workers.adapters.library_logging import silence_libraries
from workers.training.common.trainer import CheckpointError

MODEL_FOLDER = "model"
"""Subfolder of the output folder with the export that the stock classes load."""

EXISTING_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
AT_LEAST_ONE = click.IntRange(min=1)


@dataclass(frozen=True)
class TrainingOptions:
    """Options that every training command has; `training_options` describes each."""

    out: Path
    minutes: float = 1.0
    steps: int | None = None
    device: str = "cpu"
    resume: bool = False
    start: Path | None = None
    threads: int = 1
    seed: int = 0

    @property
    def torch_device(self) -> torch.device:
        """The device to train on."""
        return torch.device(self.device)


def training_options(
    defaults: type[TrainingOptions], minutes: str, start: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that adds the options of `TrainingOptions` to a click command.

    Args:
        defaults: the class that holds the default values.
        minutes: the help text of `--minutes`.
        start: the help text of `--start`.
    """
    options = (
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            required=True,
            help="Folder for checkpoints and the export; the stock classes load OUT/model.",
        ),
        click.option(
            "--minutes",
            type=click.FloatRange(min=0, min_open=True),
            default=defaults.minutes,
            show_default=True,
            help=minutes,
        ),
        click.option(
            "--steps",
            type=AT_LEAST_ONE,
            help="Train this many steps per stage, regardless of the time: exactly repeatable.",
        ),
        click.option(
            "--device",
            default=defaults.device,
            show_default=True,
            help="Device to train on: cpu, cuda or cuda:1.",
        ),
        click.option(
            "--resume", is_flag=True, help="Continue from the checkpoint in OUT, same options."
        ),
        click.option("--start", type=EXISTING_FOLDER, help=start),
        click.option("--threads", type=AT_LEAST_ONE, default=defaults.threads, show_default=True),
        click.option("--seed", type=int, default=defaults.seed, show_default=True),
    )

    def add_to(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add_to


def run_training(train: Callable[[], None], options: TrainingOptions) -> None:
    """Run a training with its threads and seed, and turn checkpoint errors into command errors.

    Raises:
        click.ClickException: there is no checkpoint to resume, or one would be overwritten.
    """
    silence_libraries()
    # torch warns once that RMSNorm under autocast runs unfused; it cannot be avoided here
    warnings.filterwarnings("ignore", message="Mismatch dtype")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    try:
        train()
    except CheckpointError as error:
        raise click.ClickException(str(error)) from error
