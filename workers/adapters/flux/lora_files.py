"""LoRA files read for a transformer: names, shapes, numbers and metadata checked before use.

Names of other trainers are converted by diffusers. Its converters trust their file: one loops for
ever over a negative alpha, another once for each block that a name counts. So everything that
they read is checked before, and all that they return is checked against the transformer.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import FluxLoraLoaderMixin
from peft.utils.other import get_pattern_key
from safetensors import SafetensorError, safe_open

from db.core.json_parser import parse_json
from workers.adapters.flux.lokr_factors import LOKR, check_lokr
from workers.adapters.protocol import InvalidLoraError

LARGEST_RANK = 512
MAX_HEADER_BYTES = 8 * 2**20
"""Longest header of a file; that of the largest known LoRA is a tenth of it."""
MAX_PATTERNS = 2000
"""Most patterns of layers in a file's metadata: FLUX has fewer layers."""
PREFIX = "transformer."
METADATA_KEY = "lora_adapter_metadata"
"""The entry of the header in which diffusers' trainers keep a LoRA's configuration, as JSON."""

_DOWN, _UP, _BIAS = ".lora_A.weight", ".lora_B.weight", ".lora_B.bias"
_EMBEDDER = f"{PREFIX}x_embedder{_DOWN}"
_NORM = re.compile(r"\.(norm_q|norm_k|norm_added_q|norm_added_k)\.weight$")
_DTYPES = {torch.float16, torch.bfloat16, torch.float32}
_DORA = ("dora_scale", "lora_magnitude_vector")
# Converters loop over the blocks up to the highest number that a name has.
_LARGE_NUMBER = re.compile(r"\d{4,}")
_PATTERN = re.compile(r"\^?[A-Za-z0-9_.-]{1,200}")
_CHANGES_MORE = (
    *("use_dora", "use_qalora", "layer_replication", "modules_to_save", "megatron_config"),
    *("trainable_token_indices", "target_parameters", "alora_invocation_tokens"),
)
"""Settings of peft beyond matrices and their strength: an adapter that uses one is refused."""


@dataclass(frozen=True)
class LoraWeights:
    """A checked file.

    Attributes:
        weights: matrices by diffusers' names, which begin with `PREFIX`.
        alphas: strengths of layers that the file holds as numbers; None where it holds none.
        metadata: the configuration from the file's header, by names that begin with `PREFIX`;
            None where the weights alone determine it.
        norms: weights of normalization layers, which replace the transformer's own.
    """

    weights: dict[str, torch.Tensor]
    alphas: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    norms: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def is_lokr(self) -> bool:
        """True for Kronecker factors (LoKr) in place of pairs of matrices."""
        return any(LOKR in name for name in self.weights)


def read_lora(pipeline: Any, path: Path) -> LoraWeights:
    """Read and check a file; its numbers stay on the disk until they are used.

    Args:
        pipeline: diffusers' pipeline for whose transformer the file should be.
        path: a safetensors file, which must not be changed while its LoRA is loaded.

    Raises:
        InvalidLoraError: the file is broken, or does not fit the transformer.
    """
    loaded, header = _read(path)
    _check_names(loaded)
    weights, alphas = _in_diffusers_names(pipeline, loaded)
    own = {name: value for name, value in weights.items() if name.startswith(PREFIX)}
    modules = dict(pipeline.transformer.named_modules())
    norms = _take_norms(pipeline, own)
    if not own and not norms:
        raise InvalidLoraError("the file holds nothing for the transformer")
    read = LoraWeights(own, alphas, _metadata(header, own), norms)
    if read.is_lokr:
        if _is_flux1(pipeline):
            raise InvalidLoraError("it is a LoKr, which is read for FLUX.2 alone")
        check_lokr({name.removeprefix(PREFIX): value for name, value in own.items()}, modules)
    else:
        _check_matrices(own, modules)
    if read.alphas and read.metadata:
        raise InvalidLoraError("its strength is given twice: in its metadata and beside its layers")
    return read


def _is_flux1(pipeline: Any) -> bool:
    return isinstance(pipeline, FluxLoraLoaderMixin)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER_BYTES:
        raise InvalidLoraError("the file is not a LoRA in a known format: its header is too long")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InvalidLoraError("the file is not a LoRA in a known format") from error


def _check_names(loaded: Mapping[str, torch.Tensor]) -> None:
    """Refuse what diffusers would pass over, and what its converters cannot bear."""
    for name, value in loaded.items():
        if any(word in name for word in _DORA):
            raise InvalidLoraError("it is a DoRA, of which magnitudes of layers are part: not read")
        if _LARGE_NUMBER.search(name):
            raise InvalidLoraError(f"the file is for another model: there is no layer {name[:100]}")
        if "alpha" in name or value.ndim == 0:
            _check_alpha(name, value)
        elif value.dtype not in _DTYPES:
            raise InvalidLoraError("its numbers are not float16, bfloat16 or float32")


def _check_alpha(name: str, value: torch.Tensor) -> None:
    if value.numel() != 1 or not 0 < float(value) < math.inf:
        raise InvalidLoraError(f"{name[:100]} is not a strength: a finite number above 0")


def _in_diffusers_names(
    pipeline: Any, loaded: dict[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], dict[str, Any] | None]:
    """Weights and alphas by diffusers' names; for FLUX.2 it puts the alphas into the weights."""
    try:
        converted = pipeline.lora_state_dict(loaded, return_alphas=True)
    except Exception as error:
        # The converters stumble over unknown names with errors of any kind.
        raise InvalidLoraError("the file is not a LoRA in a known format") from error
    if isinstance(converted, dict):
        return converted, None
    weights, alphas = converted[0], converted[1]
    return weights, alphas or None


def _take_norms(pipeline: Any, own: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Remove the weights of normalization layers from a file's, and check them."""
    norms = {name: own.pop(name) for name in tuple(own) if _NORM.search(name)}
    if norms and not _is_flux1(pipeline):
        raise InvalidLoraError(f"{next(iter(norms))[:100]} is not a name of a LoRA for FLUX.2")
    parameters = dict(pipeline.transformer.named_parameters()) if norms else {}
    named = {name.removeprefix(PREFIX): value for name, value in norms.items()}
    for name, value in named.items():
        if name not in parameters or value.shape != parameters[name].shape:
            raise InvalidLoraError(f"the file is for another model: {name[:100]} does not fit")
        _check_finite(value)
    return named


def _metadata(header: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, Any] | None:
    """The configuration in a file's header, reduced to what determines a strength.

    peft acts on many other settings, one of which even names a module to import.
    """
    if METADATA_KEY not in header:
        return None
    given = _given(header[METADATA_KEY])
    if not given:
        return None
    used = [name for name in _CHANGES_MORE if given.get(name)]
    if used:
        raise InvalidLoraError(f"its metadata asks for {used[0]}, which is not read")
    # As diffusers names them, which removes the prefix again.
    return {f"{PREFIX}{name}": value for name, value in _settings(given, own).items()}


def _given(text: str) -> dict[str, Any]:
    """The entries for the transformer, without their prefix."""
    try:
        every = parse_json(text)
    except ValueError:
        every = None
    if not isinstance(every, dict):
        raise InvalidLoraError("its metadata is not JSON of an adapter")
    own = [name for name in every if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX): every[name] for name in own}


def _settings(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    is_lokr = any(LOKR in name for name in own)
    alpha = "alpha" if is_lokr else "lora_alpha"
    settings: dict[str, Any] = {
        "r": _rank(given.get("r", 8)),
        alpha: _strength(given.get(alpha, 8)),
        "rank_pattern": _pattern(given.get("rank_pattern") or {}, _rank),
        "alpha_pattern": _pattern(given.get("alpha_pattern") or {}, _strength),
        "target_modules": sorted({_layer_of(name) for name in own}),
    }
    if is_lokr:
        return {**settings, **_lokr_settings(given)}
    _check_ranks(settings["r"], settings["rank_pattern"], own)
    has_biases = any(name.endswith(_BIAS) for name in own)
    return {**settings, "use_rslora": given.get("use_rslora") is True, "lora_bias": has_biases}


def _check_ranks(rank: int, pattern: Mapping[str, int], own: Mapping[str, Any]) -> None:
    """Refuse matrices of another rank: their strength is alpha divided by it."""
    for name in [name for name in own if name.endswith(_UP)]:
        told = pattern.get(get_pattern_key(tuple(pattern), _layer_of(name)), rank)
        if own[name].shape[1:] != (told,):
            raise InvalidLoraError(f"{name[:100]} has not the rank that its metadata tells")


def _lokr_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    factor = given.get("decompose_factor", -1)
    if type(factor) is not int:
        raise InvalidLoraError("its metadata has a decompose_factor that is no number")
    return {
        "decompose_both": given.get("decompose_both") is True,
        "decompose_factor": factor,
    }


def _layer_of(name: str) -> str:
    layer = re.split(r"\.lora_[AB]\.|\.lokr_", name.removeprefix(PREFIX))
    return layer[0]


def _rank(value: Any) -> int:
    if type(value) is not int or not 0 < value <= LARGEST_RANK:
        raise InvalidLoraError(f"its metadata has a rank that is not 1 to {LARGEST_RANK}")
    return value


def _strength(value: Any) -> float:
    if type(value) not in {int, float} or not 0 < value < math.inf:
        raise InvalidLoraError("its metadata has an alpha that is not a finite number above 0")
    result: float = value
    return result


def _pattern(given: Any, check: Any) -> dict[str, Any]:
    """Values by layer. peft takes the names for regular expressions: only plain ones are let in."""
    if not isinstance(given, dict) or len(given) > MAX_PATTERNS:
        raise InvalidLoraError("its metadata has patterns that are not read")
    for name in given:
        if not _PATTERN.fullmatch(name):
            raise InvalidLoraError(f"its metadata names layers by a pattern: {name[:100]!r}")
    return {name: check(value) for name, value in given.items()}


def _check_matrices(own: dict[str, torch.Tensor], modules: Mapping[str, Any]) -> None:
    """Check all matrices; pad those of the embedder and add biases that are left out."""
    _pad_embedder(own, modules)
    for name, value in own.items():
        _check_fits(name, value, modules)
    _check_pairs(own)
    if any(name.endswith(_BIAS) for name in own):
        _complete_biases(own, modules)


def _pad_embedder(own: dict[str, torch.Tensor], modules: Mapping[str, Any]) -> None:
    """Widen a matrix for FLUX.1 [dev] to an embedder that reads a mask or a control map as well.

    The further channels come after the picture's; a LoRA that does not know them leaves them be.
    """
    down, layer = own.get(_EMBEDDER), _base(modules.get("x_embedder"))
    width = getattr(layer, "in_features", 0)
    if down is not None and down.ndim == 2 and 0 < down.shape[1] < width:  # noqa: PLR2004 - matrix
        padded = torch.zeros(down.shape[0], width)
        padded[:, : down.shape[1]].copy_(down)
        own[_EMBEDDER] = padded


def _complete_biases(own: dict[str, torch.Tensor], modules: Mapping[str, Any]) -> None:
    """Give every layer a bias, as peft has them for all layers of a LoRA or for none."""
    for name in [name for name in own if name.endswith(_UP)]:
        if getattr(_base(modules[_layer_of(name)]), "bias", None) is None:
            raise InvalidLoraError("the file is for another model: its layers have no biases")
        bias = name.removesuffix(_UP) + _BIAS
        own.setdefault(bias, torch.zeros(own[name].shape[0], dtype=own[name].dtype))


def _base(layer: Any) -> Any:
    # A LoRA that is already loaded has wrapped the linear layer in one of its own.
    return getattr(layer, "base_layer", layer)


def _check_pairs(weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse a layer with one matrix alone: peft would fill the other one at random."""
    ranks: dict[str, list[int]] = {}
    for name, value in weights.items():
        rank = 0 if name.endswith(_DOWN) else 1
        own = ranks.setdefault(_layer_of(name), [])
        if not name.endswith(_BIAS):
            own.append(value.shape[rank])
    for layer, pair in ranks.items():
        if len(pair) != 2 or pair[0] != pair[1] or not pair[0]:  # noqa: PLR2004 - a pair
            raise InvalidLoraError(f"the matrices of {layer[:100]} do not make a pair")


def _check_fits(name: str, value: torch.Tensor, modules: Mapping[str, Any]) -> None:
    suffix = next((each for each in (_DOWN, _UP, _BIAS) if name.endswith(each)), None)
    if suffix is None:
        raise InvalidLoraError(f"{name[:100]} is not a known name of a LoRA's weights")
    layer = _base(modules.get(name.removeprefix(PREFIX).removesuffix(suffix)))
    width = getattr(layer, "in_features" if suffix == _DOWN else "out_features", None)
    if width is None:
        raise InvalidLoraError(f"the file is for another model: there is no layer {name[:100]}")
    ranks = {_DOWN: value.shape[:1], _UP: value.shape[1:], _BIAS: ()}[suffix]
    expected = {_DOWN: (*ranks, width), _UP: (width, *ranks), _BIAS: (width,)}[suffix]
    if len(expected) != value.ndim or tuple(value.shape) != expected or value.ndim > 2:  # noqa: PLR2004
        raise InvalidLoraError(f"the file is for another model: {name[:100]} does not fit")
    if any(rank > LARGEST_RANK for rank in ranks):
        raise InvalidLoraError(f"a rank is larger than {LARGEST_RANK}")
    _check_finite(value)


def _check_finite(value: torch.Tensor) -> None:
    if not bool(torch.isfinite(value).all()):
        raise InvalidLoraError("not all of its numbers are finite")
