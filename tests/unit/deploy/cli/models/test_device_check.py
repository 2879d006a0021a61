"""The doctor's check of devices: a card that torch cannot use is wrong, and the remedy is named."""

import pytest

from deploy.cli.models.device_check import check_devices
from workers.adapters.cuda_check import Card
from workers.adapters.device_probe import Probe, ProbedDevice
from workers.adapters.nvidia_driver import Machine
from workers.adapters.pinning import DeviceError

MACHINE = Machine(cards=1, driver="535.104.05")
CARD = Card("RTX 3060", (8, 6), "GPU-6f", 11_000_000_000, 12_600_000_000)


def found(*devices: ProbedDevice, fault: str = "", cuda: str = "13.0") -> Probe:
    """The result of a probe by torch 2.13."""
    return Probe(devices, fault, torch="2.13.0", cuda=cuda)


def test_a_card_that_torch_does_not_see_is_wrong() -> None:
    with pytest.raises(DeviceError) as caught:
        check_devices(MACHINE, lambda: found(fault="torch is a build for CPUs", cuda=""))
    assert str(caught.value) == (
        "torch is a build for CPUs; driver 535.104.05, torch 2.13.0, built for CPUs "
        "(driver 535 runs torch builds for CUDA 12 and older)"
    )


def test_one_device_that_fails_is_wrong_beside_others_that_work() -> None:
    devices = (ProbedDevice(0, CARD, ""), ProbedDevice(1, None, "cuda:1 cannot be used"))
    with pytest.raises(DeviceError, match="cuda:1 cannot be used; driver 535"):
        check_devices(MACHINE, lambda: found(*devices))


def test_a_working_card_tells_its_memory_and_number_format() -> None:
    said = check_devices(MACHINE, lambda: found(ProbedDevice(0, CARD, "")))
    assert said.startswith(
        "cuda:0 RTX 3060 GPU-6f, 11.0 of 12.6 GB free, capability 8.6, computes in bfloat16; "
        "driver 535.104.05, torch 2.13.0, built for CUDA 13.0"
    )


def test_a_machine_without_a_card_is_well() -> None:
    said = check_devices(Machine(0, None), lambda: found(fault="no GPU"))
    assert "no NVIDIA GPU" in said


def test_windows_cards_are_said_to_be_its_own() -> None:
    wsl = Machine(1, None, is_wsl=True)
    assert "the driver of Windows" in check_devices(wsl, lambda: found(ProbedDevice(0, CARD, "")))
