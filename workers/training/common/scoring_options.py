"""Options that the scoring and contact sheet commands of the demo models share."""

from collections.abc import Callable

import click

from workers.training.common.training_options import AT_LEAST_ONE, EXISTING_FOLDER

Command = Callable[..., None]

_WEIGHTS = click.option(
    "--weights", type=EXISTING_FOLDER, help="Use these weights instead of the shipped ones."
)
_DEVICE = click.option("--device", default="cpu", show_default=True)
_THREADS = click.option("--threads", type=AT_LEAST_ONE, default=1, show_default=True)


def scoring_options(command: Command) -> Command:
    """Add the options for the weights, the device and the threads."""
    return _WEIGHTS(_DEVICE(_THREADS(command)))


def size_options(command: Command) -> Command:
    """Add the options for the width and height of the pictures."""
    for side in ("height", "width"):
        command = click.option(
            f"--{side}",
            type=AT_LEAST_ONE,
            help=f"The {side} of the pictures in pixels; the model's default if omitted.",
        )(command)
    return command


def explicit_size(**sides: int | None) -> dict[str, int]:
    """The sides that the caller has set."""
    return {name: pixels for name, pixels in sides.items() if pixels}
