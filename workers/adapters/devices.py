"""What adapters need to know of a device: number format, memory, and how it fails."""

import gc
import os
import resource
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from workers.adapters.pinning import Device
from workers.adapters.protocol import DeviceLostError, OutOfMemoryError

EXHAUSTED = (
    "can't allocate memory",  # torch's CPU allocator, which has no exception type of its own
    "CUDA error: out of memory",  # CUDA itself, outside torch's allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""How memory that ran out reads in a `RuntimeError`."""

LOST = ("CUDA error", "device-side assert", "unspecified launch failure", "illegal memory access")
"""How a CUDA error reads in a `RuntimeError`, after which nothing may be expected of the device.

Most of them are sticky: every later call of the process fails too. One that is not costs a
restart, where one that is but were not seen would fail every job that comes after it.
"""


@dataclass(frozen=True)
class Memory:
    """Bytes of a device: taken by this process's tensors (on the CPU: resident), and in all.

    The peak is the most that the process ever took.
    """

    used_bytes: int
    total_bytes: int
    peak_bytes: int


def choose_dtype(by_kind: Mapping[str, str], device: Device) -> torch.dtype:
    """The torch dtype a row asks for on this kind of device; float32 where it names none.

    bfloat16 on a CPU without instructions for it is emulated, and slower than float32, which
    then takes its place.
    """
    name = by_kind.get(device.kind, "float32")
    if device.kind == "cpu" and name == "bfloat16" and not _cpu_has_bfloat16():
        return torch.float32
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"torch.{name} is not a dtype")
    return dtype


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def free_cache(device: Device) -> None:
    """Give memory that no tensor uses back to the device."""
    gc.collect()
    if device.kind == "cuda":
        torch.cuda.empty_cache()


def memory(device: Device) -> Memory:
    """How much of the device's memory is used, and how much there is."""
    if device.kind == "cuda":
        _, total = torch.cuda.mem_get_info(device.index)
        used = torch.cuda.memory_reserved(device.index)
        return Memory(used, total, torch.cuda.max_memory_reserved(device.index))
    page = os.sysconf("SC_PAGE_SIZE")
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    total = os.sysconf("SC_PHYS_PAGES") * page
    # Linux counts in KiB, and is a little behind the current figure.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Memory(resident * page, total, max(resident * page, peak))


@contextmanager
def translating_device_errors(device: Device) -> Iterator[None]:
    """Raise torch's out-of-memory errors as ours, with the cache freed, and a broken device's.

    Raises:
        OutOfMemoryError: the device's memory did not hold what the block allocated.
        DeviceLostError: the device failed in a way that only a fresh process gets over.
    """
    try:
        yield
    except RuntimeError as error:
        if _is_exhaustion(error):
            # The failed call's frames hold the tensors that filled the device.
            traceback.clear_frames(error.__traceback__)
            free_cache(device)
            raise OutOfMemoryError(f"the memory of {device} did not hold this batch") from None
        if _is_loss(error):
            raise DeviceLostError(f"{device} failed in the middle of the job") from error
        raise


def _is_exhaustion(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(s in str(error) for s in EXHAUSTED)


def _is_loss(error: RuntimeError) -> bool:
    return isinstance(error, torch.AcceleratorError) or any(s in str(error) for s in LOST)
