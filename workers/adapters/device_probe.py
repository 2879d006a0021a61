"""Every CUDA device of the machine, checked in a process of its own.

`python -m workers.adapters.device_probe` prints the result as JSON. A worker asks before it pins
its device: the context that a check makes on each device ends with that process, and a driver
that crashes ends that process alone.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from workers.adapters.cuda_check import Card, check_card, check_torch, import_torch
from workers.adapters.pinning import DeviceError, set_device_order

TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class ProbedDevice:
    """A CUDA device by number: its card, or the fault for which it cannot be used."""

    number: int
    card: Card | None
    fault: str


@dataclass(frozen=True)
class Probe:
    """The result of a probe: the devices, or the fault for which none can be used."""

    devices: tuple[ProbedDevice, ...] = ()
    fault: str = ""
    torch: str = ""
    cuda: str = ""
    built_for: tuple[str, ...] = ()

    @property
    def first_fault(self) -> str:
        """The reason for which no device works; "" when one does."""
        if self.fault or any(device.card for device in self.devices):
            return self.fault
        return self.devices[0].fault if self.devices else "torch sees no CUDA device"


def probe_here() -> Probe:
    """Probe every device from this process, which keeps a context on each until it ends."""
    try:
        torch = import_torch()
    except DeviceError as error:
        return Probe(fault=str(error))
    facts: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
    try:
        check_torch(torch)
    except DeviceError as error:
        return Probe(fault=str(error), **facts)
    devices = tuple(_probe_device(torch, n) for n in range(torch.cuda.device_count()))
    return Probe(devices, built_for=tuple(torch.cuda.get_arch_list()), **facts)


def _probe_device(torch: Any, number: int) -> ProbedDevice:
    try:
        return ProbedDevice(number, check_card(torch, number), "")
    except DeviceError as error:
        return ProbedDevice(number, None, str(error))


def probe(timeout_seconds: float = TIMEOUT_SECONDS) -> Probe:
    """Probe every device in a process of its own."""
    set_device_order()
    try:
        run = subprocess.run(
            [sys.executable, "-m", "workers.adapters.device_probe"],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
            env=os.environ,
        )
    except subprocess.TimeoutExpired:
        return Probe(fault=f"the driver did not answer within {timeout_seconds:g} s: see dmesg")
    try:
        return _read(json.loads(run.stdout.splitlines()[-1]))
    except (IndexError, ValueError, KeyError, TypeError):
        last = (run.stderr.strip().splitlines() or [""])[-1]
        return Probe(fault=f"the check of the devices ended with status {run.returncode}: {last}")


def _read(found: dict[str, Any]) -> Probe:
    devices = tuple(
        ProbedDevice(each["number"], _card(each["card"]), each["fault"])
        for each in found.pop("devices")
    )
    return Probe(**{**found, "devices": devices, "built_for": tuple(found["built_for"])})


def _card(found: dict[str, Any] | None) -> Card | None:
    return Card(**{**found, "capability": tuple(found["capability"])}) if found else None


if __name__ == "__main__":
    print(json.dumps(asdict(probe_here())))  # noqa: T201 - the answer to the parent
