"""The doctor's check of this machine's devices: driver, torch's build, cards and their memory."""

import os
from collections.abc import Callable
from importlib.util import find_spec

from workers.adapters.cuda_check import Card
from workers.adapters.device_probe import Probe, ProbedDevice, probe
from workers.adapters.nvidia_driver import Machine, read_machine, torch_remedy
from workers.adapters.pinning import DeviceError


def check_devices(
    machine: Machine | None = None, probe_devices: Callable[[], Probe] = probe
) -> str:
    """The devices that models can use, each after a small computation on it.

    Args:
        machine: the NVIDIA hardware; by default this machine's.
        probe_devices: checks every CUDA device.

    Raises:
        DeviceError: an NVIDIA card is there that torch cannot use; the message names the remedy.
    """
    if find_spec("torch") is None:
        return "torch is not installed: this machine runs no models"
    machine = machine or read_machine()
    found = probe_devices()
    faults = [device.fault for device in found.devices if device.fault]
    if found.fault and machine.cards:
        raise DeviceError(f"{found.fault}; {_versions(machine, found)}")
    if faults:
        raise DeviceError(f"{'; '.join(faults)}; {_versions(machine, found)}")
    if not found.devices:
        threads = len(os.sched_getaffinity(0))
        return f"cpu, {threads} threads, no NVIDIA GPU; {_versions(machine, found)}"
    return f"{'; '.join(map(_line, found.devices))}; {_versions(machine, found)}"


def _line(device: ProbedDevice) -> str:
    card = device.card or Card("?", (0, 0), "", 0, 0)
    free, total = card.free_bytes / 1e9, card.total_bytes / 1e9
    major, minor = card.capability
    uuid = f" {card.uuid}" if card.uuid else ""
    return (
        f"cuda:{device.number} {card.name}{uuid}, {free:.1f} of {total:.1f} GB free, capability "
        f"{major}.{minor}, computes in {card.number_format}"
    )


def _versions(machine: Machine, found: Probe) -> str:
    build = f"built for CUDA {found.cuda}" if found.cuda else "built for CPUs"
    torch = f"torch {found.torch}, {build}" if found.torch else "torch cannot be loaded"
    if machine.driver:
        return f"driver {machine.driver}, {torch} ({torch_remedy(machine.driver_branch)})"
    return f"{'the driver of Windows' if machine.is_wsl else 'no NVIDIA driver'}, {torch}"
