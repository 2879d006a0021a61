"""Kronecker factors of LoKr files, checked against the layers that they change."""

from collections.abc import Mapping
from typing import Any

import torch

from workers.adapters.protocol import InvalidLoraError

LOKR = ".lokr_"
"""Part of the name of every factor."""

FUSED = ("to_qkv", "to_added_qkv")
"""Projections that exist only when three are fused into one; trainers of the vendor's layout
change them as one."""
_PARTS = {
    "to_qkv": ("to_q", "to_k", "to_v"),
    "to_added_qkv": ("add_q_proj", "add_k_proj", "add_v_proj"),
}
_NAMES = frozenset({"w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b"})


def check_lokr(factors: Mapping[str, torch.Tensor], modules: Mapping[str, Any]) -> None:
    """Refuse factors whose product does not have the shape of their layer.

    Args:
        factors: by the layer's name, `LOKR` and the factor's.
        modules: the transformer's modules by name.

    Raises:
        InvalidLoraError: they do not fit.
    """
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in factors.items():
        layer, found, factor = name.rpartition(LOKR)
        if not found or factor not in _NAMES:
            raise InvalidLoraError(f"{name[:100]} is not a known name of a LoKr's weights")
        if value.ndim != 2 or not value.numel():  # noqa: PLR2004 - a matrix
            raise InvalidLoraError(f"the file is for another model: {name[:100]} does not fit")
        if not bool(torch.isfinite(value).all()):
            raise InvalidLoraError("not all of its numbers are finite")
        layers.setdefault(layer, {})[factor] = value
    for layer, own in layers.items():
        _check_layer(layer, own, modules)


def _check_layer(layer: str, own: Mapping[str, torch.Tensor], modules: Mapping[str, Any]) -> None:
    height, width = _shape(layer, modules)
    first, second = _factor(own, "w1"), _factor(own, "w2")
    if first is None or second is None:
        raise InvalidLoraError(f"the factors of {layer[:100]} do not make a pair")
    if (first[0] * second[0], first[1] * second[1]) != (height, width):
        raise InvalidLoraError(f"the file is for another model: {layer[:100]} does not fit")


def _factor(own: Mapping[str, torch.Tensor], name: str) -> tuple[int, int] | None:
    """The shape of a factor, whole or as the product of two matrices; None where it is neither."""
    whole, left, right = (own.get(name + part) for part in ("", "_a", "_b"))
    if whole is not None and left is None and right is None:
        return whole.shape[0], whole.shape[1]
    if whole is None and left is not None and right is not None and left.shape[1] == right.shape[0]:
        return left.shape[0], right.shape[1]
    return None


def _shape(layer: str, modules: Mapping[str, Any]) -> tuple[int, int]:
    block, _, name = layer.rpartition(".")
    parts = [f"{block}.{part}" for part in _PARTS.get(name, ())]
    named = [layer] if layer in modules or not parts else parts
    linear = [getattr(modules.get(each), "base_layer", modules.get(each)) for each in named]
    if any(getattr(each, "out_features", None) is None for each in linear):
        raise InvalidLoraError(f"the file is for another model: there is no layer {layer[:100]}")
    return sum(each.out_features for each in linear), linear[0].in_features  # type: ignore[union-attr]


def names_fused(factors: Mapping[str, Any]) -> bool:
    """True when some of these are for projections that must be fused first."""
    return any(name.rpartition(LOKR)[0].rpartition(".")[2] in FUSED for name in factors)
