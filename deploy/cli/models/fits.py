"""The fit of models on devices, for `bottega fleet --check` and `bottega doctor`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.cli.models.device_budgets import budget_here, budget_of, sentence
from deploy.cli.models.library_note import NOTE, needs_missing_library
from deploy.local.fleet import FleetWorker
from workers import catalog
from workers.adapters.device_probe import Probe, probe
from workers.adapters.pinning import DeviceError
from workers.adapters.serving.choose import DoesNotFitError
from workers.adapters.serving.device_budget import DeviceBudget
from workers.adapters.serving.memory_plan import is_mixed, plan_variant
from workers.adapters.weights import WeightsError
from workers.catalog.serving import ServingRequest
from workers.catalog.serving_settings import ServingSettings
from workers.catalog.variant import Variant
from workers.settings import weights_overrides


@dataclass(frozen=True)
class Fit:
    """The fit of one model on a device, in a sentence.

    Attributes:
        ok: true when it does, false when it does not, None when that is not known here.
        text: how it is served, or why it does not fit.
    """

    ok: bool | None
    text: str

    @property
    def line(self) -> str:
        """The verdict and its text."""
        verdicts = {True: "fits", False: "DOES NOT FIT", None: "not known"}
        return f"{verdicts[self.ok]}: {self.text}"


def of_worker(worker: FleetWorker, probe_devices: Callable[[], Probe] = probe) -> Iterator[Fit]:
    """The fit of each model of a fleet's worker on its device.

    Without `memory` in its entry the device's free memory counts; where the device is not on this
    machine that is not known, which is no fault: a fleet file is often checked elsewhere.
    """
    rows = [catalog.find(name) for name in worker.variants]
    if all(row.weights is None for row in rows):
        return
    memory = int(worker.memory or 0)
    try:
        device = budget_of(worker.device, memory, probe_devices)
    except DeviceError as error:
        yield Fit(None, f"{error} (or write its memory into the file)")
        return
    request = ServingSettings.model_validate(worker.serving).request
    mixed = is_mixed(rows)
    for row in rows:
        if row.weights is not None:
            yield _fit(row, device, request, mixed=mixed)


def _fit(variant: Variant, device: DeviceBudget, request: ServingRequest, *, mixed: bool) -> Fit:
    try:
        plan = plan_variant(variant, device, request, weights_overrides(), mixed=mixed)
    except (DoesNotFitError, WeightsError) as error:
        return Fit(ok=False, text=str(error))
    note = f"; {NOTE}" if needs_missing_library(plan.mode.precision) else ""
    return Fit(ok=True, text=f"{sentence(variant.id, plan)}{note}")


def on_devices(
    variants: Sequence[Variant], probe_devices: Callable[[], Probe] = probe
) -> Iterator[Fit]:
    """The way in which each model would be served by a new worker of this machine, by device."""
    request = ServingSettings().request
    devices = [f"cuda:{each.number}" for each in probe_devices().devices if each.card] or ["cpu"]
    budgets = {name: budget_here(name, probe_devices) for name in devices}
    mixed = is_mixed(variants)
    for variant in variants:
        fits = {
            name: _fit(variant, budget, request, mixed=mixed) for name, budget in budgets.items()
        }
        yield Fit(
            any(fit.ok for fit in fits.values()),
            "; ".join(f"{name}: {fit.text}" for name, fit in fits.items()),
        )


def as_served(worker_id: str, plans: Mapping[str, Any]) -> Iterator[str]:
    """The plans by which a live worker serves its models."""
    for variant_id, plan in plans.items():
        if plan.get("reason"):
            yield f"{worker_id}: {variant_id}: {plan['reason']}"
