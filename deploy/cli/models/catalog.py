"""`bottega catalog`: the models that this installation knows, and the operator's file of them."""

from typing import ClassVar

import click

from deploy.cli.lazy import LazyGroup


class CatalogGroup(LazyGroup):
    """The group's commands; those in other modules are imported when they run."""

    modules: ClassVar[dict[str, str]] = {
        "plan": "deploy.cli.models.plan:plan",
        "test": "deploy.cli.models.trial:try_model",
    }


@click.group(cls=CatalogGroup)
def catalog() -> None:
    """List models, and check the file that changes them."""
