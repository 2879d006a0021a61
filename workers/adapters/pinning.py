"""The device of a worker process, pinned before torch is imported.

torch reads CUDA_VISIBLE_DEVICES once, when it first uses a device. A process that sets it
beforehand sees only its own device, as `cuda`, and cannot allocate memory on any other.
"""

import os
import re
import sys
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
AUTO = "auto"
"""The name by which the device is chosen when the worker starts."""

_UUID = r"(?:gpu|mig)-[0-9a-z][0-9a-z/-]*"
_NAME = re.compile(rf"(cpu|cuda)(?::(?:(\d{{1,3}})|({_UUID})))?|({_UUID})", re.IGNORECASE)
_OTHER_KINDS = ("mps", "xpu", "hpu", "npu", "tpu", "xla", "vulkan", "directml")


class DeviceError(Exception):
    """A device that does not exist, cannot be used or can no longer be pinned; says the remedy."""


class DeviceBusyError(DeviceError):
    """A device that another process has: it may be free in a moment."""

    transient = True


@dataclass(frozen=True)
class Device:
    """A device by kind, "cpu" or "cuda", and index or UUID; the CPU has neither.

    Attributes:
        kind: "cpu" or "cuda".
        index: the number among the CUDA devices that the process is offered.
        uuid: "GPU-…" or "MIG-…", as `nvidia-smi -L` lists it; its first digits are enough.
    """

    kind: str
    index: int | None = None
    uuid: str | None = None

    def __str__(self) -> str:
        part = self.uuid if self.index is None else self.index
        return self.kind if part is None else f"{self.kind}:{part}"


def parse_device(name: str) -> Device:
    """Read "cpu", "cuda", "cuda:1", "cuda:GPU-<uuid>" or "MIG-<uuid>".

    Raises:
        DeviceError: the name is none of these.
    """
    text = name.strip()
    match = _NAME.fullmatch(text)
    if match is None or (match[1] and match[1].lower() == "cpu" and (match[2] or match[3])):
        raise DeviceError(_refusal(name))
    uuid = match[3] or match[4]
    kind = "cuda" if uuid else match[1].lower()
    return Device(kind, int(match[2]) if match[2] else None, uuid and uuid[:3].upper() + uuid[3:])


def _refusal(name: str) -> str:
    kind = name.strip().lower().partition(":")[0]
    if kind in _OTHER_KINDS:
        return f"{name!r}: models run on NVIDIA GPUs (cuda) and on CPUs alone, not on {kind}"
    return f"{name!r} is not a device; write auto, cpu, cuda, cuda:1, cuda:GPU-<uuid> or MIG-<uuid>"


def pin_device(name: str) -> str:
    """Restrict this process to one device and return torch's name for it.

    "cuda:1" makes device 1 the only visible one, and is "cuda" from then on; so does a UUID.
    Devices are numbered as `nvidia-smi` does, unless CUDA_DEVICE_ORDER says otherwise. Where
    CUDA_VISIBLE_DEVICES already lists devices, the index counts within that list, so that a
    parent process can assign a part of the machine. "cpu" hides every device.

    Raises:
        DeviceError: the name is no device, the list has no such device, or torch is already
            imported and would ignore the change.
    """
    device = parse_device(name)
    if "torch" in sys.modules:
        raise DeviceError("the device must be pinned before torch is imported")
    set_device_order()
    os.environ[VISIBLE] = _visible(device)
    return device.kind


def set_device_order() -> None:
    """Number devices by their place on the bus, as `nvidia-smi` does.

    CUDA's own order puts the fastest card first.
    """
    os.environ.setdefault(ORDER, "PCI_BUS_ID")


def _visible(device: Device) -> str:
    if device.kind == "cpu":
        return ""
    offered = os.environ.get(VISIBLE)
    if offered is None:
        return device.uuid or str(device.index or 0)
    listed = [entry.strip() for entry in offered.split(",") if entry.strip()]
    if device.uuid:
        return _offered_uuid(device, listed)
    index = device.index or 0
    if index >= len(listed):
        raise DeviceError(f"{device}: {VISIBLE}={offered!r} offers {len(listed)} devices")
    return listed[index]


def _offered_uuid(device: Device, listed: list[str]) -> str:
    """A UUID, unless the list names devices by UUID and not this one."""
    uuid = (device.uuid or "").lower()
    named = [entry for entry in listed if not entry.isdigit()]
    if listed and len(named) < len(listed):
        return device.uuid or ""  # a number may be this device: CUDA finds out
    if not any(entry.lower().startswith(uuid) or uuid.startswith(entry.lower()) for entry in named):
        raise DeviceError(f"{device}: {VISIBLE}={','.join(listed)!r} does not offer it")
    return device.uuid or ""
