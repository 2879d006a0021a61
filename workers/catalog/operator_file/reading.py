"""The catalogue file, read: a catalogue, or all that is wrong with it."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workers.catalog.operator_file.checks import faults_of_row
from workers.catalog.operator_file.faults import CatalogueFileError, Fault, shown
from workers.catalog.operator_file.messages import faults_of, unknown_key
from workers.catalog.operator_file.names import faults_of_names
from workers.catalog.operator_file.positions import Positions
from workers.catalog.operator_file.rows import added_row, changed_row
from workers.catalog.operator_file.schema import ModelTable
from workers.catalog.registry import STANDARD, Catalogue, CatalogueFile
from workers.catalog.variant import Variant

MAX_FILE_BYTES = 2**20
_DIGEST_LENGTH = 16
_AT_LINE = " (at line "


def read_catalogue(path: Path) -> Catalogue:
    """The built-in rows as the file changes them, and behind them those that it adds.

    Whether local weights exist is not looked at: the API's machine need not have them.

    Raises:
        CatalogueFileError: the file is missing, is not TOML, or says what cannot be.
    """
    return catalogue_of(path, _read_text(path))


def catalogue_of(path: Path, text: str) -> Catalogue:
    """The catalogue of a file's text; see `read_catalogue`.

    Raises:
        CatalogueFileError: the text is not TOML, or says what cannot be.
    """
    document = _parse(path, text)
    tables: dict[str, ModelTable] = {}
    faults = [*_read_tables(document, tables)]
    faults += [*faults_of_names(tables, STANDARD.variants()), *_faults_of_rows(tables)]
    if faults:
        raise _located(path, text, faults)
    return _make_catalogue(path, document, tables)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise CatalogueFileError(path, [Fault((), "is longer than 1 MiB")])
        return content.decode()
    except OSError as error:
        message = f"cannot be read ({error.strerror}): BOTTEGA_CATALOG must name a file of models"
        raise CatalogueFileError(path, [Fault((), message)]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CatalogueFileError(path, [Fault((), "is not UTF-8 text", line)]) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        # Decimal: an amount of money never passes through a binary fraction.
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(_AT_LINE)
        line = int(place.partition(",")[0]) if place[:1].isdigit() else text.count("\n") + 1
        raise CatalogueFileError(path, [Fault((), f"is not TOML: {message}", line)]) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        # Numbers of thousands of digits, impossible dates, lists in hundreds of lists.
        raise CatalogueFileError(path, [Fault((), f"cannot be parsed: {error}")]) from error


def _located(path: Path, text: str, faults: list[Fault]) -> CatalogueFileError:
    positions = Positions(text)
    return CatalogueFileError(
        path, [replace(fault, line=positions.line(fault.where)) for fault in faults]
    )


def _read_tables(document: Mapping[str, Any], tables: dict[str, ModelTable]) -> Iterator[Fault]:
    """Fill in the tables whose types and ranges are right; the faults of the others."""
    for key in document:
        if key != "models":
            yield Fault((key,), unknown_key(key, ["models"]))
    models = document.get("models", {})
    if not isinstance(models, dict):
        yield Fault(("models",), 'must be tables of models, such as [models."flux.1-schnell"]')
        return
    for name, content in models.items():
        try:
            tables[name] = ModelTable.model_validate(content)
        except ValidationError as error:
            yield from (fault.below("models", name) for fault in faults_of(error))


def _faults_of_rows(tables: Mapping[str, ModelTable]) -> Iterator[Fault]:
    for name, table in tables.items():
        faults = [*_faults_of_base(name, table)] or faults_of_row(table, _base(name, table))
        yield from (fault.below("models", name) for fault in faults)


def _faults_of_base(name: str, table: ModelTable) -> Iterator[Fault]:
    built_in = [row.id for row in STANDARD.variants()]
    if name in built_in:
        if table.base is not None:
            yield Fault(("base",), f"{name} is built in: leave base out, or choose another id")
    elif table.base is None:
        needs = "a model of your own needs base, the built-in one that it derives from"
        yield Fault((), f"{_no_built_in(name, built_in).rstrip('?')}; {needs}")
    elif table.base not in built_in:
        yield Fault(("base",), _no_built_in(table.base, built_in))
    elif STANDARD.find(table.base).is_hosted:
        message = f"{table.base} runs at its vendor: base must be a model that runs on own devices"
        yield Fault(("base",), message)


def _no_built_in(name: str, built_in: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:100], built_in, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no built-in model {shown(name)}{hint}"


def _base(name: str, table: ModelTable) -> Variant:
    return STANDARD.find(table.base or name)


def _make_catalogue(
    path: Path, document: Mapping[str, Any], tables: Mapping[str, ModelTable]
) -> Catalogue:
    rows = [
        changed_row(tables[row.id], row, path.parent) if row.id in tables else row
        for row in STANDARD.variants()
    ]
    added = [name for name in tables if not STANDARD.has(name)]
    rows += [
        added_row(name, tables[name], _base(name, tables[name]), path.parent) for name in added
    ]
    changed = tuple(name for name in tables if STANDARD.has(name))
    file = CatalogueFile(path, _digest(document), changed, tuple(added))
    return Catalogue(rows, file=file)


def _digest(document: Mapping[str, Any]) -> str:
    """A digest of what the file says: comments, spaces and the order of keys do not count."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
