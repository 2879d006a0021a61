"""The free memory of a device and of its host, and what the device can do."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from workers.adapters.cuda_check import FIRST_NATIVE_BFLOAT16
from workers.adapters.pinning import parse_device
from workers.adapters.serving.choose import Abilities, Budget
from workers.adapters.serving.published_sizes import FLOAT32_BYTES
from workers.adapters.serving.working_set import CONTEXT_BYTES
from workers.catalog.serving import Precision
from workers.catalog.variant import Variant

HOST_SHARE = 0.9
"""Fraction of the host's available memory that models may take."""

FIRST_FLOAT8 = (8, 9)
"""The first compute capability that computes in 8-bit floats."""

_CPUINFO = Path("/proc/cpuinfo")
_FLAG_LINES = ("flags", "Features")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_LIBRARIES: dict[Precision, str | None] = {
    Precision.FP8: None,
    Precision.INT8: None,
    Precision.NF4: "bitsandbytes",
}
"""The library that each precision below 16 bits needs, if it needs one."""


@dataclass(frozen=True)
class DeviceBudget:
    """The memory and abilities that a device offers to models.

    Attributes:
        budget: the memory that they may take.
        abilities: what it can do.
    """

    budget: Budget
    abilities: Abilities


def of_device(device: str, card_bytes: int = 0) -> DeviceBudget:
    """The budget of a device of this machine, as its memory is now.

    Args:
        device: torch's name for it.
        card_bytes: the memory that models may take of it; 0 for all that is free. On the CPU it
            stands for a card of that size.
    """
    if parse_device(device).kind == "cuda":
        free, capability = _read_card(device)
        return of_free_card(min(free, card_bytes or free), capability)
    host = host_free_bytes()
    abilities = Abilities(
        is_cpu=not card_bytes,
        float8=False,
        number_bytes=cpu_number_bytes(),
        precisions=installed_precisions(),
    )
    return DeviceBudget(Budget(card_bytes or host, host), abilities)


def of_free_card(free_bytes: int, capability: tuple[int, int]) -> DeviceBudget:
    """The budget of a card of this machine.

    Args:
        free_bytes: its memory that is free beside this process's context.
        capability: its compute capability.
    """
    abilities = Abilities(
        bfloat16=capability >= FIRST_NATIVE_BFLOAT16,
        float8=capability >= FIRST_FLOAT8,
        precisions=installed_precisions(),
    )
    return DeviceBudget(Budget(free_bytes, host_free_bytes()), abilities)


def of_card(memory_bytes: int, host_bytes: int | None = None) -> DeviceBudget:
    """The budget of a card that is not here.

    Args:
        memory_bytes: its memory, of which CUDA itself takes some.
        host_bytes: free memory of its host; None where it is not known.
    """
    return DeviceBudget(Budget(max(0, memory_bytes - CONTEXT_BYTES), host_bytes), Abilities())


def _read_card(device: str) -> tuple[int, tuple[int, int]]:
    """Free bytes of a card, with this process's context on it, and its compute capability."""
    torch = importlib.import_module("torch")
    free, _total = torch.cuda.mem_get_info(torch.device(device))
    return free, torch.cuda.get_device_capability(torch.device(device))


def installed_precisions() -> frozenset[Precision]:
    """The precisions below 16 bits whose libraries are installed."""
    return frozenset(
        precision
        for precision, library in _LIBRARIES.items()
        if library is None or find_spec(library) is not None
    )


def cpu_number_bytes(cpuinfo: Path = _CPUINFO) -> Callable[[Variant], int]:
    """A function that returns the bytes of a number on this CPU, for a row.

    As `workers.adapters.devices.choose_dtype` chooses it, but without torch.

    Args:
        cpuinfo: the kernel's account of the processor.
    """
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    flags = {flag for line in lines if line.startswith(_FLAG_LINES) for flag in line.split()}
    has_bfloat16 = bool(flags & _BFLOAT16_FLAGS)

    def number_bytes(variant: Variant) -> int:
        name = variant.dtype.get("cpu", "float32")
        return 2 if name == "float16" or (name == "bfloat16" and has_bfloat16) else FLOAT32_BYTES

    return number_bytes


def host_free_bytes(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int:
    """Bytes of the host's memory that models may take: of the machine, or of its container.

    Args:
        meminfo: the kernel's account of the machine's memory.
        cgroup: the folder of this process's control group.
    """
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    available = int(lines["MemAvailable"].split()[0]) * 1024
    return int(HOST_SHARE * min(available, _container_free_bytes(cgroup, available)))


def _container_free_bytes(cgroup: Path, otherwise: int) -> int:
    """Bytes that the limit of the container leaves; its cache of files can be taken back."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return otherwise
    if limit == "max":
        return otherwise
    return max(0, int(limit) - used + int(stat.get("inactive_file", 0)))
