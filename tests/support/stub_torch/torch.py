"""A stand-in for torch on PYTHONPATH: devices and faults as the variable STUB_TORCH says.

It has what the checks of devices call, and raises the texts that torch and CUDA raise. The JSON in
STUB_TORCH has: `import_error`, `cuda` (null is a build for CPUs), `init_error`, `built_for`, and
`cards`, each with `name`, `capability`, `free`, `total`, `uuid` and `error`.
"""

import json
import os
from types import SimpleNamespace
from typing import Any

_told: dict[str, Any] = json.loads(os.environ.get("STUB_TORCH", "{}"))
if "import_error" in _told:
    raise ImportError(_told["import_error"])

__version__ = "2.13.0"
version = SimpleNamespace(cuda=_told.get("cuda", "13.0"), hip=None)
_cards: list[dict[str, Any]] = _told.get("cards", [])
_current = [0]


def _init() -> None:
    if version.cuda is None:
        raise AssertionError("Torch not compiled with CUDA enabled")
    if "init_error" in _told:
        raise RuntimeError(_told["init_error"])


def _properties(number: int) -> SimpleNamespace:
    card = _cards[number]
    major, minor = card.get("capability", (8, 6))
    return SimpleNamespace(
        name=card.get("name", "Stub 3060"), major=major, minor=minor, uuid=card.get("uuid", "")
    )


class device:  # noqa: N801 - torch's own name
    """A context in which tensors are made on a device."""

    def __init__(self, _kind: str, number: int = 0) -> None:
        self._number = number

    def __enter__(self) -> None:
        _current[0] = self._number

    def __exit__(self, *_error: object) -> None:
        _current[0] = 0


class _Sum:
    def __init__(self, count: int) -> None:
        self._count = count

    def sum(self) -> int:
        return self._count - int(_cards[_current[0]].get("wrong", False))


def ones(count: int) -> _Sum:
    error = _cards[_current[0]].get("error")
    if error:
        raise RuntimeError(error)
    return _Sum(count)


cuda = SimpleNamespace(
    init=_init,
    is_available=lambda: version.cuda is not None and "init_error" not in _told and bool(_cards),
    device_count=lambda: len(_cards),
    get_arch_list=lambda: _told.get("built_for", ["sm_75", "sm_80", "sm_86", "sm_90", "sm_120"]),
    get_device_properties=_properties,
    get_device_capability=lambda number=0: tuple(_cards[number].get("capability", (8, 6))),
    get_device_name=lambda number=0: _properties(number).name,
    mem_get_info=lambda number=0: (
        _cards[number].get("free", 11_000_000_000),
        _cards[number].get("total", 12_000_000_000),
    ),
)


def __getattr__(name: str) -> Any:
    """Any other public name, for annotations and `except`: a class of its own."""
    if name.startswith("_"):
        raise AttributeError(name)
    return type(name, (Exception,), {})
