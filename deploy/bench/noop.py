"""The benchmark's no-op model, which only the benchmark's processes offer."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from db.values.pricing import Measure, PerUnit, UnitKind
from workers.adapters.protocol import Output, Report, ShouldStop, Work
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


class NoopAdapter:
    """An `Adapter` without a model."""

    def load(self) -> None:
        """Do nothing: there are no weights."""

    def run(self, batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
        """Report one step, and return the number of each work."""
        report(1, 1)
        return [Output(data=work.parameters.model_dump()) for work in batch]
