"""The most bytes that tensors of a computation hold at one moment, counted without computing.

On torch's meta device each operation makes tensors with sizes alone. Their storages are counted
while they live; attention is taken as fused, which needs no memory beside its result.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts the storages that operations make, until they are freed.

    Attributes:
        peak: the most bytes at one moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what it made."""
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self._live += size
        self.peak = max(self.peak, self._live)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._live -= size


def _fused(query: torch.Tensor, *_rest: Any, **_settings: Any) -> torch.Tensor:
    return torch.empty_like(query)


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention that makes its result alone."""
    modules = (
        "diffusers.models.transformers.transformer_flux",
        ("diffusers.models.transformers.transformer_flux2"),
    )
    with (
        patch(f"{modules[0]}.dispatch_attention_fn", _fused),
        patch(f"{modules[1]}.dispatch_attention_fn", _fused),
        patch("torch.nn.functional.scaled_dot_product_attention", _fused),
    ):
        yield


def peak_bytes(compute: Callable[[], Any]) -> int:
    """The most bytes that a computation on the meta device makes at one moment."""
    counted = LiveBytes()
    with torch.inference_mode(), fused_attention(), counted:
        compute()
    return counted.peak
