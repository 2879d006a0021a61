"""The lines of a TOML file's keys.

`tomllib` keeps no positions, and neither do the kept libraries that read TOML into values. A
concrete syntax tree has them for every notation: dotted and quoted keys, inline tables, arrays of
tables. It is made only once a file has a fault.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from workers.catalog.operator_file.faults import Where

if TYPE_CHECKING:
    from tree_sitter import Node

_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})
_TABLES = frozenset({"table", "table_array_element"})


class Positions:
    """The lines of all keys of a TOML document that `tomllib` accepts."""

    def __init__(self, text: str) -> None:
        # Imported here: a file without a fault needs no positions.
        import tree_sitter_toml  # noqa: PLC0415
        from tree_sitter import Language, Parser  # noqa: PLC0415

        root = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
        self._lines: dict[Where, int] = {}
        for where, line in _document(root):
            # The first one stays: a table is where it begins.
            for n in range(1, len(where) + 1):
                self._lines.setdefault(where[:n], line)

    def line(self, where: Where) -> int | None:
        """The line of a key, or of the closest table around it; None for the document."""
        known = (self._lines.get(where[:n]) for n in range(len(where), 0, -1))
        return next((line for line in known if line is not None), None)

    @property
    def lines(self) -> Mapping[Where, int]:
        """All lines, by the keys that lead there."""
        return self._lines


def _document(root: "Node") -> Iterator[tuple[Where, int]]:
    counts: Counter[Where] = Counter()
    for node in root.named_children:
        if node.type == "pair":
            yield from _pair((), node)
        if node.type in _TABLES:
            yield from _table(node, counts)


def _table(node: "Node", counts: Counter[Where]) -> Iterator[tuple[Where, int]]:
    """A table with its header; `counts` has the elements of each array of tables so far."""
    keys = _keys(next(each for each in node.named_children if each.type in _KEYS))
    where = _inside_last_elements(keys[:-1], counts)
    where = (*where, keys[-1])
    if node.type == "table_array_element":
        counts[where] += 1
    where = _inside_last_elements(where[-1:], counts, where[:-1])
    yield where, _line(node)
    for pair in node.named_children:
        if pair.type == "pair":
            yield from _pair(where, pair)


def _inside_last_elements(keys: Where, counts: Counter[Where], start: Where = ()) -> Where:
    """The keys, with the position of the last element behind each array of tables."""
    where = start
    for key in keys:
        where = (*where, key)
        if counts[where]:
            where = (*where, counts[where] - 1)
    return where


def _pair(where: Where, node: "Node") -> Iterator[tuple[Where, int]]:
    key, value = (each for each in node.named_children if each.type != "comment")
    where = (*where, *_keys(key))
    yield where, _line(node)
    yield from _value(where, value)


def _value(where: Where, node: "Node") -> Iterator[tuple[Where, int]]:
    if node.type == "inline_table":
        for pair in node.named_children:
            if pair.type == "pair":
                yield from _pair(where, pair)
    if node.type == "array":
        elements = [each for each in node.named_children if each.type != "comment"]
        for n, element in enumerate(elements):
            yield (*where, n), _line(element)
            yield from _value((*where, n), element)


def _keys(node: "Node") -> Where:
    if node.type == "dotted_key":
        return tuple(key for each in node.named_children for key in _keys(each))
    # A key may have escapes: tomllib reads them.
    (key,) = tomllib.loads(f"{(node.text or b'').decode()} = 0")
    return (key,)


def _line(node: "Node") -> int:
    return node.start_point[0] + 1
