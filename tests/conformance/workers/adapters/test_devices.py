"""Devices: names, pinning before torch, number formats, memory."""

import subprocess
import sys

import pytest
import torch

from workers.adapters.devices import (
    choose_dtype,
    free_bytes,
    free_cache,
    memory,
    translating_device_errors,
)
from workers.adapters.pinning import Device, DeviceError, parse_device, pin_device
from workers.adapters.protocol import DeviceLostError, DeviceNotReadyError, OutOfMemoryError

CPU = Device("cpu")
PIN = """
import os, sys
from workers.adapters.pinning import DeviceError, pin_device
try:
    name = pin_device(sys.argv[1])
    print(name, repr(os.environ["CUDA_VISIBLE_DEVICES"]), "torch" in sys.modules)
except DeviceError as error:
    print(error)
"""


def pinned(device: str, **environment: str) -> str:
    """The output of a new process that pins a device."""
    run = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", PIN, device],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ".", **environment},
    )
    return run.stdout.strip()


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("cpu", CPU),
        ("cuda", Device("cuda")),
        (" CUDA:1 ", Device("cuda", 1)),
        ("cuda:GPU-6f01-aB", Device("cuda", uuid="GPU-6f01-aB")),
        ("gpu-6f01", Device("cuda", uuid="GPU-6f01")),
        ("MIG-GPU-6f/1/0", Device("cuda", uuid="MIG-GPU-6f/1/0")),
    ],
)
def test_device_names_are_read(name: str, device: Device) -> None:
    assert parse_device(name) == device


@pytest.mark.parametrize(
    "name", ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1,2", "cpu:GPU-6f"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DeviceError, match="is not a device"):
        parse_device(name)


def test_a_device_prints_as_torch_names_it() -> None:
    assert [str(Device("cuda", 1)), str(Device("cuda")), str(CPU)] == ["cuda:1", "cuda", "cpu"]
    assert str(Device("cuda", uuid="MIG-6f")) == "cuda:MIG-6f"


@pytest.mark.parametrize("name", ["mps", "xpu:0", "TPU"])
def test_another_vendors_device_is_refused_by_its_name(name: str) -> None:
    kind = name.lower().partition(":")[0]
    with pytest.raises(DeviceError, match=f"NVIDIA GPUs .* not on {kind}"):
        parse_device(name)


def test_pinning_makes_one_device_visible_and_imports_no_torch() -> None:
    assert pinned("cuda:1") == "cuda '1' False"
    assert pinned("cuda") == "cuda '0' False"


def test_pinning_the_cpu_hides_every_device() -> None:
    assert pinned("cpu", CUDA_VISIBLE_DEVICES="0,1") == "cpu '' False"


def test_an_index_counts_within_the_devices_the_parent_offers() -> None:
    assert pinned("cuda:1", CUDA_VISIBLE_DEVICES="4,GPU-6f") == "cuda 'GPU-6f' False"
    assert "offers 2 devices" in pinned("cuda:2", CUDA_VISIBLE_DEVICES="4,5")


def test_a_device_is_pinned_by_its_uuid() -> None:
    assert pinned("cuda:GPU-6f") == "cuda 'GPU-6f' False"
    assert pinned("MIG-6f", CUDA_VISIBLE_DEVICES="MIG-6f01,MIG-70") == "cuda 'MIG-6f' False"
    assert pinned("GPU-6f", CUDA_VISIBLE_DEVICES="0,1") == "cuda 'GPU-6f' False"
    assert "does not offer it" in pinned("GPU-6f", CUDA_VISIBLE_DEVICES="GPU-70,GPU-71")


def test_devices_are_numbered_as_nvidia_smi_does_unless_the_operator_chose() -> None:
    shown = 'import os; print(os.environ["CUDA_DEVICE_ORDER"])'
    pin = f"from workers.adapters.pinning import pin_device; pin_device('cuda:1'); {shown}"
    for given, order in (({}, "PCI_BUS_ID"), ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"},) * 2):
        run = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", pin],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ".", **given},
        )
        assert run.stdout.strip() == (order if isinstance(order, str) else "FASTEST_FIRST")


def test_pinning_after_torch_is_refused() -> None:
    with pytest.raises(DeviceError, match="before torch is imported"):
        pin_device("cuda:0")


def test_the_dtype_follows_the_kind_of_device() -> None:
    row = {"cuda": "bfloat16", "cpu": "float16"}
    assert choose_dtype(row, Device("cuda", 3)) is torch.bfloat16
    assert choose_dtype(row, CPU) is torch.float16
    assert choose_dtype({}, CPU) is torch.float32


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((12, 0), torch.bfloat16)],
)
def test_float16_takes_the_place_of_a_bfloat16_that_a_card_emulates(
    capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _index: capability)
    assert choose_dtype({"cuda": "bfloat16"}, Device("cuda")) is dtype
    assert choose_dtype({"cuda": "float32"}, Device("cuda")) is torch.float32


def test_a_name_that_is_no_dtype_is_refused() -> None:
    with pytest.raises(TypeError, match="not a dtype"):
        choose_dtype({"cpu": "Tensor"}, CPU)


def test_memory_in_use_grows_with_what_is_held() -> None:
    before = memory(CPU)
    held = torch.ones(50_000_000)
    assert memory(CPU).used_bytes - before.used_bytes > 0.9 * held.nbytes
    assert before.used_bytes < before.total_bytes
    free_cache(CPU)


def test_free_memory_is_what_could_still_be_allocated() -> None:
    assert 0 < free_bytes(CPU) < memory(CPU).total_bytes


def test_exhausted_memory_is_translated() -> None:
    with pytest.raises(OutOfMemoryError), translating_device_errors(CPU):
        torch.empty(10**15)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"), translating_device_errors(CPU):
        torch.ones(2) + torch.ones(3)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: unspecified launch failure\nCompile with …"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
    ],
)
def test_a_lost_device_is_translated(error: RuntimeError) -> None:
    device = Device("cuda", 1)
    with (
        pytest.raises(DeviceLostError, match="cuda:1 failed") as caught,
        translating_device_errors(device),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert (caught.value.code, caught.value.retryable) == ("worker_lost", True)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"),
        MemoryError("Unable to allocate 2.00 GiB for an array with shape (536870912,)"),
    ],
)
def test_exhausted_memory_is_not_taken_for_a_lost_device(error: Exception) -> None:
    with pytest.raises(OutOfMemoryError) as caught, translating_device_errors(CPU):
        raise error
    assert type(caught.value) is OutOfMemoryError


def test_a_library_that_does_not_begin_is_likely_out_of_memory() -> None:
    text = "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"
    with pytest.raises(DeviceNotReadyError) as caught, translating_device_errors(CPU):
        raise RuntimeError(text)
    assert caught.value.code == "out_of_memory"


def test_what_a_failed_call_held_is_freed() -> None:
    before = memory(CPU).used_bytes

    def fill() -> None:
        held = torch.ones(100_000_000)
        torch.empty(10**15)
        held.zero_()

    with pytest.raises(OutOfMemoryError) as caught, translating_device_errors(CPU):
        fill()
    assert caught.value.code == "out_of_memory"
    assert memory(CPU).used_bytes - before < 100_000_000
