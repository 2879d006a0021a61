"""What commands that score a model through the whole service share: a stack, and how it is told."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

from deploy.local.stack import LocalStack
from deploy.process.sigterm import raising_on_sigterm

_TIMEOUT_SECONDS = 90
_NAME_WIDTH = 42


@contextmanager
def client_of_new_stack() -> Iterator[httpx.Client]:
    """A tenant's client of a stack of its own, which is gone afterwards."""
    with raising_on_sigterm(), tempfile.TemporaryDirectory(prefix="bottega-score-") as folder:
        stack = LocalStack(Path(folder) / "stack")
        try:
            stack.start()
            facts = stack.facts()
            headers = {"Authorization": f"Bearer {facts['api_key']}"}
            with httpx.Client(
                base_url=facts["url"], headers=headers, timeout=_TIMEOUT_SECONDS
            ) as client:
                yield client
        finally:
            stack.stop()


def tell(figures: dict[str, float], *, as_json: bool) -> None:
    """Print figures as JSON, or one to a line."""
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        click.echo(f"{name:<{_NAME_WIDTH}}{value:.3f}")
