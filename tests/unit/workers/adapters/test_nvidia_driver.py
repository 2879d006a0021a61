"""NVIDIA cards and driver, read from Linux' own files."""

from pathlib import Path

import pytest

from workers.adapters.nvidia_driver import Machine, read_machine, torch_remedy


def put(root: Path, files: dict[str, str]) -> Path:
    """Write files below a root directory."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CARD = {
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
}
AUDIO = {
    "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
}
OTHER = {
    "sys/bus/pci/devices/0000:02:00.0/vendor": "0x1002\n",
    "sys/bus/pci/devices/0000:02:00.0/class": "0x030000\n",
}
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)\n"


@pytest.mark.parametrize(
    ("files", "machine"),
    [
        ({}, Machine(0, None)),
        (CARD, Machine(1, None)),
        (CARD | AUDIO | OTHER, Machine(1, None)),
        (CARD | {"proc/driver/nvidia/version": OPEN}, Machine(1, "580.65.06")),
        ({"dev/dxg": ""}, Machine(1, None, is_wsl=True)),
    ],
)
def test_cards_and_driver_are_read(tmp_path: Path, files: dict[str, str], machine: Machine) -> None:
    assert read_machine(put(tmp_path, files)) == machine


def test_the_branch_of_a_driver_is_its_major_number() -> None:
    assert Machine(1, "580.65.06").driver_branch == 580
    assert Machine(1, None).driver_branch is None


@pytest.mark.parametrize(
    ("branch", "said"),
    [(580, "CUDA 13"), (595, "CUDA 13"), (550, "CUDA 12"), (470, "12: 525)"), (390, "13: 580")],
)
def test_a_driver_names_the_builds_of_torch_that_it_runs(branch: int, said: str) -> None:
    assert said in torch_remedy(branch)


def test_without_a_driver_every_build_is_named() -> None:
    assert "CUDA 13: 580, CUDA 12: 525" in torch_remedy(None)
