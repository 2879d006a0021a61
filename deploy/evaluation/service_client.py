"""Shared parts of the commands that score a model through the whole service."""

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
def temporary_stack_client() -> Iterator[httpx.Client]:
    """Start a temporary stack, and yield a tenant's client of it; stops the stack at the end."""
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


def print_metrics(metrics: dict[str, float], *, as_json: bool) -> None:
    """Print metrics as JSON, or one per line."""
    if as_json:
        click.echo(json.dumps(metrics, indent=2))
        return
    for name, value in metrics.items():
        click.echo(f"{name:<{_NAME_WIDTH}}{value:.3f}")
