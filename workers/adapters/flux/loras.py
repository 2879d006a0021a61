"""LoRAs on a loaded transformer: loaded, cached, switched between jobs, and removed again."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention import AttentionModuleMixin

from workers.adapters.flux.lokr_factors import names_fused
from workers.adapters.flux.lora_files import PREFIX, LoraWeights, read_lora
from workers.adapters.protocol import FetchFile, InvalidLoraError
from workers.adapters.serving.quantization import QuantizedLinear

MAX_LOADED = 8
"""Most LoRAs that stay loaded on the transformer, disabled while no job uses them."""
MAX_LOADED_BYTES = 4 * 2**30
"""Most bytes of their files: they are in the device's memory. Those of one job may be larger."""
_PROJECTIONS = {
    "to_qkv": ("to_q", "to_k", "to_v"),
    "to_added_qkv": ("add_q_proj", "add_k_proj", "add_v_proj"),
}

_DELETED = "Adapter .* was active"
"""peft's warning that it enables another LoRA than the one that is removed."""

LoraScales = Sequence[tuple[str, float]]
"""LoRAs by their key in the store, with their scales."""


@dataclass(frozen=True)
class _Loaded:
    """A LoRA on the transformer: peft's name of it, its bytes, and what it does beside matrices."""

    name: str | None
    size_bytes: int
    norms: Mapping[str, torch.Tensor]
    is_lokr: bool
    fuses: bool


class PipelineLoras:
    """The LoRAs of one loaded pipeline.

    A file is checked against the transformer before any of it is loaded, so that a file that does
    not fit leaves the model unchanged.
    """

    def __init__(
        self, pipeline: Any, max_loaded: int = MAX_LOADED, max_bytes: int = MAX_LOADED_BYTES
    ) -> None:
        """Start without LoRAs.

        Args:
            pipeline: diffusers' pipeline, whose transformer is changed.
            max_loaded: most LoRAs that stay loaded.
            max_bytes: most bytes of LoRAs that stay loaded.
        """
        self._pipeline = pipeline
        self._transformer = pipeline.transformer
        self._max_loaded = max_loaded
        self._max_bytes = max_bytes
        self._loaded: dict[str, _Loaded] = {}
        self._loaded_count = 0
        self._own_norms: dict[str, torch.Tensor] = {}

    def activate(self, loras: LoraScales, fetch: FetchFile) -> None:
        """Enable these LoRAs, and no other.

        Args:
            loras: their keys and scales.
            fetch: fetches the file of a key; called for LoRAs that are not loaded yet.

        Raises:
            InvalidLoraError: a file is broken, or does not fit the transformer.
        """
        active = [(key, scale) for key, scale in loras if scale]
        keys = {key for key, _ in active}
        self._restore_norms()
        self._unfuse(keys)
        for key in keys & self._loaded.keys():
            self._loaded[key] = self._loaded.pop(key)  # the most recently used ones are last
        for key, _ in active:
            if key not in self._loaded:
                self._load(key, fetch, keys)
        if any(each.name for each in self._loaded.values()):
            self._switch(active)
        for key, _ in active:
            self._replace_norms(self._loaded[key].norms)

    def _switch(self, active: LoraScales) -> None:
        scales = {self._loaded[key].name: scale for key, scale in active}
        scales.pop(None, None)
        if not scales:
            self._transformer.disable_lora()
            return
        self._transformer.enable_lora()
        self._transformer.set_adapters([*scales], [*scales.values()])

    def _load(self, key: str, fetch: FetchFile, active: set[str]) -> None:
        with fetch(key) as path:
            read = read_lora(self._pipeline, path)
            self._part_kinds(read, active)
            self._make_room(active, path.stat().st_size)
            name = self._put_on(read) if read.weights else None
        self._loaded[key] = _Loaded(
            name=name,
            size_bytes=sum(value.nbytes for value in read.weights.values()),
            norms={norm: value.clone() for norm, value in read.norms.items()},
            is_lokr=read.is_lokr,
            fuses=names_fused(read.weights),
        )

    def _put_on(self, read: LoraWeights) -> str:
        self._loaded_count += 1
        name = f"lora_{self._loaded_count}"
        weights = read.weights
        if any(isinstance(each, QuantizedLinear) for each in self._transformer.modules()):
            # A layer whose weights are packed does not tell peft the type that it computes in.
            weights = {key: each.to(self._transformer.dtype) for key, each in weights.items()}
        try:
            with warnings.catch_warnings(), torch.no_grad():
                # peft warns of a second LoRA on one model as of a mistake.
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                warnings.filterwarnings("ignore", message=_DELETED)
                self._transformer.load_lora_adapter(
                    weights,
                    network_alphas=read.alphas,
                    metadata=read.metadata,
                    adapter_name=name,
                    prefix=PREFIX.removesuffix("."),
                    low_cpu_mem_usage=True,  # as diffusers' own loading: nothing is drawn first
                )
            self._check_complete(name)
        except torch.OutOfMemoryError:
            self._take_off(name, read)
            raise
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            # Its configuration asks for other matrices than the file holds, for one.
            self._take_off(name, read)
            raise InvalidLoraError("its matrices are not those that its metadata tells") from error
        return name

    def _take_off(self, name: str, read: LoraWeights) -> None:
        """Remove what was put on in part."""
        self._remove(name)
        if names_fused(read.weights) and not any(each.fuses for each in self._loaded.values()):
            self._transformer.unfuse_qkv_projections()

    def _check_complete(self, name: str) -> None:
        """Refuse an adapter of which the file did not hold all: the rest has no numbers."""
        own = (each for at, each in self._transformer.named_parameters() if name in at.split("."))
        if any(each.is_meta for each in own):
            raise ValueError("not all of its matrices are in the file")

    def _part_kinds(self, read: LoraWeights, active: set[str]) -> None:
        """Unload what cannot stay beside a file: pairs of matrices and LoKr wrap layers unlike."""
        fuses = names_fused(read.weights)
        others = {key for key, own in self._loaded.items() if fuses or own.is_lokr != read.is_lokr}
        if any(self._loaded[key].is_lokr != read.is_lokr for key in others & active):
            raise InvalidLoraError("a LoRA and a LoKr cannot be used together")
        for key in others - active:
            self._unload(key)
        if fuses:
            self._check_projections()

    def _check_projections(self) -> None:
        for name, module in self._transformer.named_modules():
            if name.endswith((".to_q", ".add_q_proj")) and type(module) is not torch.nn.Linear:
                raise InvalidLoraError(
                    "it changes fused projections, which needs them in 16 bits and without others"
                )

    def _make_room(self, active: set[str], size_bytes: int) -> None:
        """Unload idle LoRAs, the longest unused first, until another one has room."""
        for key in [key for key in self._loaded if key not in active]:
            total = sum(each.size_bytes for each in self._loaded.values())
            if len(self._loaded) < self._max_loaded and total + size_bytes <= self._max_bytes:
                return
            self._unload(key)

    def _unload(self, key: str) -> None:
        name = self._loaded.pop(key).name
        if name:
            self._remove(name)

    def _remove(self, name: str) -> None:
        """Remove an adapter, also one that was put on in part; the last one with its wrappers."""
        configured = getattr(self._transformer, "peft_config", {})
        if name in configured:
            with warnings.catch_warnings():
                # The one that is active afterwards is chosen for the next job.
                warnings.filterwarnings("ignore", message=_DELETED)
                self._transformer.delete_adapters(name)
        if not getattr(self._transformer, "peft_config", {}):
            self._transformer.unload_lora()

    def _unfuse(self, active: set[str]) -> None:
        """Give the transformer its own projections back where no active LoKr needs them fused."""
        fusing = {key for key, each in self._loaded.items() if each.fuses}
        if fusing and not fusing & active:
            for key in fusing:
                self._unload(key)
            self._transformer.unfuse_qkv_projections()

    def _replace_norms(self, norms: Mapping[str, torch.Tensor]) -> None:
        own = dict(self._transformer.named_parameters()) if norms else {}
        for name, value in norms.items():
            self._own_norms.setdefault(name, own[name].detach().clone())
            own[name].data.copy_(value)

    def _restore_norms(self) -> None:
        own = dict(self._transformer.named_parameters()) if self._own_norms else {}
        for name, value in self._own_norms.items():
            own[name].data.copy_(value)
        self._own_norms.clear()


def fuse_loras(pipeline: Any, loras: Sequence[tuple[Path, float]]) -> None:
    """Fuse a row's LoRAs into the transformer's weights.

    Args:
        pipeline: diffusers' pipeline, whose weights are not fused or quantized yet.
        loras: files and their scales.

    Raises:
        InvalidLoraError: a file is broken, or does not fit the transformer.
    """
    files = {str(number): nullcontext(path) for number, (path, _) in enumerate(loras)}
    scales = [scale for _, scale in loras]
    PipelineLoras(pipeline).activate(list(zip(files, scales, strict=True)), files.__getitem__)
    pipeline.transformer.fuse_lora()
    pipeline.transformer.unload_lora()
    for module in pipeline.transformer.modules():
        if isinstance(module, AttentionModuleMixin) and module.fused_projections:
            _split_projections(module)


@torch.no_grad()
def _split_projections(attention: Any) -> None:
    """Copy a fused projection into those that it was made of, so that jobs' LoRAs act on them."""
    for fused, parts in _PROJECTIONS.items():
        layer = getattr(attention, fused, None)
        if layer is None:
            continue
        rows = layer.weight.chunk(len(parts))
        for part, own in zip(parts, rows, strict=True):
            getattr(attention, part).weight.copy_(own)
    attention.unfuse_projections()
