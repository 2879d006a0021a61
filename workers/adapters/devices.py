"""A device as adapters see it: number format, memory, and failures."""

import ctypes
import gc
import os
import resource
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from workers.adapters.pinning import Device
from workers.adapters.protocol import DeviceLostError, OutOfMemoryError
from workers.catalog.serving import Precision

OUT_OF_MEMORY_TEXTS = (
    "can't allocate memory",  # torch's CPU allocator, which has no exception type of its own
    "CUDA error: out of memory",  # CUDA itself, outside torch's allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""Texts by which a `RuntimeError` means that memory ran out."""

DEVICE_LOST_TEXTS = (
    "CUDA error",
    "device-side assert",
    "unspecified launch failure",
    "illegal memory access",
)
"""Texts by which a `RuntimeError` means a CUDA error, after which the device is unusable.

Most of these errors are sticky: every later call of the process fails too. One that is not sticky
costs a restart for nothing; a sticky one that is not recognised would fail every later job.
"""


@dataclass(frozen=True)
class Memory:
    """Memory of a device in bytes: used by this process's tensors (CPU: resident), and total.

    The peak is the most that the process ever used.
    """

    used_bytes: int
    total_bytes: int
    peak_bytes: int


def choose_dtype(by_kind: Mapping[str, str], device: Device) -> torch.dtype:
    """The torch dtype that a row names for this kind of device; float32 where it names none.

    A CPU without bfloat16 instructions emulates it, which is slower than float32: there float32
    takes its place.
    """
    name = by_kind.get(device.kind, "float32")
    if device.kind == "cpu" and name == "bfloat16" and not _cpu_has_bfloat16():
        return torch.float32
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"torch.{name} is not a dtype")
    return dtype


def computation_dtype(
    by_kind: Mapping[str, str], precision: Precision, device: Device
) -> torch.dtype:
    """The torch dtype in which a model computes: float16 where that is asked, else its row's."""
    return torch.float16 if precision is Precision.FP16 else choose_dtype(by_kind, device)


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def trim_host_memory() -> None:
    """Return memory that malloc keeps to the system, where the C library can."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def free_cache(device: Device) -> None:
    """Return memory that no tensor uses to the device, and to the host."""
    gc.collect()
    trim_host_memory()
    if device.kind == "cuda":
        torch.cuda.empty_cache()


def memory(device: Device) -> Memory:
    """Used, total and peak memory of the device."""
    if device.kind == "cuda":
        _, total = torch.cuda.mem_get_info(device.index)
        used = torch.cuda.memory_reserved(device.index)
        return Memory(used, total, torch.cuda.max_memory_reserved(device.index))
    page = os.sysconf("SC_PAGE_SIZE")
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    total = os.sysconf("SC_PHYS_PAGES") * page
    # Linux counts in KiB; the figure lags a little behind the current one.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Memory(resident * page, total, max(resident * page, peak))


@contextmanager
def translating_device_errors(device: Device) -> Iterator[None]:
    """Translate torch's errors: out of memory, with the cache freed, and a failed device.

    Raises:
        OutOfMemoryError: the block's allocations did not fit into the device's memory.
        DeviceLostError: the device failed, and only a new process can use it again.
    """
    try:
        yield
    except RuntimeError as error:
        if _is_out_of_memory(error):
            # The failed call's frames hold the tensors that filled the device.
            traceback.clear_frames(error.__traceback__)
            free_cache(device)
            raise OutOfMemoryError(f"the memory of {device} did not hold this batch") from None
        if _is_device_loss(error):
            raise DeviceLostError(f"{device} failed in the middle of the job") from error
        raise


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        s in str(error) for s in OUT_OF_MEMORY_TEXTS
    )


def _is_device_loss(error: RuntimeError) -> bool:
    return isinstance(error, torch.AcceleratorError) or any(
        s in str(error) for s in DEVICE_LOST_TEXTS
    )
