"""The choice of a worker's device by `auto`, and the warning about large models on a CPU."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.adapters.device_probe import Probe, probe
from workers.adapters.nvidia_driver import Machine, read_machine
from workers.adapters.pinning import AUTO, DeviceError, parse_device
from workers.adapters.serving.checkpoint_sizes import bytes_in_16_bits
from workers.adapters.weights import WeightsError
from workers.catalog.variant import Variant

CPU_SIZED_BYTES = 3_000_000_000
"""A model up to this size is useful on a CPU: Florence-2 and the demo models are below it."""


@dataclass(frozen=True)
class DeviceChoice:
    """The device of a worker, by the name that pins it, and the reason in one sentence."""

    name: str
    reason: str = ""


def choose_device(
    name: str,
    variants: Sequence[Variant],
    *,
    probe_devices: Callable[[], Probe] = probe,
    machine: Callable[[], Machine] = read_machine,
) -> DeviceChoice:
    """Resolve "auto"; another name is returned as it is.

    Demo and hosted models take the CPU. Others take the working CUDA device with the most free
    memory, or the CPU of a machine without a card.

    Args:
        name: the device by name, or "auto".
        variants: the models that the worker serves.
        probe_devices: checks every CUDA device.
        machine: reads the machine's hardware.

    Raises:
        DeviceError: the name is no device; or it is "auto", a model is too large for a CPU, and
            the machine's card cannot be used.
    """
    if name.strip().lower() != AUTO:
        parse_device(name)
        return DeviceChoice(name)
    if all(is_at_home_on_cpu(variant) for variant in variants):
        return DeviceChoice("cpu", "auto: cpu, as demo and hosted models need no GPU")
    if machine().cards == 0:
        return DeviceChoice("cpu", "auto: cpu, as this machine has no NVIDIA GPU")
    return _choose(probe_devices(), variants)


def _choose(found: Probe, variants: Sequence[Variant]) -> DeviceChoice:
    working = [(device.card.free_bytes, device) for device in found.devices if device.card]
    if working:
        free, best = max(working, key=lambda each: each[0])
        of = f", of {len(found.devices)} devices the one with most" if len(working) > 1 else ""
        name = best.card.name if best.card else ""
        return DeviceChoice(
            f"cuda:{best.number}",
            f"auto: cuda:{best.number} ({name}), {free / 1e9:.1f} GB of memory free{of}",
        )
    if any(is_too_large_for_cpu(variant) for variant in variants):
        raise DeviceError(f"auto found no working GPU: {found.first_fault}")
    return DeviceChoice("cpu", f"auto: cpu, as no GPU can be used: {found.first_fault}")


def is_at_home_on_cpu(variant: Variant) -> bool:
    """True for a demo model, and for one that a vendor hosts."""
    return variant.weights is None or variant.weights.bundled


def is_too_large_for_cpu(variant: Variant) -> bool:
    """True for a model whose job takes many minutes or hours on a CPU."""
    return not is_at_home_on_cpu(variant) and _weights_bytes(variant) > CPU_SIZED_BYTES


def _weights_bytes(variant: Variant) -> int:
    try:
        return bytes_in_16_bits(variant, os.environ)
    except WeightsError:  # its load says it in its own words
        return 0


def cpu_warning(variants: Sequence[Variant]) -> str:
    """One sentence about models that are too large for a CPU; "" when there is none."""
    large = [variant.id for variant in variants if is_too_large_for_cpu(variant)]
    if not large:
        return ""
    return (
        f"{', '.join(large)} on a CPU: a job takes many minutes or hours, and most end as "
        "`timeout`; serve it on a GPU (--device auto)"
    )
