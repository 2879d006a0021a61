"""Reads a pipeline's checkpoint into the host's memory, whichever way it is stored.

A folder or repository in 16 or 32 bits, one that bitsandbytes quantised, or a single safetensors or
GGUF file in place of its transformer. Tensors stay views of their files as far as possible, so
that reading takes no memory of its own; `workers.adapters.serving.placement` goes on from there.
"""

import importlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import safetensors.torch
import torch

from workers.adapters.hub.selection import Layout
from workers.adapters.serving.gguf_layers import replace_gguf_layers
from workers.adapters.serving.layers import QUANTIZING, is_quantizable
from workers.adapters.serving.quantization import (
    Int8Linear,
    MissingLibraryError,
    Nf4Linear,
    QuantizedLinear,
    from_bitsandbytes,
    nf4_scales,
    require_bitsandbytes,
)
from workers.adapters.weights import (
    Source,
    WeightsError,
    check_single_file,
    fetched,
    load_pretrained,
    local_file,
    translating_library_errors,
)
from workers.adapters.weights_headers import read_header
from workers.catalog.serving import ServingMode
from workers.catalog.variant import Variant

_DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
_UNSCALED = {"F8_E4M3": torch.float8_e4m3fn, **_DTYPES}
_TRANSFORMER = "transformer"


def read_pipeline(
    class_name: str,
    variant: Variant,
    source: Source,
    mode: ServingMode,
    dtype: torch.dtype,
    **components: Any,
) -> Any:
    """A pipeline with its components in the host's memory.

    Args:
        class_name: diffusers' name of its class.
        variant: the row.
        source: where its checkpoint is.
        mode: how it will be served: what will be quantised is read in the type that it is stored
            in, and the rest in the computation's.
        dtype: the type of the computation.
        components: those that are at hand already, in place of the checkpoint's.

    Raises:
        WeightsError: files are missing, unreadable, another model's, or in a format that is not
            known here.
        MissingLibraryError: the checkpoint needs a library that is not installed.
    """
    pipeline_class = getattr(diffusers, class_name)
    without = (*components, *((_TRANSFORMER,) if source.file else ()))
    source = fetched(variant, source, Layout.PIPELINE, without=without)
    reader = _Reader(variant, source, mode, dtype)
    ready = reader.transformer()
    dtypes = reader.dtypes(source)
    ready = {**reader.prequantized(source, ready), **ready}
    # diffusers checks a component against the class that the checkpoint names.
    left_out = dict.fromkeys(components)
    pipeline = load_pretrained(
        pipeline_class, variant, source, dtype=dtypes, use_safetensors=True, **ready, **left_out
    )
    pipeline.register_modules(**components)
    for component in pipeline.components.values():
        if isinstance(component, torch.nn.Module):
            _replace_bitsandbytes_layers(component, dtype)
    return pipeline


class _Reader:
    """The parts of one reading that share the row and its source."""

    def __init__(
        self, variant: Variant, source: Source, mode: ServingMode, dtype: torch.dtype
    ) -> None:
        self._variant = variant
        self._source = source
        self._mode = mode
        self._dtype = dtype

    def transformer(self) -> dict[str, Any]:
        """The transformer of a single file, by its component's name; nothing without a file."""
        if not self._source.file:
            return {}
        path = local_file(self._variant, self._source)
        check_single_file(self._variant, self._source, path)
        with translating_library_errors(self._variant, self._source):
            model_class = getattr(diffusers, self._class_names()[_TRANSFORMER])
            model = self._converted(model_class, path)
        lacking = sorted(name for name, each in model.named_parameters() if each.is_meta)
        if lacking:
            raise self._error(f"{path} lacks {lacking[0]} and {len(lacking) - 1} more tensors")
        return {_TRANSFORMER: model}

    def _class_names(self) -> dict[str, str]:
        """The class of each component, by the pipeline's index."""
        loader = diffusers.DiffusionPipeline
        index = loader.load_config(self._source.name, local_files_only=True)
        return {name: value[1] for name, value in index.items() if isinstance(value, list)}

    def _converted(self, model_class: Any, path: Path) -> Any:
        try:
            return self._read_file(model_class, path)
        except (IndexError, AttributeError, TypeError) as error:
            # The library's conversion takes the names that it looks for to be there.
            raise self._error(
                f"{path} holds no {model_class.__name__} by diffusers' or the vendor's names"
            ) from error

    def _read_file(self, model_class: Any, path: Path) -> Any:
        arguments: dict[str, Any] = {
            "config": self._source.name,
            "subfolder": _TRANSFORMER,
            "local_files_only": True,
            "dtype": self._dtype,
        }
        if path.suffix == ".gguf":
            library = _gguf_quantization()
            arguments["quantization_config"] = library(compute_dtype=self._dtype)
            return replace_gguf_layers(model_class.from_single_file(str(path), **arguments))
        stored = _stored_dtypes(path)
        unknown = sorted(stored - set(_UNSCALED))
        if unknown or _has_scales(path):
            raise self._error(
                f"{path} is quantised in a way that is not known here"
                f"{f' ({unknown[0]})' if unknown else ''}: name a file in 16 bits or a GGUF file"
            )
        if self._mode.precision in QUANTIZING and len(stored) == 1:
            arguments["dtype"] = _UNSCALED[stored.pop()]
        return model_class.from_single_file(str(path), **arguments)

    def dtypes(self, source: Source) -> dict[str, torch.dtype]:
        """The type to read each component in; "default" for those not named."""
        read = {"default": self._dtype}
        if self._mode.precision in QUANTIZING:
            for name, class_name in self._class_names().items():
                if is_quantizable(class_name) and not _quantization(source, name):
                    read[name] = _stored_dtype(Path(source.name) / name, self._dtype)
        return read

    def prequantized(self, source: Source, ready: Iterable[str]) -> dict[str, Any]:
        """Diffusers' models that bitsandbytes quantised: the library reads them on CUDA alone."""
        made = {}
        for name, class_name in self._class_names().items():
            how = _quantization(source, name)
            if not how or name in ready:
                continue
            method = how.get("quant_method")
            if method != "bitsandbytes":
                raise self._error(
                    f"its {name} is quantised by {method}, which is not known here: "
                    "name a checkpoint in 16 bits, and a precision"
                )
            require_bitsandbytes()
            if hasattr(diffusers, class_name):
                folder = Path(source.name) / name
                with translating_library_errors(self._variant, self._source):
                    made[name] = _read_bitsandbytes(
                        getattr(diffusers, class_name), folder, self._dtype
                    )
        return made

    def _error(self, reason: str) -> WeightsError:
        return WeightsError(f"{self._variant.id}: {self._source.name}: {reason}")


def _gguf_quantization() -> Any:
    try:
        importlib.import_module("gguf")
    except ImportError as error:
        raise MissingLibraryError("it needs gguf: pip install 'bottega[quantization]'") from error
    return diffusers.GGUFQuantizationConfig


def _stored_dtypes(path: Path) -> set[str]:
    return {tensor["dtype"] for tensor in read_header(path).values()}


def _has_scales(path: Path) -> bool:
    """True where weights in 8 bits have scales beside them, which a plain reading would drop."""
    return any(
        mark in name
        for name in read_header(path)
        for mark in ("scale_weight", "weight_scale", "input_scale", "scaled_fp8", "comfy_quant")
    )


def _stored_dtype(folder: Path, default: torch.dtype) -> torch.dtype:
    """The type of the first numbers in a component's folder."""
    for path in sorted(folder.glob("*.safetensors")):
        for tensor in read_header(path).values():
            if tensor["dtype"] in _DTYPES:
                return _DTYPES[tensor["dtype"]]
    return default


def _quantization(source: Source, component: str) -> dict[str, Any]:
    """The quantisation of a component, by its configuration; empty where there is none."""
    path = Path(source.name) / component / "config.json"
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8")).get("quantization_config") or {}


def _read_bitsandbytes(model_class: Any, folder: Path, dtype: torch.dtype) -> Any:
    """One of diffusers' models from a folder that bitsandbytes quantised, in 4 or 8 bits."""
    config = dict(model_class.load_config(folder))
    config.pop("quantization_config")
    with torch.device("meta"):
        model = model_class.from_config(config)
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(safetensors.torch.load_file(path))
    for name in [name for name, each in model.named_modules() if isinstance(each, torch.nn.Linear)]:
        layer = _stored_layer(model.get_submodule(name), name, tensors, dtype)
        if layer is not None:
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, layer)
    rest = {
        name: each.to(dtype) if each.is_floating_point() else each for name, each in tensors.items()
    }
    own = {name for name, _ in _unquantized(model)}
    model.load_state_dict(
        {name: value for name, value in rest.items() if name in own}, strict=False, assign=True
    )
    lacking = sorted(own - set(rest))
    if lacking:
        raise ValueError(f"its transformer lacks {lacking[0]}")
    return model.eval()


def _unquantized(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a model that are no part of a quantised layer."""
    for name, value in model.state_dict().items():
        if not isinstance(model.get_submodule(name.rpartition(".")[0]), QuantizedLinear):
            yield name, value


def _stored_layer(
    linear: Any, name: str, tensors: dict[str, torch.Tensor], dtype: torch.dtype
) -> torch.nn.Linear | None:
    """A quantised layer from its tensors, which it takes out; None where it is not quantised."""
    shape = (linear.out_features, linear.in_features)
    states = [key for key in tensors if key.startswith(f"{name}.weight.")]
    scale = tensors.pop(f"{name}.SCB", None)
    if not states and scale is None:
        return None
    packed, bias = tensors.pop(f"{name}.weight"), tensors.pop(f"{name}.bias", None)
    bias = None if bias is None else bias.to(dtype)
    if scale is not None:
        tensors.pop(f"{name}.weight_format", None)
        return Int8Linear(shape, packed, bias, (scale.float() / 127).reshape(-1, 1))
    functional = importlib.import_module("bitsandbytes").functional
    own = {key: tensors.pop(key) for key in states}
    state = functional.QuantState.from_dict(own, device=torch.device("cpu"))
    return Nf4Linear(shape, packed, bias, *nf4_scales(state))


def _replace_bitsandbytes_layers(component: torch.nn.Module, dtype: torch.dtype) -> None:
    """Put this project's layers in the place of bitsandbytes', which transformers has read."""
    layers = {
        name: module
        for name, module in component.named_modules()
        if type(module).__module__.startswith("bitsandbytes.")
    }
    for name, module in layers.items():
        parent, _, child = name.rpartition(".")
        setattr(component.get_submodule(parent), child, from_bitsandbytes(module, dtype))
