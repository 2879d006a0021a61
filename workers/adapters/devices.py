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

from workers.adapters.cuda_check import FIRST_NATIVE_BFLOAT16
from workers.adapters.pinning import Device
from workers.adapters.protocol import DeviceLostError, DeviceNotReadyError, OutOfMemoryError

OUT_OF_MEMORY_TEXTS = (
    "can't allocate memory",  # torch's CPU allocator, which has no exception type of its own
    "CUDA error: out of memory",  # CUDA itself, outside torch's allocator
    "CUDA driver error: out of memory",
    "Triton Error [CUDA]: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",  # up to cuDNN 8; from 9 on it names what it did not get
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
)
"""Texts by which a `RuntimeError` means that memory ran out."""

NOT_READY_TEXTS = ("CUBLAS_STATUS_NOT_INITIALIZED",)
"""Texts by which a `RuntimeError` means that a library of the device could not begin.

Nearly always memory is what it did not get; where it is not, the device is lost.
"""

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

    Where bfloat16 is emulated, another format takes its place: float32 on a CPU without its
    instructions, float16 on a GPU before compute capability 8.0 (T4, RTX 20).
    """
    name = by_kind.get(device.kind, "float32")
    if name == "bfloat16" and not has_bfloat16(device):
        return torch.float32 if device.kind == "cpu" else torch.float16
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"torch.{name} is not a dtype")
    return dtype


def has_bfloat16(device: Device) -> bool:
    """True where a device computes in bfloat16 itself."""
    if device.kind == "cpu":
        return _cpu_has_bfloat16()
    if torch.version.hip or not torch.cuda.is_available():
        return True
    return torch.cuda.get_device_capability(device.index) >= FIRST_NATIVE_BFLOAT16


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


def free_bytes(device: Device) -> int:
    """Bytes that this process could still allocate on the device, what torch keeps included.

    On the CPU those that the kernel would give without swapping, whoever takes them first.
    """
    if device.kind == "cuda":
        free, _ = torch.cuda.mem_get_info(device.index)
        kept = torch.cuda.memory_reserved(device.index) - torch.cuda.memory_allocated(device.index)
        return free + kept
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next(line for line in lines if line.startswith("MemAvailable:"))
    return int(available.split()[1]) * 1024


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
        OutOfMemoryError: the block's allocations did not fit into the device's memory;
            `DeviceNotReadyError` where that is likely, and not certain.
        DeviceLostError: the device failed, and only a new process can use it again.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        kind = _memory_error(error)
        if kind is not None:
            # The failed call's frames hold the tensors that filled the device.
            traceback.clear_frames(error.__traceback__)
            free_cache(device)
            raise kind(f"the memory of {device} did not hold this batch") from None
        if _is_device_loss(error):
            raise DeviceLostError(f"{device} failed in the middle of the job") from error
        raise


def _memory_error(error: Exception) -> type[OutOfMemoryError] | None:
    """The error that a failure for want of memory is translated to; None for another failure."""
    text = str(error)
    if any(each in text for each in NOT_READY_TEXTS):
        return DeviceNotReadyError
    ran_out = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return OutOfMemoryError if ran_out or any(s in text for s in OUT_OF_MEMORY_TEXTS) else None


def _is_device_loss(error: Exception) -> bool:
    return isinstance(error, torch.AcceleratorError) or any(
        s in str(error) for s in DEVICE_LOST_TEXTS
    )
