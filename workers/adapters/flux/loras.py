"""LoRAs on a loaded transformer: loaded, cached, switched between jobs, and removed again."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from workers.adapters.protocol import InvalidLoraError

LARGEST_RANK = 512
MAX_LOADED = 8
"""Most LoRAs that stay loaded on the transformer, disabled while no job uses them."""
_PREFIX = "transformer."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"

LoraScales = Sequence[tuple[str, float]]
"""LoRAs by their key in the store, with their scales."""


class PipelineLoras:
    """The LoRAs of one loaded pipeline.

    A file is checked against the transformer before any of it is loaded, so that a file that does
    not fit leaves the model unchanged.
    """

    def __init__(self, pipeline: Any, max_loaded: int = MAX_LOADED) -> None:
        """Start without LoRAs.

        Args:
            pipeline: diffusers' pipeline, whose transformer is changed.
            max_loaded: most LoRAs that stay loaded.
        """
        self._pipeline = pipeline
        self._transformer = pipeline.transformer
        self._max_loaded = max_loaded
        self._names: dict[str, str] = {}
        self._loaded_count = 0

    def activate(self, loras: LoraScales, read: Callable[[str], bytes]) -> None:
        """Enable these LoRAs, and no other.

        Args:
            loras: their keys and scales.
            read: fetches the bytes of a key; called for LoRAs that are not loaded yet.

        Raises:
            InvalidLoraError: a file is broken, or does not fit the transformer.
        """
        active = [(key, scale) for key, scale in loras if scale]
        for key, _ in active:
            self._load(key, read)
        self._make_room({key for key, _ in active})
        if not self._names:
            return
        if not active:
            self._transformer.disable_lora()
            return
        self._transformer.enable_lora()
        names = [self._names[key] for key, _ in active]
        self._transformer.set_adapters(names, [scale for _, scale in active])

    def _load(self, key: str, read: Callable[[str], bytes]) -> None:
        if key in self._names:
            self._names[key] = self._names.pop(key)  # the most recently used one is last
            return
        weights, alphas = self._read_checked(read(key))
        # A layer whose weights are packed does not tell peft the type that it computes in.
        weights = {name: each.to(self._transformer.dtype) for name, each in weights.items()}
        self._loaded_count += 1
        name = f"lora_{self._loaded_count}"
        with warnings.catch_warnings():
            # peft warns of a second LoRA on one model as of a mistake.
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            self._transformer.load_lora_adapter(
                weights, network_alphas=alphas, adapter_name=name, prefix="transformer"
            )
        self._names[key] = name

    def _make_room(self, active: set[str]) -> None:
        idle = [key for key in self._names if key not in active]
        for key in idle[: max(0, len(self._names) - self._max_loaded)]:
            self._transformer.delete_adapters(self._names.pop(key))

    def _read_checked(self, data: bytes) -> tuple[dict[str, torch.Tensor], Any]:
        """The transformer's part of a file, in diffusers' names, and its alphas."""
        try:
            loaded = safetensors.torch.load(data)
            weights, alphas = _in_diffusers_names(self._pipeline, loaded)
        except (SafetensorError, ValueError, KeyError, RuntimeError, NotImplementedError) as error:
            raise InvalidLoraError("the file is not a LoRA in a known format") from error
        own = {name: value for name, value in weights.items() if name.startswith(_PREFIX)}
        if not own:
            raise InvalidLoraError("the file holds nothing for the transformer")
        modules = dict(self._transformer.named_modules())
        for name, value in own.items():
            _check_fits(name, value, modules)
        _check_pairs(own)
        return own, alphas


def fuse_loras(pipeline: Any, loras: Sequence[tuple[bytes, float]]) -> None:
    """Fuse a row's LoRAs into the transformer's weights.

    Args:
        pipeline: diffusers' pipeline, whose weights are not fused or quantized yet.
        loras: files and their scales.

    Raises:
        InvalidLoraError: a file is broken, or does not fit the transformer.
    """
    files = {str(number): data for number, (data, _) in enumerate(loras)}
    scales = [scale for _, scale in loras]
    PipelineLoras(pipeline).activate(list(zip(files, scales, strict=True)), files.__getitem__)
    pipeline.transformer.fuse_lora()
    pipeline.transformer.unload_lora()


def _in_diffusers_names(
    pipeline: Any, loaded: dict[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], dict[str, float] | None]:
    """Weights and alphas by diffusers' names; for FLUX.2 it puts the alphas into the weights."""
    converted = pipeline.lora_state_dict(loaded, return_alphas=True)
    if isinstance(converted, dict):
        return converted, None
    weights, alphas = converted[0], converted[1]
    return weights, alphas or None


def _check_pairs(weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse a layer with one matrix alone: peft would fill the other one at random."""
    ranks: dict[str, list[int]] = {}
    for name, value in weights.items():
        suffix, rank = (_DOWN, 0) if name.endswith(_DOWN) else (_UP, 1)
        ranks.setdefault(name.removesuffix(suffix), []).append(value.shape[rank])
    for layer, pair in ranks.items():
        if len(pair) != 2 or pair[0] != pair[1] or not pair[0]:  # noqa: PLR2004 - a pair
            raise InvalidLoraError(f"the matrices of {layer[:100]} do not make a pair")


def _check_fits(name: str, value: torch.Tensor, modules: Mapping[str, Any]) -> None:
    for suffix, side, rank in ((_DOWN, 1, 0), (_UP, 0, 1)):
        if not name.endswith(suffix):
            continue
        # A LoRA that is already loaded has wrapped the linear layer in one of its own.
        layer = modules.get(name.removeprefix(_PREFIX).removesuffix(suffix))
        layer = getattr(layer, "base_layer", layer)
        width = getattr(layer, "in_features" if suffix == _DOWN else "out_features", None)
        if width is None:
            raise InvalidLoraError(f"the file is for another model: there is no layer {name[:100]}")
        if value.ndim != 2 or value.shape[side] != width:  # noqa: PLR2004 - a matrix
            raise InvalidLoraError(f"the file is for another model: {name[:100]} does not fit")
        if value.shape[rank] > LARGEST_RANK:
            raise InvalidLoraError(f"a rank is larger than {LARGEST_RANK}")
        if not bool(torch.isfinite(value).all()):
            raise InvalidLoraError("not all of its numbers are finite")
        return
    raise InvalidLoraError(f"{name[:100]} is not a known name of a LoRA's weights")
