"""Multipart forms: files, and text parts whose names may have brackets, such as `metadata[team]`.

OpenAI's clients write objects and lists of a form so; other clients send JSON text instead.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from api.core.protocol.slips import Slip, note
from db.values.blank import is_blank

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
"""The media types of forms."""

MAX_FILES = 17
"""Sixteen pictures and a mask."""

_MAX_FIELDS = 100
_MAX_TEXT_BYTES = 1_000_000
_MAX_DEPTH = 4
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

Path = tuple[str, ...]


@dataclass
class Form:
    """A form that was read.

    Attributes:
        fields: the text parts, with objects and lists put together; a part without text is absent.
        files: the content of each file, by the name of its part without brackets.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, list[bytes]] = field(default_factory=dict)


async def read_form(request: Request, *, max_file_bytes: int) -> Form:
    """Read a form; one byte more than allowed of a file is enough to find that it is too large.

    Raises:
        starlette.exceptions.HTTPException: 400, it is malformed, or has too many parts.
    """
    form = Form()
    limits = {"max_fields": _MAX_FIELDS, "max_part_size": _MAX_TEXT_BYTES}
    async with request.form(max_files=MAX_FILES, **limits) as parts:
        for name, value in parts.multi_items():
            if isinstance(value, UploadFile):
                data = await value.read(max_file_bytes + 1)
                form.files.setdefault(_path(name)[0], []).append(data)
            elif not is_blank(value):
                _insert(form.fields, _path(name), value)
            elif "" in (path := _path(name)):
                note([Slip((path[0],), "an entry of the list is empty")])
    return form


def fields_of(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The fields that names with brackets stand for; their values stay text."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        _insert(fields, _path(name), value)
    return fields


def _path(name: str) -> Path:
    """The keys that a name stands for: `webhook[events][]` is `("webhook", "events", "")`."""
    match = _NAME.fullmatch(name)
    if match is None:
        return (name,)
    keys = re.findall(r"\[([^\[\]]*)\]", match[2])
    return (match[1], *keys) if len(keys) < _MAX_DEPTH else (name,)


def _insert(fields: dict[str, Any], path: Path, value: str) -> None:
    name, rest = path[0], path[1:]
    if not rest:
        # A repeated part is a list.
        fields[name] = _joined(fields[name], value) if name in fields else value
    elif rest[0] == "" or rest[0].isdecimal():
        fields[name] = _listed(fields.get(name), rest[1:], value)
    else:
        inner = fields.get(name)
        fields[name] = inner if isinstance(inner, dict) else {}
        _insert(fields[name], rest, value)


def _joined(first: Any, value: str) -> list[Any]:
    return [*first, value] if isinstance(first, list) else [first, value]


def _listed(entries: Any, rest: Sequence[str], value: str) -> list[Any]:
    """A list with one entry more; the next field of an object that is the last entry goes there."""
    found = entries if isinstance(entries, list) else []
    if not rest:
        return [*found, value]
    if not found or not isinstance(found[-1], dict) or rest[0] in found[-1]:
        found = [*found, {}]
    _insert(found[-1], tuple(rest), value)
    return found
