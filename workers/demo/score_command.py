"""The options that the commands which score a demo model share."""

from collections.abc import Callable

import click

from workers.demo.training_command import AT_LEAST_ONE, EXISTING_FOLDER

Command = Callable[..., None]

_WEIGHTS = click.option(
    "--weights", type=EXISTING_FOLDER, help="Score these instead of the shipped ones."
)
_DEVICE = click.option("--device", default="cpu", show_default=True)
_THREADS = click.option("--threads", type=AT_LEAST_ONE, default=1, show_default=True)


def scoring_options(command: Command) -> Command:
    """Which weights are scored, and on what."""
    return _WEIGHTS(_DEVICE(_THREADS(command)))
