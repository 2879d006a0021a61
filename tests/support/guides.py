"""The commands of a guide, the answers that it shows, and a reader who types them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 90
ELLIPSIS = "…"

_STATE = ".variables"
_PROGRAM = re.compile(r"python [\w-]+\.py\b")
_ASSIGNED = re.compile(rf"\b([A-Z][A-Z0-9_]*)={ELLIPSIS}")


@dataclass(frozen=True)
class Step:
    """A command of a guide.

    Attributes:
        command: the text to type, with its continuation lines.
        answer: the JSON that the guide shows below it, shortened; only a block's last command
            has one.
    """

    command: str
    answer: Any = None


def tokens_of(guide: Path) -> list[Token]:
    """A guide's blocks."""
    return MarkdownIt("commonmark").enable("table").parse(guide.read_text())


def steps_of(guide: Path) -> Iterator[Step]:
    """The commands of the fenced `sh` and `console` blocks, in order."""
    tokens = tokens_of(guide)
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "fence" and token.info in {"sh", "console"}:
            *first, last = commands_in(token.content)
            yield from map(Step, first)
            answered = after is not None and after.type == "fence" and after.info == "json"
            yield Step(last, json.loads(after.content) if after and answered else None)


def commands_in(block: str) -> list[str]:
    """A block's commands; a backslash continues one on the next line."""
    joined = block.replace("\\\n", "\0").splitlines()
    return [line.replace("\0", "\\\n") for line in joined if line and not line.startswith("#")]


def differences(shown: Any, actual: Any, at: str = "$") -> Iterator[str]:
    """The differences of an answer from the shape that a guide shows; it may have more fields.

    Text that holds an ellipsis stands for any text, a number for any number.
    """
    if isinstance(shown, dict) and isinstance(actual, dict):
        yield from (f"{at} has no {name}" for name in shown.keys() - actual.keys())
        for name in shown.keys() & actual.keys():
            yield from differences(shown[name], actual[name], f"{at}.{name}")
    elif isinstance(shown, list) and isinstance(actual, list) and len(shown) == len(actual):
        for n, (one, two) in enumerate(zip(shown, actual, strict=True)):
            yield from differences(one, two, f"{at}[{n}]")
    elif not _alike(shown, actual):
        yield f"{at} is {actual!r}, not like {shown!r}"


def _alike(shown: Any, actual: Any) -> bool:
    if isinstance(shown, str) and ELLIPSIS in shown:
        return isinstance(actual, str)
    if isinstance(shown, int | float) and not isinstance(shown, bool):
        return isinstance(actual, int | float) and not isinstance(actual, bool)
    return type(shown) is type(actual) and shown == actual


@dataclass(frozen=True)
class Reader:
    """A reader who types a guide's commands, in a folder where `make up` was run.

    Attributes:
        folder: the working directory, with the environment and the stack's data.
        given: the values to put in place of an ellipsis, by variable.
        replaced: texts of the guide that are replaced before a command is typed, such as URLs.
    """

    folder: Path
    given: Mapping[str, str]
    replaced: Mapping[str, str]

    def settle(self, stack: Path) -> None:
        """Link into the folder everything that it has after `make up`."""
        (self.folder / ".venv").symlink_to(sys.prefix)
        (self.folder / ".bottega").symlink_to(stack)

    def write_files_of(self, guide: Path) -> None:
        """Write the files that a guide shows: the blocks that begin with their name."""
        for token in tokens_of(guide):
            named = re.match(r"# ([\w.-]+\.(?:toml|py))\b", token.content)
            if token.type == "fence" and named:
                (self.folder / named[1]).write_text(self._here(token.content))

    def _here(self, text: str) -> str:
        for written, here in self.replaced.items():
            text = text.replace(written, here)
        return text

    def type(self, command: str) -> str:
        """Run a command in the reader's shell, whose variables persist; return its output.

        Raises:
            AssertionError: it failed, or an ellipsis has no value.
        """
        filled = _ASSIGNED.sub(lambda found: f"{found[1]}={self.given[found[1]]}", command)
        filled = self._here(filled)
        if _PROGRAM.match(filled):
            # The clients that the guide installs: they are there, aside from the project's own.
            filled = f"PYTHONPATH={sys.prefix}/clients {filled}"
        assert ELLIPSIS not in filled, filled
        done = subprocess.run(  # noqa: S603 - a command of the guide
            [_bash(), "-c", _SCRIPT, "bash", filled],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{self.folder}/.venv/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


_SCRIPT = f"""
set -eo pipefail
if [ -e {_STATE} ]; then . ./{_STATE}; fi
set -a
eval "$1"
export -p > {_STATE}
"""


def _bash() -> str:
    found = shutil.which("bash")
    assert found, "the guides are written for bash"
    return found
