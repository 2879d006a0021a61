"""What the commands that train a demo model share: their options, and how they are carried out."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from workers.adapters.library_logging import quieten_libraries
from workers.training.loop import CheckpointError

MODEL_FOLDER = "model"
"""Below the output folder: what the stock classes load."""

EXISTING_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
AT_LEAST_ONE = click.IntRange(min=1)


@dataclass(frozen=True)
class TrainingOptions:
    """What every training's command line asks for; `training_options` says what each is."""

    out: Path
    minutes: float = 1.0
    steps: int | None = None
    device: str = "cpu"
    resume: bool = False
    start: Path | None = None
    threads: int = 1
    seed: int = 0

    @property
    def place(self) -> torch.device:
        """The device to train on."""
        return torch.device(self.device)


def training_options(
    defaults: type[TrainingOptions], minutes: str, start: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of `TrainingOptions`, for a click command.

    Args:
        defaults: whose defaults they have.
        minutes: what is to be said of `--minutes`.
        start: what is to be said of `--start`.
    """
    options = (
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            required=True,
            help="Folder for checkpoints, and for the export: OUT/model is what the stock classes "
            "load.",
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
            help="Train this many steps per stage instead of by the clock: repeatable exactly.",
        ),
        click.option(
            "--device",
            default=defaults.device,
            show_default=True,
            help="Where to train: cpu, cuda or cuda:1.",
        ),
        click.option(
            "--resume", is_flag=True, help="Go on from the checkpoint in OUT, same options."
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


def carry_out(train: Callable[[], None], options: TrainingOptions) -> None:
    """Train as a command does: with these threads, this seed, and errors in words.

    Raises:
        click.ClickException: there is no checkpoint to resume from, or one that would be lost.
    """
    quieten_libraries()
    # torch remarks once that RMSNorm under autocast runs unfused; nothing to do about it here
    warnings.filterwarnings("ignore", message="Mismatch dtype")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    try:
        train()
    except CheckpointError as error:
        raise click.ClickException(str(error)) from error
