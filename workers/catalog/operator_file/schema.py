"""The keys of the catalogue file: their types and ranges, whatever the model is.

Rules that depend on the model are in `workers.catalog.operator_file.checks`.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
)
from pydantic_core import PydanticCustomError

from workers.catalog.florence2.calibration import CALIBRATED, MAX_COEFFICIENT
from workers.catalog.serving import AUTO, Compile, Offload, Precision
from workers.catalog.validation import StoredText

MAX_USD = 1_000
MAX_STEPS = 100
MAX_SIDE = 4096
MAX_PIXELS = 4 * 1024 * 1024
"""The largest picture of any built-in model, which the service's memory is planned for."""
MAX_LORAS = 8
MAX_ALIASES = 16
_DAY_SECONDS = 24 * 3600
_MICROS = 1_000_000


def _micros(value: Any) -> int:
    """US dollars as micro-USD; amounts never pass through a binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("usd", "must be a number of US dollars, such as 0.004")
    usd = Decimal(value)
    if not usd.is_finite() or not 0 <= usd <= MAX_USD:
        raise PydanticCustomError("usd", f"must be from 0 to {MAX_USD} US dollars")
    micros = usd * _MICROS
    if micros != int(micros):
        raise PydanticCustomError("usd", "must have at most six decimals: a millionth of a dollar")
    return int(micros)


def _number(value: Any) -> Any:
    """A decimal number as the field's type takes it; other values go on to its own check."""
    return float(value) if isinstance(value, Decimal) else value


def _per_megapixel(value: Any) -> Any:
    """One number is the price of the first and of each further megapixel."""
    return {"first": value, "more": value} if isinstance(value, int | Decimal) else value


def _switch(value: Any) -> Any:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Usd = Annotated[int, BeforeValidator(_micros)]
"""An amount, written in US dollars and kept in micro-USD."""
Number = Annotated[float, BeforeValidator(_number)]
Count = Annotated[int, BeforeValidator(_number)]
Coefficient = Annotated[Number, Field(ge=-MAX_COEFFICIENT, le=MAX_COEFFICIENT)]
_Text = Annotated[StoredText, StringConstraints(min_length=1, max_length=500)]
_Title = Annotated[
    StoredText, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\n\r]*$")
]


class Table(BaseModel):
    """A table of the file; keys that are absent are None."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @property
    def keys(self) -> list[str]:
        """The keys that are given."""
        return [name for name in type(self).model_fields if name in self.model_fields_set]


class PerMegapixelTable(Table):
    """The price of the first megapixel, and of each further one and each of an input picture."""

    first: Usd
    more: Usd


class PriceTable(Table):
    """A price rule; exactly one key is given."""

    per_image: Usd | None = None
    per_analysis: Usd | None = None
    per_megapixel: Annotated[PerMegapixelTable | None, BeforeValidator(_per_megapixel)] = None


class WeightsTable(Table):
    """The source of weights: a folder, a file, a hub repository, or a file in one."""

    repo: _Text | None = None
    revision: _Text | None = None
    folder: _Text | None = None
    file: _Text | None = None


class LoraTable(Table):
    """A LoRA: a local file, or one of a hub repository."""

    file: _Text
    repo: _Text | None = None
    revision: _Text | None = None
    scale: Number = 1.0


class DefaultsTable(Table):
    """Values of parameters that a job leaves out."""

    steps: Annotated[Count, Field(ge=1, le=MAX_STEPS)] | None = None
    guidance: Annotated[Number, Field(ge=0, le=100)] | None = None
    side: Annotated[Count, Field(ge=64, le=MAX_SIDE)] | None = None
    num_beams: Annotated[Count, Field(ge=1)] | None = None
    max_new_tokens: Annotated[Count, Field(ge=1)] | None = None


class LimitsTable(Table):
    """The largest values of parameters."""

    max_steps: Annotated[Count, Field(ge=1, le=MAX_STEPS)] | None = None
    max_side: Annotated[Count, Field(ge=64, le=MAX_SIDE)] | None = None
    max_pixels: Annotated[Count, Field(ge=64 * 64, le=MAX_PIXELS)] | None = None
    min_guidance: Annotated[Number, Field(ge=0, le=100)] | None = None
    max_guidance: Annotated[Number, Field(ge=0, le=100)] | None = None
    max_new_tokens: Annotated[Count, Field(ge=1)] | None = None


class ScoreTable(Table):
    """The calibration of one task's scores."""

    bias: Coefficient
    label: Coefficient = 0.0
    place: Coefficient = 0.0


_SCORES: dict[str, Any] = {task.name: (ScoreTable | None, None) for task in CALIBRATED}
CalibrationTable = create_model(
    "CalibrationTable",
    __base__=Table,
    __doc__="Calibrations of scores by a task's name.",
    **_SCORES,
)


class LicenceTable(Table):
    """The licence of the weights; keys that are absent stay as they are in the base."""

    name: _Title | None = None
    url: Annotated[_Text, StringConstraints(pattern=r"^https?://\S+$")] | None = None
    commercial_use: bool | None = None
    content_filter_required: bool | None = None


class ModelTable(Table):
    """One `[models.…]` table."""

    base: _Text | None = None
    title: _Title | None = None
    enabled: bool = True
    aliases: Annotated[list[str], Field(max_length=MAX_ALIASES)] = Field(default_factory=list)
    price: PriceTable | None = None
    vendor_price: PriceTable | None = None
    deadline_seconds: Annotated[Number, Field(gt=0, le=_DAY_SECONDS)] | None = None
    longest_deadline_seconds: Annotated[Number, Field(gt=0, le=_DAY_SECONDS)] | None = None
    max_batch: Annotated[Count, Field(ge=1, le=64)] | None = None
    calls_at_once: Annotated[Count, Field(ge=1, le=1000)] | None = None
    weights: WeightsTable | None = None
    loras: Annotated[list[LoraTable], Field(max_length=MAX_LORAS)] | None = None
    defaults: DefaultsTable | None = None
    limits: LimitsTable | None = None
    calibration: CalibrationTable | None = None
    licence: LicenceTable | None = None
    precision: Annotated[Precision, Field(strict=False)] = Precision.AUTO
    offload: Annotated[Offload, Field(strict=False)] = Offload.AUTO
    attention: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")] = AUTO
    compile: Annotated[Compile, Field(strict=False), BeforeValidator(_switch)] = Compile.AUTO
    idle_seconds: Annotated[Number, Field(ge=1, le=30 * _DAY_SECONDS)] | None = None
    pinned: bool = False


TABLES: dict[str, type[Table]] = {
    "price": PriceTable,
    "vendor_price": PriceTable,
    "per_megapixel": PerMegapixelTable,
    "weights": WeightsTable,
    "loras": LoraTable,
    "defaults": DefaultsTable,
    "limits": LimitsTable,
    "calibration": CalibrationTable,
    **dict.fromkeys((task.name for task in CALIBRATED), ScoreTable),
    "licence": LicenceTable,
}
"""The tables inside a model's, by their key."""
