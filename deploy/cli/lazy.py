"""A group that imports a command's module when the command is run."""

from importlib import import_module
from typing import ClassVar

import click

from deploy.cli.errors import Group


class LazyGroup(Group):
    """The `bottega` group: a process imports what its own command needs, and no other's."""

    modules: ClassVar[dict[str, str]] = {
        "audit": "deploy.cli.audit:list_audit_entries",
        "bench": "deploy.cli.bench:bench",
        "catalog": "deploy.cli.models.catalog:catalog",
        "credit": "deploy.cli.credit:credit",
        "demo": "deploy.cli.demo:demo",
        "doctor": "deploy.cli.admin:doctor",
        "jobs": "deploy.cli.jobs:jobs",
        "keys": "deploy.cli.admin:keys",
        "loras": "deploy.cli.loras:loras",
        "migrate": "deploy.cli.admin:migrate",
        "operators": "deploy.cli.operators:operators",
        "queues": "deploy.cli.queues:queues",
        "sign-in-link": "deploy.cli.sign_in_link:print_sign_in_link",
        "tenants": "deploy.cli.admin:tenants",
        "tiers": "deploy.cli.tiers:tiers",
        "weights": "deploy.cli.models.weights:weights",
        "workers": "deploy.cli.workers:workers",
    }
    """Module and function of each command that is not defined beside the group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *self.modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now; None when there is none."""
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        module, _, function = self.modules[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command
