"""The memory plans of a worker's models, made when it starts from the memory that is free then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from workers.adapters.pinning import parse_device
from workers.adapters.serving.device_budget import DeviceBudget, of_device
from workers.adapters.serving.kernels import kernels_are_kept
from workers.adapters.serving.memory_plan import is_mixed, plan_variant, request_for
from workers.adapters.serving.plan import UNPLANNED, ServingPlan
from workers.adapters.weights import WeightsError
from workers.catalog.serving import Compile, ServingMode, ServingRequest
from workers.catalog.variant import Variant

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WorkerPlans:
    """The plans of a worker.

    Attributes:
        by_variant: the plan of each model; each fits the device alone.
        budget_bytes: the device memory that the models may take together; None where none of them
            takes any.
    """

    by_variant: Mapping[str, ServingPlan]
    budget_bytes: int | None = None


def plan_models(
    variants: Sequence[Variant],
    device: str,
    request: ServingRequest,
    overrides: Mapping[str, str],
    *,
    card_bytes: int = 0,
) -> WorkerPlans:
    """Plan every model of a worker, and tell it in the log.

    One of several whose weights are broken has no plan: its load says so, and the others are
    served.

    Args:
        variants: the rows that it serves.
        device: torch's name for its device.
        request: what the worker asks for.
        overrides: local folders of weights by variable.
        card_bytes: see `workers.adapters.serving.device_budget.of_device`.

    Raises:
        workers.adapters.serving.choose.DoesNotFitError: a model does not fit alone.
        workers.adapters.weights.WeightsError: the size of the only model's weights cannot be read.
    """
    if all(variant.weights is None for variant in variants):
        return WorkerPlans({variant.id: ServingPlan() for variant in variants})
    found = of_device(device, card_bytes)
    mixed = is_mixed(variants)
    plans: dict[str, ServingPlan] = {}
    for each in variants:
        try:
            plans[each.id] = _plan(each, found, request, overrides, device, mixed=mixed)
        except WeightsError as error:
            if len(variants) == 1:
                raise
            _log.warning("memory_plan_unknown", variant=each.id, problem=str(error))
            plans[each.id] = UNPLANNED
    return WorkerPlans(plans, found.budget.device_bytes)


def _plan(
    variant: Variant,
    device: DeviceBudget,
    request: ServingRequest,
    overrides: Mapping[str, str],
    device_name: str,
    *,
    mixed: bool,
) -> ServingPlan:
    plan = plan_variant(variant, device, request, overrides, mixed=mixed)
    if request_for(variant, request, mixed=mixed).compile is Compile.AUTO and _compiles_at_once(
        variant, plan.mode, device_name
    ):
        plan = replace(plan, mode=replace(plan.mode, compile=True))
    if variant.weights is not None:
        _log.info(
            "memory_plan",
            variant=variant.id,
            precision=plan.number_format,
            offload=plan.mode.offload.value,
            compile=plan.mode.compile,
            device_bytes=plan.device_bytes,
            working_bytes=plan.working_bytes,
            host_bytes=plan.host_bytes,
            plan=plan.reason,
        )
    return plan


def _compiles_at_once(variant: Variant, mode: ServingMode, device: str) -> bool:
    """True where the kernels of an earlier load are kept: compiling takes no time then."""
    return kernels_are_kept(variant.id, mode, parse_device(device))
