"""Memory of the worker's device, read from torch where torch is loaded already.

A worker of hosted models has no use for torch, which takes half a gigabyte: it is not imported
here.
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Any

from workers.adapters.pinning import parse_device


@dataclass(frozen=True)
class MemoryNow:
    """Bytes of a device: taken by this process, and in all."""

    used_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class DeviceMemory:
    """The memory of a device.

    Attributes:
        device: torch's name for it.
    """

    device: str = "cpu"

    def now(self) -> MemoryNow | None:
        """The memory in use; None where nothing in this process uses torch."""
        if "torch" not in sys.modules:
            return None
        found = self._read(self.device)
        return MemoryNow(found.used_bytes, found.total_bytes)

    def bytes_by_kind(self) -> dict[str, int]:
        """Bytes used, their peak and the total; empty where nothing uses torch."""
        if "torch" not in sys.modules:
            return {}
        found = self._read(self.device)
        return {"used": found.used_bytes, "peak": found.peak_bytes, "total": found.total_bytes}

    def taken_bytes(self) -> int:
        """Bytes that the process has taken of its device, or of the host while weights are read."""
        if "torch" not in sys.modules:
            return 0
        device: int = self._read(self.device).used_bytes
        return device if self.device == "cpu" else max(device, self._read("cpu").used_bytes)

    def _read(self, device: str) -> Any:
        devices = importlib.import_module("workers.adapters.devices")
        return devices.memory(parse_device(device))
