"""Rows of the catalogue made from tables of the operator's file."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from db.values.pricing import PerMegapixel, PerUnit, Price
from workers.catalog.florence2.calibration import TaskCalibration, calibration_of
from workers.catalog.florence2.parameters import florence2_parameters
from workers.catalog.flux.loras import RowLora
from workers.catalog.flux.parameters import FluxParameters, flux_parameters
from workers.catalog.operator_file.limits import florence2_limits, flux_limits
from workers.catalog.operator_file.schema import LoraTable, ModelTable, PriceTable, WeightsTable
from workers.catalog.serving import ServingRequest
from workers.catalog.variant import Licence, Variant, Weights

_PLAIN_KEYS = (
    "title",
    "enabled",
    "deadline_seconds",
    "longest_deadline_seconds",
    "max_batch",
    "idle_seconds",
    "pinned",
)
"""Keys whose value is that of the row's field."""

BRANCH = "main"
"""The revision of a hub repository where none is given: it moves as its owner changes it."""


def added_row(name: str, table: ModelTable, base: Variant, folder: Path) -> Variant:
    """A row of the operator's own.

    Args:
        name: its id.
        table: its table, which was checked.
        base: the built-in row that it derives from.
        folder: the file's, to which relative paths are.
    """
    own = replace(base, id=name, title=f"{name}, from {base.id}", base=base.id)
    return replace(own, parameters=_parameters(table, own), **_changes(table, own, folder))


def changed_row(table: ModelTable, row: Variant, folder: Path) -> Variant:
    """A built-in row as the operator changes it; see `added_row`."""
    changes = _changes(table, row, folder)
    if table.defaults or table.limits:
        changes["parameters"] = _parameters(table, row)
    return replace(row, **changes)


def _changes(table: ModelTable, row: Variant, folder: Path) -> dict[str, Any]:
    """The fields of a row that the table sets."""
    changes: dict[str, Any] = {key: getattr(table, key) for key in _PLAIN_KEYS if key in table.keys}
    changes["aliases"] = tuple(table.aliases)
    changes["serving"] = ServingRequest(
        table.precision, table.offload, table.attention, table.compile
    )
    if table.price:
        changes["price"] = _price(table.price)
    if table.vendor_price:
        changes["vendor_price"] = _price(table.vendor_price)
    if table.licence:
        changes["licence"] = _licence(table, row)
    if table.weights:
        changes["weights"] = _weights(table.weights, folder)
    if options := _options(table, folder):
        changes["options"] = {**row.options, **options}
    if table.calls_at_once is not None:
        changes |= _calls_at_once(table.calls_at_once, row)
    return changes


def _options(table: ModelTable, folder: Path) -> dict[str, Any]:
    """The options for the adapter that the table sets."""
    options: dict[str, Any] = {}
    if table.loras is not None:
        options["loras"] = tuple(_lora(lora, folder) for lora in table.loras)
    if table.calibration is not None:
        given = table.calibration.model_dump(exclude_unset=True)
        options["calibration"] = calibration_of(
            {name: TaskCalibration.model_validate(scores) for name, scores in given.items()}
        )
    return options


def _price(table: PriceTable) -> Price:
    if table.per_megapixel is not None:
        return PerMegapixel(table.per_megapixel.first, table.per_megapixel.more)
    return PerUnit(table.per_image if table.per_image is not None else table.per_analysis or 0)


def _licence(table: ModelTable, row: Variant) -> Licence:
    given = table.licence.model_dump(exclude_unset=True) if table.licence else {}
    # A licence of another name has another text.
    elsewhere = {"url": ""} if given.get("name", row.licence.name) != row.licence.name else {}
    return replace(row.licence, **elsewhere | given)


def _weights(table: WeightsTable, folder: Path) -> Weights:
    if table.repo is not None:
        return Weights(table.repo, table.revision or BRANCH, file=table.file or "")
    if table.folder is not None:
        return Weights("", folder=str(_local(table.folder, folder)))
    return Weights("", file=str(_local(table.file or "", folder)))


def _lora(table: LoraTable, folder: Path) -> RowLora:
    if table.repo is not None:
        return RowLora(Weights(table.repo, table.revision or BRANCH), table.file, table.scale)
    path = _local(table.file, folder)
    return RowLora(Weights("", folder=str(path.parent)), path.name, table.scale)


def _local(path: str, folder: Path) -> Path:
    try:
        return folder / Path(path).expanduser()
    except RuntimeError:  # there is no such user: a folder that begins with ~ may exist
        return folder / path


def _calls_at_once(calls: int, row: Variant) -> dict[str, Any]:
    """More concurrent calls make a job cost less of the worker's time, and fewer more."""
    usual, share = row.cost_seconds, row.calls_at_once / calls

    def cost(parameters: Any, inputs: tuple[int, ...] = (), /) -> float:
        return share * usual(parameters, inputs)

    return {"calls_at_once": calls, "cost_seconds": cost}


def _parameters(table: ModelTable, row: Variant) -> type[BaseModel]:
    """The model of `input`, with the row's own defaults and limits in its JSON Schema."""
    name = f"{re.sub('[^A-Za-z0-9]', '', row.id.title())}Parameters"
    if not issubclass(row.parameters, FluxParameters):
        return florence2_parameters(name, florence2_limits(table, row))
    limits, inputs = flux_limits(table, row), row.parameters.inputs
    if inputs.max_masked_pixels is not None:
        most = min(inputs.max_masked_pixels, limits.max_pixels)
        inputs = replace(inputs, max_masked_pixels=most)
    needed = row.parameters.model_fields["prompt"].is_required()
    return flux_parameters(name, limits, inputs, prompt_needed=needed)
