"""The benchmark's no-op models, which only the benchmark's processes offer."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image
from pydantic import BaseModel, ConfigDict

from db.values.pricing import Measure, PerUnit, UnitKind
from workers import catalog
from workers.adapters.protocol import Output, Painted, Report, ShouldStop, Work
from workers.catalog.variant import Family, Licence, Variant, Weights

_PRICE_MICROS = 1


class NoopParameters(BaseModel):
    """A number that the output returns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int


NOOP = Variant(
    id="bench.noop",
    family=Family.FLORENCE2,
    adapter="noop",
    title="Nothing at all, for the benchmark",
    weights=Weights("none", bundled=True),
    parameters=NoopParameters,
    unit_kind=UnitKind.ANALYSES,
    price=PerUnit(_PRICE_MICROS),
    measure=lambda _parameters, _inputs: Measure(units=1),
    cost_seconds=lambda _parameters, _inputs=(): 0.001,
    batch_fields=(),
    max_batch=32,
    samples=lambda _parameters: 1,
    deadline_seconds=60,
    licence=Licence("Apache-2.0"),
)

BLANK = replace(
    catalog.STANDARD.find("flux.1-demo"),
    id="bench.blank",
    aliases=(),
    adapter="noop",
    title="No picture at all, for the benchmark of compatible APIs",
    weights=Weights("none", bundled=True),
)
"""FLUX's parameters, and a result without a picture: compatible APIs can submit its jobs."""

DOT = replace(BLANK, id="bench.dot", title="A tiny picture, for the benchmark of compatible APIs")
"""The same with a picture, which a synchronous call answers with."""

_DOT_SIZE = (16, 16)


class NoopAdapter:
    """An `Adapter` without a model."""

    def load(self) -> None:
        """Do nothing: there are no weights."""

    def run(self, batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
        """Report one step, and return the number of each work."""
        report(1, 1)
        return [Output(data=work.parameters.model_dump()) for work in batch]


class BlankAdapter:
    """An `Adapter` that paints nothing, or the same tiny picture each time."""

    def __init__(self, *, paints: bool = False) -> None:
        picture = Painted(Image.new("RGB", _DOT_SIZE, "red"), seed=0)
        self._output = Output((picture,) if paints else (), data={})

    def load(self) -> None:
        """Do nothing: there are no weights."""

    def run(self, batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
        """Report one step, and return the picture for each work."""
        report(1, 1)
        return [self._output for _ in batch]
