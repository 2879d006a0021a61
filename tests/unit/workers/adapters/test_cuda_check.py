"""Faults of devices: each is one sentence with a remedy, as a worker meets it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.stub_torch import ROOT, stub_environment
from workers.adapters.cuda_check import has_kernels

CHECK = """
import sys
from pathlib import Path
from workers.adapters.cuda_check import check_card, check_torch, import_torch
from workers.adapters.nvidia_driver import read_machine
from workers.adapters.pinning import DeviceError, pin_device
try:
    pin_device(sys.argv[1])
    torch = import_torch()
    check_torch(torch, read_machine(Path(sys.argv[2])))
    card = check_card(torch, 0, sys.argv[1])
    print(card.name, card.number_format)
except DeviceError as error:
    print(type(error).__name__, error)
"""
GONE = "CUDA error: invalid device ordinal"
BUSY = "CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCUDA kernel errors …"
FULL = "CUDA error: out of memory"
OLD = "The NVIDIA driver on your system is too old (found version 12020). Please update …"
WITHOUT = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU …"


def machine(root: Path, *, cards: int = 1, driver: str = "535.104.05") -> Path:
    """A root directory with the files by which Linux tells of cards and driver."""
    for number in range(cards):
        folder = root / f"sys/bus/pci/devices/0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text("0x10de\n")
        (folder / "class").write_text("0x030000\n")
    if driver:
        (root / "proc/driver/nvidia").mkdir(parents=True)
        (root / "proc/driver/nvidia/version").write_text(
            f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}  Sat Aug 19 01:15:15 UTC\n"
        )
    return root


def checked(root: Path, device: str = "cuda:0", **told: Any) -> str:
    """The output of a process that checks a device of the stand-in."""
    run = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", CHECK, device, str(root)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=stub_environment(**told),
    )
    return run.stdout.strip()


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"cuda": None, "cards": [{}]}, "is a build for CPUs, which uses no GPU: install another"),
        ({"init_error": OLD}, "driver 535.104.05, made for CUDA 12.2, is too old"),
        ({"init_error": OLD}, "driver 535 runs torch builds for CUDA 12 and older"),
        ({"init_error": WITHOUT}, "install the NVIDIA driver"),
        ({"init_error": "No CUDA GPUs are available"}, "`nvidia-smi -L` lists them"),
        ({"init_error": "libcuda.so.1: cannot open shared object file"}, "libcuda is missing"),
        ({"init_error": "system not yet initialized"}, "nvidia-fabricmanager"),
        ({"cards": []}, "there is no such device (CUDA_VISIBLE_DEVICES='0')"),
        ({"cards": [{"capability": [7, 0], "name": "Tesla V100"}]}, "capability 7.0"),
        ({"cards": [{"capability": [6, 1]}]}, "only torch's builds for CUDA 12.6 have some"),
        ({"cards": [{"error": GONE}]}, "there is no such device"),
        ({"cards": [{"error": BUSY}]}, "DeviceBusyError cuda:0 cannot be used"),
        ({"cards": [{"error": BUSY}]}, "another process has it for itself"),
        ({"cards": [{"error": FULL}]}, "no memory is free for a CUDA context"),
        ({"cards": [{"error": "no kernel image is available"}]}, "has no kernels for it"),
        ({"cards": [{"wrong": True}]}, "computes wrongly"),
        ({"import_error": "libcudart.so.13: cannot open"}, "torch cannot be loaded (libcudart"),
    ],
)
def test_a_fault_is_one_sentence_with_its_remedy(
    tmp_path: Path, told: dict[str, Any], sentence: str
) -> None:
    output = checked(machine(tmp_path), **told)
    assert sentence in output
    assert "\n" not in output
    assert "Error" in output


def test_a_card_without_a_driver_is_told_apart_from_no_card(tmp_path: Path) -> None:
    without_driver = machine(tmp_path / "a", driver="")
    assert "no NVIDIA driver is loaded" in checked(without_driver, init_error=WITHOUT)
    without_card = machine(tmp_path / "b", cards=0, driver="")
    assert "this machine has no NVIDIA GPU" in checked(without_card, cards=[])


@pytest.mark.parametrize(
    ("capability", "number_format"),
    [((7, 5), "float16"), ((8, 0), "bfloat16"), ((12, 0), "bfloat16")],
)
def test_a_card_that_works_tells_its_number_format(
    tmp_path: Path, capability: tuple[int, int], number_format: str
) -> None:
    cards = [{"name": "Card", "capability": capability}]
    assert checked(machine(tmp_path), cards=cards) == f"Card {number_format}"


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((8, 6), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80", "sm_86"], False),
        ((9, 0), ["sm_90a"], True),
        ((12, 1), ["sm_90", "compute_90"], True),
        ((7, 0), ["sm_75", "compute_75"], False),
        ((9, 0), ["gfx942"], True),
    ],
)
def test_kernels_run_on_later_cards_of_their_generation(
    capability: tuple[int, int], built_for: list[str], *, runs: bool
) -> None:
    assert has_kernels(capability, built_for) is runs
