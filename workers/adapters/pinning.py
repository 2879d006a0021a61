"""The device of a worker process, pinned before torch is imported.

torch reads CUDA_VISIBLE_DEVICES once, when it first uses a device. A process that sets it
beforehand sees only its own device, as `cuda`, and cannot allocate memory on any other.
"""

import os
import re
import sys
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"


class DeviceError(Exception):
    """An unknown device name, or a device that can no longer be pinned."""


@dataclass(frozen=True)
class Device:
    """A device by kind, "cpu" or "cuda", and index; the CPU has none."""

    kind: str
    index: int | None = None

    def __str__(self) -> str:
        return self.kind if self.index is None else f"{self.kind}:{self.index}"


def parse_device(name: str) -> Device:
    """Read "cpu", "cuda" or "cuda:1".

    Raises:
        DeviceError: the name is none of these.
    """
    match = re.fullmatch(r"(cpu|cuda)(?::(\d{1,3}))?", name.strip().lower())
    if match is None or (match[1] == "cpu" and match[2]):
        raise DeviceError(f"{name!r} is not a device; write cpu, cuda or cuda:1")
    return Device(match[1], int(match[2]) if match[2] else None)


def pin_device(name: str) -> str:
    """Restrict this process to one device and return torch's name for it.

    "cuda:1" makes device 1 the only visible one, and is "cuda" from then on. Where
    CUDA_VISIBLE_DEVICES already lists devices, the index counts within that list, so that a
    parent process can assign a part of the machine. "cpu" hides every device.

    Raises:
        DeviceError: the name is no device, the list has no such device, or torch is already
            imported and would ignore the change.
    """
    device = parse_device(name)
    if "torch" in sys.modules:
        raise DeviceError("the device must be pinned before torch is imported")
    os.environ[VISIBLE] = _visible(device)
    return device.kind


def _visible(device: Device) -> str:
    if device.kind == "cpu":
        return ""
    index = device.index or 0
    offered = os.environ.get(VISIBLE)
    if offered is None:
        return str(index)
    listed = [entry.strip() for entry in offered.split(",") if entry.strip()]
    if index >= len(listed):
        raise DeviceError(f"{device}: {VISIBLE}={offered!r} offers {len(listed)} devices")
    return listed[index]
