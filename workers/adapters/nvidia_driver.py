"""NVIDIA cards and driver of this machine, read from Linux' own files, without torch.

It tells "there is no card" from "there is a card that torch does not see".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"
_VERSION = re.compile(r"\b(\d{3,4}\.\d{1,3}(?:\.\d{1,3})?)\b")

FIRST_DRIVERS = {13: 580, 12: 525}
"""The first driver that runs a torch built for each major version of CUDA."""


@dataclass(frozen=True)
class Machine:
    """A machine's NVIDIA hardware.

    Attributes:
        cards: NVIDIA cards on its PCI bus, or one that Windows lends to WSL2.
        driver: the version of the loaded driver; None if none is loaded, or it is Windows'.
        is_wsl: whether it is Linux in Windows, where no card is on the bus.
    """

    cards: int
    driver: str | None
    is_wsl: bool = False

    @property
    def driver_branch(self) -> int | None:
        """The driver's major number, such as 580."""
        return int(self.driver.partition(".")[0]) if self.driver else None


def read_machine(root: Path = ROOT) -> Machine:
    """Read the bus and the driver below a root directory."""
    cards = sum(1 for _ in _nvidia_cards(root))
    is_wsl = (root / "dev/dxg").exists()
    version = _text(root / "proc/driver/nvidia/version")
    found = _VERSION.search(version)
    return Machine(cards or int(is_wsl), found[1] if found else None, is_wsl)


def _nvidia_cards(root: Path) -> Iterator[Path]:
    for folder in (root / "sys/bus/pci/devices").glob("*"):
        is_display = _text(folder / "class").startswith(_DISPLAY_CLASS)
        if is_display and _text(folder / "vendor").strip() == _NVIDIA:
            yield folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def torch_remedy(driver_branch: int | None) -> str:
    """The torch build that a driver runs, in words; where none is known, all of them."""
    fitting = [cuda for cuda, first in FIRST_DRIVERS.items() if (driver_branch or 0) >= first]
    if driver_branch is not None and fitting:
        return f"driver {driver_branch} runs torch builds for CUDA {max(fitting)} and older"
    needs = ", ".join(f"CUDA {cuda}: {first}" for cuda, first in FIRST_DRIVERS.items())
    return f"the first driver for each build of torch ({needs})"
