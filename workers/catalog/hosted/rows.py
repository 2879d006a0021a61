"""The FLUX variants that only their vendor hosts, forwarded to an upstream: one row each.

Parameters and prices follow the vendor's published lists. `price` is what the tenant pays, a
default that the operator may change; `vendor_price` beside it is what the vendor bills the
operator. By default they are equal, so that a tenant's payment covers the operator's cost.
"""

from collections.abc import Callable
from typing import Any

from db.values.pricing import Measure, PerMegapixel, PerUnit, Price, UnitKind
from workers.catalog.hosted.parameters import (
    FLUX2_MAX_PIXELS,
    Flux1ProHostedParameters,
    Flux2FlexHostedParameters,
    Flux2HostedParameters,
    Flux11ProHostedParameters,
    Flux11UltraHostedParameters,
    HostedParameters,
    KontextHostedParameters,
)
from workers.catalog.variant import Family, Licence, Variant

IN_FLIGHT = 24
"""Tasks that the vendor runs concurrently for one account."""

HOSTED = Licence("commercial API")
_DEADLINE_SECONDS = 300.0


def _one_picture(_parameters: HostedParameters, _inputs: tuple[int, ...]) -> Measure:
    return Measure(units=1)


def _by_megapixel(parameters: Flux2HostedParameters, inputs: tuple[int, ...]) -> Measure:
    """Measure by megapixel; a reference above four megapixels counts as four.

    The vendor scales it down to four before it is read.
    """
    return Measure(
        units=1,
        output_pixels=parameters.output_pixels(inputs),
        input_pixels=tuple(min(pixels, FLUX2_MAX_PIXELS) for pixels in inputs),
    )


def _row(  # noqa: PLR0913 - the rows differ in these
    variant_id: str,
    title: str,
    endpoint: str,
    parameters: type[HostedParameters],
    price: Price,
    *,
    vendor_price: Price,
    seconds: float,
    family: Family = Family.FLUX1,
    measure: Callable[[Any, tuple[int, ...]], Measure] = _one_picture,
    in_flight: int = IN_FLIGHT,
) -> Variant:
    """The row of a hosted variant.

    Args:
        variant_id: public name.
        title: one line for people.
        endpoint: the last part of the vendor's path.
        parameters: the model of `input`.
        price: price rule of ours.
        vendor_price: the vendor's own.
        seconds: time that a picture takes, about; concurrent tasks share it.
        family: line of models.
        measure: computes what is priced.
        in_flight: tasks that the vendor runs concurrently.
    """
    return Variant(
        id=variant_id,
        family=family,
        adapter="hosted",
        title=title,
        weights=None,
        parameters=parameters,
        unit_kind=UnitKind.IMAGES,
        price=price,
        vendor_price=vendor_price,
        measure=measure,
        cost_seconds=lambda _parameters, _inputs=(): seconds / in_flight,
        batch_fields=(),
        max_batch=1,
        samples=lambda _parameters: 1,
        deadline_seconds=_DEADLINE_SECONDS,
        licence=HOSTED,
        calls_at_once=in_flight,
        options={"endpoint": endpoint},
    )


ROWS = (
    _row(
        "flux.1-pro",
        "FLUX.1 [pro], hosted",
        "flux-pro",
        Flux1ProHostedParameters,
        # No longer on the vendor's list: a default above FLUX1.1 [pro], which follows it.
        PerUnit(50_000),
        vendor_price=PerUnit(50_000),
        seconds=12,
    ),
    _row(
        "flux.1.1-pro",
        "FLUX1.1 [pro], hosted",
        "flux-pro-1.1",
        Flux11ProHostedParameters,
        PerUnit(40_000),
        vendor_price=PerUnit(40_000),
        seconds=6,
    ),
    _row(
        "flux.1.1-pro-ultra",
        "FLUX1.1 [pro] ultra, hosted: four megapixels",
        "flux-pro-1.1-ultra",
        Flux11UltraHostedParameters,
        PerUnit(60_000),
        vendor_price=PerUnit(60_000),
        seconds=12,
    ),
    _row(
        "flux.1-kontext-pro",
        "FLUX.1 Kontext [pro], hosted: editing",
        "flux-kontext-pro",
        KontextHostedParameters,
        PerUnit(40_000),
        vendor_price=PerUnit(40_000),
        seconds=8,
    ),
    _row(
        "flux.1-kontext-max",
        "FLUX.1 Kontext [max], hosted: editing",
        "flux-kontext-max",
        KontextHostedParameters,
        PerUnit(80_000),
        vendor_price=PerUnit(80_000),
        seconds=10,
        in_flight=6,
    ),
    _row(
        "flux.2-pro",
        "FLUX.2 [pro], hosted",
        "flux-2-pro",
        Flux2HostedParameters,
        PerMegapixel(first_micros=30_000, more_micros=15_000),
        vendor_price=PerMegapixel(first_micros=30_000, more_micros=15_000),
        seconds=10,
        family=Family.FLUX2,
        measure=_by_megapixel,
    ),
    _row(
        "flux.2-flex",
        "FLUX.2 [flex], hosted: steps and guidance",
        "flux-2-flex",
        Flux2FlexHostedParameters,
        PerMegapixel(first_micros=50_000, more_micros=50_000),
        vendor_price=PerMegapixel(first_micros=50_000, more_micros=50_000),
        seconds=25,
        family=Family.FLUX2,
        measure=_by_megapixel,
    ),
    _row(
        "flux.2-max",
        "FLUX.2 [max], hosted",
        "flux-2-max",
        Flux2HostedParameters,
        PerMegapixel(first_micros=70_000, more_micros=30_000),
        vendor_price=PerMegapixel(first_micros=70_000, more_micros=30_000),
        seconds=20,
        family=Family.FLUX2,
        measure=_by_megapixel,
    ),
)
