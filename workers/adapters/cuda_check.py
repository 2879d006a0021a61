"""The check of a CUDA device before anything is loaded: each fault is one sentence and a remedy."""

import os
import re
import warnings
from dataclasses import dataclass
from types import ModuleType

from workers.adapters.nvidia_driver import Machine, read_machine, torch_remedy
from workers.adapters.pinning import VISIBLE, DeviceBusyError, DeviceError

FIRST_NATIVE_BFLOAT16 = (8, 0)
"""The first compute capability that computes in bfloat16; older cards emulate it."""

EMULATED = (
    "this card emulates bfloat16, and computes in float16: pictures differ a little from those of "
    "other cards, and a number that float16 does not hold ends the job as `invalid_output`"
)
"""The warning about a card before `FIRST_NATIVE_BFLOAT16`."""

OTHER_BUILD = "install another build of torch: `make torch TORCH=…` (README.md)"
_TERMS = 1024
_FOUND_CUDA = re.compile(r"found version (\d+)")

_BUSY = ("busy or unavailable", "exclusive", "out of memory")
_REMEDIES = (
    (
        ("busy or unavailable", "exclusive"),
        (
            "another process has it for itself: end that process, or set its compute mode to "
            "Default (nvidia-smi -c 0)"
        ),
    ),
    (
        ("out of memory",),
        (
            "no memory is free for a CUDA context: end the processes that `nvidia-smi` lists, or "
            "choose another device"
        ),
    ),
    (
        ("no kernel image",),
        f"this torch has no kernels for it: {OTHER_BUILD}",
    ),
    (
        ("not yet initialized",),
        "the fabric manager does not run: start nvidia-fabricmanager, of the driver's own version",
    ),
    (
        ("invalid device ordinal", "No CUDA GPUs", "no CUDA-capable device", "unknown error"),
        "there is no such device: `nvidia-smi -L` lists them, with their UUIDs",
    ),
    (
        ("libcuda", "Found no NVIDIA driver"),
        (
            "the driver's library libcuda is missing: install the NVIDIA driver (in a container, "
            "the NVIDIA container toolkit)"
        ),
    ),
)
"""The remedy for each text of an error that CUDA or torch raises at the first use of a device."""


@dataclass(frozen=True)
class Card:
    """A working CUDA device.

    Attributes:
        name: the vendor's name for it.
        capability: its compute capability.
        uuid: "GPU-…", or "" where torch does not tell it.
        free_bytes: its free memory.
        total_bytes: its memory.
    """

    name: str
    capability: tuple[int, int]
    uuid: str
    free_bytes: int
    total_bytes: int

    @property
    def number_format(self) -> str:
        """The 16-bit format that it computes in."""
        return "bfloat16" if self.capability >= FIRST_NATIVE_BFLOAT16 else "float16"


def import_torch() -> ModuleType:
    """Import torch.

    Raises:
        DeviceError: it is not installed, or its libraries cannot be loaded.
    """
    try:
        import torch  # noqa: PLC0415 - takes seconds, and may be broken
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise DeviceError(_broken(error)) from error
        raise DeviceError("torch is not installed: pip install 'bottega[worker]'") from error
    except (ImportError, OSError) as error:
        raise DeviceError(_broken(error)) from error
    return torch


def _broken(error: Exception) -> str:
    return (
        f"torch cannot be loaded ({_first_line(error)}): remove it and its nvidia-* packages, "
        "and install it again"
    )


def check_torch(torch: ModuleType, machine: Machine | None = None) -> None:
    """Check that torch can use a CUDA device of this machine at all.

    Raises:
        DeviceError: it is a build for CPUs, the driver is missing or too old, or there is none.
    """
    machine = machine or read_machine()
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        raise DeviceError(
            f"torch {torch.__version__} is a build for CPUs, which uses no GPU: {OTHER_BUILD}; "
            f"{torch_remedy(machine.driver_branch)}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the same faults, in many lines
            torch.cuda.init()
            count = torch.cuda.device_count()
    except (RuntimeError, AssertionError, OSError) as error:
        raise DeviceError(_start_fault(torch, machine, error)) from error
    if count == 0:
        raise DeviceError(_nothing_visible(machine))


def _start_fault(torch: ModuleType, machine: Machine, error: Exception) -> str:
    text = str(error)
    if "driver on your system is too old" in text:
        return _old_driver(torch, machine, text)
    if machine.cards and machine.driver is None and not machine.is_wsl:
        return (
            "an NVIDIA card is on the bus and no NVIDIA driver is loaded: install it "
            f"(torch is built for CUDA {torch.version.cuda}; {torch_remedy(None)})"
        )
    return f"no CUDA device can be used ({_first_line(error)}): {_remedy(text)}"


def _old_driver(torch: ModuleType, machine: Machine, text: str) -> str:
    found = _FOUND_CUDA.search(text)
    own = f" {machine.driver}" if machine.driver else ""
    number = int(found[1]) if found else 0
    upto = f", made for CUDA {number // 1000}.{number % 1000 // 10}," if number else ""
    return (
        f"the NVIDIA driver{own}{upto} is too old for this torch, built for CUDA "
        f"{torch.version.cuda}: update the driver, or {OTHER_BUILD} "
        f"({torch_remedy(machine.driver_branch)})"
    )


def _nothing_visible(machine: Machine) -> str:
    visible = os.environ.get(VISIBLE)
    if machine.cards == 0:
        return "this machine has no NVIDIA GPU: use --device cpu, or another machine"
    if visible is not None:
        return f"there is no such device ({VISIBLE}={visible!r}): `nvidia-smi -L` lists them"
    return "torch sees no CUDA device: look at `nvidia-smi`, and in a container at its GPU settings"


def check_card(torch: ModuleType, number: int, shown: str = "") -> Card:
    """Check one device by a small computation, and read its facts.

    Args:
        torch: the module, which can use devices.
        number: the device's number in this process.
        shown: the name by which the operator knows it.

    Raises:
        DeviceError: it is not there, has no kernels in this torch, is busy, or does not compute.
    """
    shown = shown or f"cuda:{number}"
    if number >= torch.cuda.device_count():
        raise DeviceError(
            f"{shown}: there is no such device, {torch.cuda.device_count()} are visible: "
            "`nvidia-smi -L` lists them"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _card(torch, number, shown)
    except (RuntimeError, AssertionError) as error:
        fault = f"{shown} cannot be used ({_first_line(error)}): {_remedy(str(error))}"
        busy = any(text in str(error) for text in _BUSY)
        raise (DeviceBusyError if busy else DeviceError)(fault) from error


def _card(torch: ModuleType, number: int, shown: str) -> Card:
    properties = torch.cuda.get_device_properties(number)
    capability = (properties.major, properties.minor)
    built_for = torch.cuda.get_arch_list()
    if not has_kernels(capability, built_for):
        raise DeviceError(
            f"{shown} ({properties.name}) has compute capability {capability[0]}.{capability[1]}, "
            f"and this torch has kernels for {', '.join(built_for)}: "
            f"{_kernels_remedy(capability)}"
        )
    with torch.device("cuda", number):
        correct = int(torch.ones(_TERMS).sum()) == _TERMS
    if not correct:
        raise DeviceError(f"{shown} ({properties.name}) computes wrongly: replace it")
    free, total = torch.cuda.mem_get_info(number)
    uuid = str(getattr(properties, "uuid", ""))
    named = uuid if not uuid or uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
    return Card(properties.name, capability, named, free, total)


def has_kernels(capability: tuple[int, int], built_for: list[str]) -> bool:
    """True when a build for these architectures ("sm_86", "compute_90") runs on a card.

    Binaries run on the same major version from their minor version on, and the portable code of
    a "compute_" entry on every later card. Other vendors' lists are not judged.
    """
    entries = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", entry) for entry in built_for]
    known = [(entry[1], (int(entry[2]), int(entry[3]))) for entry in entries if entry is not None]
    if not known:
        return True
    return any(
        made <= capability and (kind == "compute" or made[0] == capability[0])
        for kind, made in known
    )


def _kernels_remedy(capability: tuple[int, int]) -> str:
    if (5, 0) <= capability < (7, 5):
        return f"only torch's builds for CUDA 12.6 have some for such a card; {OTHER_BUILD}"
    return OTHER_BUILD


def _remedy(text: str) -> str:
    for texts, remedy in _REMEDIES:
        if any(each in text for each in texts):
            return remedy
    return "look at `nvidia-smi` and the kernel's log (dmesg)"


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return line or type(error).__name__
