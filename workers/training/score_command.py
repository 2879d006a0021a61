"""The options that the commands which score a demo model, or show what it does, share."""

from collections.abc import Callable

import click

from workers.training.command import AT_LEAST_ONE, EXISTING_FOLDER

Command = Callable[..., None]

_WEIGHTS = click.option(
    "--weights", type=EXISTING_FOLDER, help="Score these instead of the shipped ones."
)
_DEVICE = click.option("--device", default="cpu", show_default=True)
_THREADS = click.option("--threads", type=AT_LEAST_ONE, default=1, show_default=True)


def scoring_options(command: Command) -> Command:
    """Which weights are scored, and on what."""
    return _WEIGHTS(_DEVICE(_THREADS(command)))


def size_options(command: Command) -> Command:
    """How large the pictures are."""
    for side in ("height", "width"):
        command = click.option(
            f"--{side}", type=AT_LEAST_ONE, help="Of the pictures, in pixels; else the model's own."
        )(command)
    return command


def only_given(**sides: int | None) -> dict[str, int]:
    """Those that were chosen."""
    return {name: pixels for name, pixels in sides.items() if pixels}
