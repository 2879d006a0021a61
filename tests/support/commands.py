"""The `bottega` command, run in the test's own process."""

import json
from typing import Any

import click
from click.testing import CliRunner

from deploy.cli.errors import Group
from deploy.cli.main import main


class Commands:
    """Runs `bottega` commands with the environment of the test."""

    def run(self, *words: str, code: int = 0, answer: str = "") -> str:
        """The output of a command, which must end with `code`; `answer` is typed into it."""
        # Without the callback of `main`, which would redirect this process's logs.
        done = CliRunner().invoke(Group("bottega", commands=subcommands(main)), words, input=answer)
        assert done.exit_code == code, done.output
        return done.output

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """The rows that a command prints as JSON."""
        found: list[dict[str, Any]] = json.loads(self.run(*words, "--json"))
        return found


def subcommands(group: click.Command) -> dict[str, click.Command]:
    """A group's commands by name, those that are imported when they run included."""
    if not isinstance(group, click.Group):
        return {}
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}
