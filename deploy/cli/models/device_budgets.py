"""The memory of this machine's devices, for commands that plan: without torch in their process."""

from collections.abc import Callable
from dataclasses import replace

from workers.adapters.device_probe import Probe, probe
from workers.adapters.pinning import DeviceError, parse_device
from workers.adapters.serving.choose import Budget
from workers.adapters.serving.device_budget import DeviceBudget, of_card, of_device, of_free_card
from workers.adapters.serving.plan import UNPLANNED, ServingPlan
from workers.settings import MemorySettings


def budget_of(
    device: str, memory_bytes: int = 0, probe_devices: Callable[[], Probe] = probe
) -> DeviceBudget:
    """The free memory of a device by name, and its abilities.

    Args:
        device: "cpu", "cuda:N" or a UUID.
        memory_bytes: the memory that models may take; 0 for all that is free. With it, a card
            need not be here.
        probe_devices: checks every CUDA device.

    Raises:
        DeviceError: the machine has no such device, or it cannot be used.
    """
    wanted = parse_device(device)
    if wanted.kind == "cpu":
        return of_device("cpu", memory_bytes)
    if memory_bytes:
        return DeviceBudget(Budget(memory_bytes), of_card(memory_bytes).abilities)
    found = probe_devices()
    for each in found.devices:
        is_it = each.number == (wanted.index or 0)
        if wanted.uuid is not None and each.card is not None:
            is_it = each.card.uuid.lower().startswith(wanted.uuid.lower())
        if is_it and each.card is not None:
            return of_free_card(each.card.free_bytes, each.card.capability)
        if is_it and wanted.uuid is None:
            raise DeviceError(f"{device}: {each.fault}")
    raise DeviceError(f"{device} is not on this machine: {found.first_fault or 'see nvidia-smi'}")


def budget_here(device: str, probe_devices: Callable[[], Probe] = probe) -> DeviceBudget:
    """The budget that a new worker of this machine would have, by its environment too.

    Args:
        device: see `budget_of`.
        probe_devices: checks every CUDA device.

    Raises:
        DeviceError: see `budget_of`.
        pydantic.ValidationError: `BOTTEGA_DEVICE_MEMORY_BYTES` is no number of bytes.
    """
    most = MemorySettings().device_memory_bytes
    if parse_device(device).kind == "cpu":
        return budget_of(device, most)
    found = budget_of(device, 0, probe_devices)
    free = found.budget.device_bytes
    return replace(found, budget=replace(found.budget, device_bytes=min(free, most or free)))


def sentence(variant_id: str, plan: ServingPlan) -> str:
    """A plan for people."""
    if plan == UNPLANNED:
        return f"{variant_id}: its vendor runs it"
    return f"{variant_id}: {plan.reason}"
