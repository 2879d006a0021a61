"""The memory plan of a worker's models: sizes, free memory and requests brought together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workers import catalog
from workers.adapters.serving.checkpoint_sizes import bytes_in_16_bits, components_of
from workers.adapters.serving.choose import (
    Candidate,
    DoesNotFitError,
    asked_for,
    choose,
    is_installed,
    plan_of,
    requested_modes,
)
from workers.adapters.serving.device_budget import DeviceBudget
from workers.adapters.serving.plan import UNPLANNED, ServingPlan
from workers.adapters.weights import WeightsError
from workers.catalog.serving import OPEN_REQUEST, ServingRequest
from workers.catalog.variant import Family, Variant


@dataclass(frozen=True)
class PlannedMode:
    """One way to serve a model, and its plan where it fits.

    Attributes:
        way: the way.
        fits: true when a usual job fits the memory.
        installed: true when its libraries are installed where the device is.
        chosen: true for the way that a worker would take.
        plan: its figures.
    """

    way: Candidate
    fits: bool
    installed: bool
    chosen: bool
    plan: ServingPlan


def is_mixed(variants: Iterable[Variant]) -> bool:
    """True for models of one worker of which some take its request, and Florence-2 does not."""
    return any(
        each.weights is not None and each.family is not Family.FLORENCE2 for each in variants
    )


def request_for(
    variant: Variant, of_worker: ServingRequest, *, mixed: bool = False
) -> ServingRequest:
    """A worker's request for one of its models: what it says goes before what the row says.

    Args:
        variant: the row.
        of_worker: what the worker asks for.
        mixed: see `is_mixed`. Florence-2 is served one way: beside a FLUX the worker's request
            is the FLUX's, and only the row's own counts for it.
    """
    if mixed and variant.family is Family.FLORENCE2:
        return variant.serving
    return variant.serving.overridden_by(of_worker)


def plan_variant(
    variant: Variant,
    device: DeviceBudget,
    request: ServingRequest = OPEN_REQUEST,
    overrides: Mapping[str, str] | None = None,
    *,
    mixed: bool = False,
) -> ServingPlan:
    """The plan of a worker for a model on a device; a hosted model takes nothing of it.

    Args:
        variant: the row.
        device: its free memory and abilities.
        request: what the worker asks for, before what the row asks for.
        overrides: local folders of weights by variable.
        mixed: see `is_mixed`.

    Raises:
        DoesNotFitError: it cannot be served there as requested; the message ends with a remedy.
        workers.adapters.weights.WeightsError: its local weights cannot be read.
    """
    if variant.weights is None:
        return UNPLANNED
    wanted = request_for(variant, request, mixed=mixed)
    components = components_of(variant, overrides or {})
    try:
        plan = choose(variant, components, device.budget, wanted, device.abilities)
        return _with_ignored(plan, variant, request if mixed else OPEN_REQUEST)
    except DoesNotFitError as error:
        smaller = _smaller(variant, device) if error.is_final else None
        if smaller is None:
            raise
        raise DoesNotFitError(f"{error}; {smaller.id} fits, for one", is_final=True) from error


def _with_ignored(plan: ServingPlan, variant: Variant, request: ServingRequest) -> ServingPlan:
    """The plan, whose reason names what its worker asks for and Florence-2 does not take."""
    ignored = asked_for(request)
    if variant.family is not Family.FLORENCE2 or not ignored:
        return plan
    return replace(plan, reason=f"{plan.reason}; {ignored} is not for Florence-2")


def _smaller(variant: Variant, device: DeviceBudget) -> Variant | None:
    """The largest smaller model of the same use that fits, without a request."""
    most = bytes_in_16_bits(variant, {})
    fitting: list[tuple[int, Variant]] = []
    for other in catalog.variants():
        if other.weights is None or other.weights.bundled or other.unit_kind != variant.unit_kind:
            continue
        try:
            components = components_of(other, {})
            choose(other, components, device.budget, OPEN_REQUEST, device.abilities)
        except (DoesNotFitError, WeightsError):
            continue
        size = bytes_in_16_bits(other, {})
        if size < most:
            fitting.append((size, other))
    return max(fitting, key=lambda each: each[0], default=(0, None))[1]


def planned_modes(
    variant: Variant,
    device: DeviceBudget,
    request: ServingRequest = OPEN_REQUEST,
    overrides: Mapping[str, str] | None = None,
    *,
    mixed: bool = False,
) -> Sequence[PlannedMode]:
    """Every way to serve a model that a request leaves open, best first.

    The arguments are those of `plan_variant`.

    Raises:
        workers.adapters.serving.choose.RequestError: it leaves none.
        workers.adapters.weights.WeightsError: its local weights cannot be read.
    """
    wanted = request_for(variant, request, mixed=mixed)
    components = components_of(variant, overrides or {})
    candidates = requested_modes(variant, components, wanted, device.abilities)
    try:
        mode = choose(variant, components, device.budget, wanted, device.abilities).mode
        taken = (mode.precision, mode.offload)
    except DoesNotFitError:
        taken = None
    return [
        PlannedMode(
            way,
            fits=way.fits(device.budget),
            installed=is_installed(way, device.abilities),
            chosen=(way.precision, way.offload) == taken,
            plan=plan_of(way, device.budget, wanted),
        )
        for way in candidates
    ]
