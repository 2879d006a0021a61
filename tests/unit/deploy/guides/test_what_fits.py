"""The tables of what fits in the guides are what `bottega catalog plan` prints."""

import re
from pathlib import Path

import pytest

from tests.support.commands import Commands

ROOT = Path(__file__).parents[4]
SHOWN = re.compile(r"```sh\nbottega (catalog plan[^\n]*)\n```\n\n```text\n(.*?)```", re.DOTALL)
TABLES = [
    (guide, command, table)
    for guide in ("workers/README.md", "deploy/sizing.md")
    for command, table in SHOWN.findall((ROOT / guide).read_text(encoding="utf-8"))
]


def test_both_guides_show_one() -> None:
    assert {guide for guide, _, _ in TABLES} == {"workers/README.md", "deploy/sizing.md"}


@pytest.mark.parametrize(("guide", "command", "table"), TABLES)
def test_a_table_is_what_its_command_prints(guide: str, command: str, table: str) -> None:
    assert Commands().run(*command.split()) == table, guide
