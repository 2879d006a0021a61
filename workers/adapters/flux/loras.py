"""LoRAs on a loaded transformer: put on, kept warm, swapped between jobs, and taken off again."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from workers.adapters.protocol import InvalidLoraError

LARGEST_RANK = 512
KEPT = 8
"""LoRAs that stay on the transformer, switched off while no job asks for them."""
_PREFIX = "transformer."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"

Asked = Sequence[tuple[str, float]]
"""LoRAs by the store's key, and their scales."""


class LoraRack:
    """The LoRAs of one loaded pipeline.

    A file is checked against the transformer before anything of it is put on, so that one that
    does not fit leaves the model as it was.
    """

    def __init__(self, pipeline: Any, kept: int = KEPT) -> None:
        """Make ready.

        Args:
            pipeline: diffusers' pipeline, whose transformer is changed.
            kept: most LoRAs that stay on it.
        """
        self._pipeline = pipeline
        self._transformer = pipeline.transformer
        self._kept = kept
        self._names: dict[str, str] = {}
        self._made = 0

    def use(self, asked: Asked, read: Callable[[str], bytes]) -> None:
        """Have these LoRAs act, and no other.

        Args:
            asked: which, and how strongly.
            read: the bytes of a key; asked for those that are not on yet.

        Raises:
            InvalidLoraError: a file is broken, or does not fit the transformer.
        """
        acting = [(key, scale) for key, scale in asked if scale]
        for key, _ in acting:
            self._have(key, read)
        self._make_room({key for key, _ in acting})
        if not self._names:
            return
        if not acting:
            self._transformer.disable_lora()
            return
        self._transformer.enable_lora()
        names = [self._names[key] for key, _ in acting]
        self._transformer.set_adapters(names, [scale for _, scale in acting])

    def _have(self, key: str, read: Callable[[str], bytes]) -> None:
        if key in self._names:
            self._names[key] = self._names.pop(key)  # the one used last stands last
            return
        weights, alphas = self._checked(read(key))
        self._made += 1
        name = f"lora_{self._made}"
        with warnings.catch_warnings():
            # peft takes a second LoRA on one model for a mistake.
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            self._transformer.load_lora_adapter(
                weights, network_alphas=alphas, adapter_name=name, prefix="transformer"
            )
        self._names[key] = name

    def _make_room(self, acting: set[str]) -> None:
        idle = [key for key in self._names if key not in acting]
        for key in idle[: max(0, len(self._names) - self._kept)]:
            self._transformer.delete_adapters(self._names.pop(key))

    def _checked(self, data: bytes) -> tuple[dict[str, torch.Tensor], Any]:
        """The transformer's part of a file, in diffusers' names, and its alphas."""
        try:
            loaded = safetensors.torch.load(data)
            weights, alphas = _in_diffusers_names(self._pipeline, loaded)
        except (SafetensorError, ValueError, KeyError, RuntimeError, NotImplementedError) as error:
            raise InvalidLoraError("the file is no LoRA that is understood") from error
        own = {name: value for name, value in weights.items() if name.startswith(_PREFIX)}
        if not own:
            raise InvalidLoraError("the file holds nothing for the transformer")
        modules = dict(self._transformer.named_modules())
        for name, value in own.items():
            _refuse_unfit(name, value, modules)
        _refuse_halves(own)
        return own, alphas


def fuse_loras(pipeline: Any, loras: Sequence[tuple[bytes, float]]) -> None:
    """Add LoRAs to the transformer's weights for good: those that its row names.

    Args:
        pipeline: diffusers' pipeline, whose weights are not fused or quantized yet.
        loras: files and their scales.

    Raises:
        InvalidLoraError: a file is broken, or does not fit the transformer.
    """
    files = {str(number): data for number, (data, _) in enumerate(loras)}
    scales = [scale for _, scale in loras]
    LoraRack(pipeline).use(list(zip(files, scales, strict=True)), files.__getitem__)
    pipeline.transformer.fuse_lora()
    pipeline.transformer.unload_lora()


def _in_diffusers_names(
    pipeline: Any, loaded: dict[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], dict[str, float] | None]:
    """Weights and alphas; those that write FLUX.2's names put the alphas into the weights."""
    found = pipeline.lora_state_dict(loaded, return_alphas=True)
    return (found, None) if isinstance(found, dict) else (found[0], found[1] or None)


def _refuse_halves(weights: Mapping[str, torch.Tensor]) -> None:
    """Both matrices of a layer are needed: peft would draw a missing one at random."""
    ranks: dict[str, list[int]] = {}
    for name, value in weights.items():
        suffix, rank = (_DOWN, 0) if name.endswith(_DOWN) else (_UP, 1)
        ranks.setdefault(name.removesuffix(suffix), []).append(value.shape[rank])
    for layer, found in ranks.items():
        if len(found) != 2 or found[0] != found[1] or not found[0]:  # noqa: PLR2004 - a pair
            raise InvalidLoraError(f"the matrices of {layer[:100]} do not make a pair")


def _refuse_unfit(name: str, value: torch.Tensor, modules: Mapping[str, Any]) -> None:
    for suffix, side, rank in ((_DOWN, 1, 0), (_UP, 0, 1)):
        if not name.endswith(suffix):
            continue
        # A LoRA that acts already has put a layer of its own around the linear one.
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
    raise InvalidLoraError(f"{name[:100]} is nothing that is understood")
