"""Faults of the catalogue file: each with its line, its key and a sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Where = tuple[str | int, ...]
"""The keys that lead to a value, and positions in lists."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN = 40


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        where: the keys that lead to it; empty for the whole file.
        message: the rule that is broken, and the remedy.
        line: the line of the file, from 1; None where it is not known.
    """

    where: Where
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{key_text(self.where)}: {self.message}" if self.where else self.message

    def below(self, *where: str | int) -> "Fault":
        """The same fault, of a table that stands at these keys."""
        return Fault((*where, *self.where), self.message, self.line)


class CatalogueFileError(Exception):
    """The catalogue file cannot be used; the text names its first fault, with file and line.

    Attributes:
        path: the file.
        faults: all that is wrong, in the file's order.
    """

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        self.path = path
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line or 0))
        more = len(faults) - 1
        rest = f" (and {more} more: `bottega catalog check` prints all)" if more else ""
        super().__init__(f"{self.sentences[0]}{rest}")

    @property
    def sentences(self) -> list[str]:
        """Each fault with file and line."""
        return [f"{self.path}{_line(fault)}: {fault}" for fault in self.faults]


def _line(fault: Fault) -> str:
    return "" if fault.line is None else f", line {fault.line}"


def key_text(where: Where) -> str:
    """Keys as TOML writes them: ("models", "a.b", "loras", 0) → models."a.b".loras[1].

    Positions are counted from 1, as people do.
    """
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f"{'.' if text else ''}{part if _BARE.fullmatch(part) else shown(part)}"
    return text


def shown(value: Any) -> str:
    """A value for a message, shortened: text in double quotes, true and false as TOML has them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if not isinstance(value, str):
        return str(value)[:_SHOWN]
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
    return f'"{printable[:_SHOWN]}…"' if len(value) > _SHOWN else f'"{printable}"'
