"""The components of a variant: counted in its checkpoint's headers, or the published ones.

Only headers and configuration files are read: no weights, and no model library.
"""

import math
import os
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workers.adapters.serving.component import Component, Role, count
from workers.adapters.serving.published_sizes import COMPONENTS, FLOAT32_BYTES, PARTS, PUBLISHED
from workers.adapters.weights import (
    REPAIR,
    WeightsError,
    locate_part,
    override_variable,
)
from workers.adapters.weights_headers import (
    BrokenFileError,
    check_checkpoint,
    check_file,
    read_header,
    read_object,
)
from workers.catalog import find
from workers.catalog.variant import Variant, Weights
from workers.demo import weights_folder

GGUF = ".gguf"
_TEXT_CLASSES = ("TextModel", "EncoderModel", "CausalLM", "ConditionalGeneration")
_GGUF_BITS = re.compile(r"(?:^|[-_.])I?Q(\d)", re.IGNORECASE)
_USUAL_GGUF_BITS = 8
_GGUF_MAGIC = b"GGUF"
_GGUF_START = struct.Struct("<4sIQ")
_TRANSFORMER_PREFIX = "model.diffusion_model."
"""Names of the transformer in a file that holds the whole model."""
_SAME_SHARE = 0.02
_SCALE_BITS = 0.6
"""Bits that a GGUF format spends on scales for each weight, about."""


def components_of(variant: Variant, overrides: Mapping[str, str]) -> dict[str, Component]:
    """The components of a variant by the name of their folder; empty for a hosted model.

    Args:
        variant: the row.
        overrides: local folders by variable, see `workers.adapters.weights.locate`.

    Raises:
        WeightsError: a local checkpoint is missing or unreadable, or nothing is known of it.
    """
    if variant.weights is None:
        return {}
    found = _pipeline(variant, variant.weights, overrides)
    for option in PARTS:
        if option in variant.options:
            found |= _part(variant, option, overrides)
    return found


def bytes_in_16_bits(variant: Variant, overrides: Mapping[str, str]) -> int:
    """The bytes of a variant's weights, unquantised; 0 for a hosted model.

    Raises:
        WeightsError: as `components_of`.
    """
    return 2 * sum(each.parameters for each in components_of(variant, overrides).values())


def _local_folder(variant: Variant, weights: Weights, overrides: Mapping[str, str]) -> Path | None:
    """The folder of the checkpoint, where it is on this machine."""
    variable = override_variable(variant.id)
    if variable in overrides:
        return Path(overrides[variable]).expanduser()
    if weights.folder:
        return Path(weights.folder)
    if weights.bundled:
        return weights_folder(weights.repo)
    # A published model has known sizes: its files need not be looked for.
    return None if variant.id in COMPONENTS else cached_folder(weights)


def _is_own(variant: Variant, weights: Weights, overrides: Mapping[str, str]) -> bool:
    """True for a folder that nothing is fetched into: what is missing there is not to come."""
    named = override_variable(variant.id) in overrides
    return named or bool(weights.folder) or weights.bundled


def cached_folder(weights: Weights) -> Path | None:
    """The folder of a hub repository in the library's cache; None where it is not there."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
    repository = cache / f"models--{weights.repo.replace('/', '--')}"
    reference = repository / "refs" / (weights.revision or "main")
    commit = reference.read_text().strip() if reference.is_file() else weights.revision
    folder = repository / "snapshots" / commit
    return folder if commit and folder.is_dir() else None


def _pipeline(
    variant: Variant, weights: Weights, overrides: Mapping[str, str]
) -> dict[str, Component]:
    """The components of the checkpoint itself, without the further weights of its options."""
    if weights.file and variant.base and override_variable(variant.id) not in overrides:
        found = _of_base(variant, overrides)
        return found | single_file(variant, _file(weights), found["transformer"])
    folder = _local_folder(variant, weights, overrides)
    if folder is not None:
        is_own = _is_own(variant, weights, overrides)
        return of_folder(variant, folder, is_whole=is_own)
    names = COMPONENTS.get(variant.id) or COMPONENTS.get(variant.base)
    if names is None:
        return _of_base(variant, overrides)
    return {folder: PUBLISHED[name] for folder, name in names.items()}


def _of_base(variant: Variant, overrides: Mapping[str, str]) -> dict[str, Component]:
    """The components of the row's base, of which what is not here is taken to be as large."""
    base = find(variant.base) if variant.base else None
    if base is None or base.weights is None or base.id == variant.id:
        raise WeightsError(
            f"{variant.id}: the size of its weights is not known before they are on this machine: "
            f"fetch them, or name their folder in {override_variable(variant.id)}"
        )
    return _pipeline(base, base.weights, overrides)


def _file(weights: Weights) -> Path:
    """The single file: on this machine, or where the hub's cache would hold it."""
    path = Path(weights.file).expanduser()
    return path if path.is_absolute() else (cached_folder(weights) or Path("/nowhere")) / path


def single_file(variant: Variant, path: Path, of_base: Component) -> dict[str, Component]:
    """The transformer of a single file: a GGUF is kept as it is, another has its own numbers.

    Args:
        variant: the row.
        path: the file; one that is not on this machine counts as the base's.
        of_base: the transformer of the base.

    Raises:
        WeightsError: the file is broken.
    """
    if not path.is_file():
        if path.suffix != GGUF:
            return {}
        return {"transformer": replace(of_base, stored_bytes=_guessed_bytes(path.name, of_base))}
    try:
        check_file(path)
        if path.suffix == GGUF:
            return {"transformer": replace(of_base, stored_bytes=_gguf_bytes(path))}
        numbers = _numbers(path)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{variant.id}: {error}; {REPAIR}") from error
    return {"transformer": _scaled(of_base, numbers / of_base.parameters)}


def _gguf_bytes(path: Path) -> int:
    """The bytes of a GGUF file, most of which are tensors.

    Raises:
        ValueError: it is none, or holds no tensors.
    """
    with path.open("rb") as file:
        magic, _version, tensors = _GGUF_START.unpack(file.read(_GGUF_START.size))
    if magic != _GGUF_MAGIC or not tensors:
        raise ValueError(f"{path} does not begin as a GGUF file with tensors does")
    return path.stat().st_size


def _numbers(path: Path) -> int:
    """The numbers of a transformer in a safetensors file, which may hold other parts beside it.

    Raises:
        ValueError: it is cut short, none, or holds no tensors.
    """
    tensors = read_header(path)
    if not tensors:
        raise ValueError(f"{path} holds no tensors")
    own = [name for name in tensors if name.startswith(_TRANSFORMER_PREFIX)] or list(tensors)
    return sum(math.prod(tensors[name]["shape"]) for name in own)


def _scaled(part: Component, factor: float) -> Component:
    """A component of other numbers in the same proportions; it is the same where they are near.

    Files by the vendor's names fuse layers, so their layers are not told apart by name.
    """
    if abs(factor - 1) < _SAME_SHARE:
        return part
    counts = ("kept", "large", "large_rows", "modulation", "modulation_rows", "block", "largest")
    scaled: dict[str, Any] = {name: int(getattr(part, name) * factor) for name in counts}
    return replace(part, **scaled)


def _guessed_bytes(name: str, transformer: Component) -> int:
    """The bytes of a GGUF file that is not here, by the format in its name, such as Q4_K_S."""
    match = _GGUF_BITS.search(name)
    bits = (int(match[1]) if match else _USUAL_GGUF_BITS) + _SCALE_BITS
    return int(transformer.parameters * bits / 8)


def _part(variant: Variant, option: str, overrides: Mapping[str, str]) -> dict[str, Component]:
    source = locate_part(variant, option, overrides)
    if source.revision is None:
        return {f"{option}/{n}": each for n, each in of_folder(variant, Path(source.name)).items()}
    found = {name: PUBLISHED[published] for name, published in PARTS[option].items()}
    if option == "depth_weights":  # it is loaded as it is stored, in float32
        return {n: replace(each, kept_bytes=FLOAT32_BYTES) for n, each in found.items()}
    return found


def of_folder(variant: Variant, folder: Path, *, is_whole: bool = True) -> dict[str, Component]:
    """The components of a checkpoint in a folder, as `save_pretrained` writes it.

    Args:
        variant: the row, for messages.
        folder: the folder.
        is_whole: True when every component must be there.

    Raises:
        WeightsError: it has no safetensors files, or they are broken.
    """
    try:
        if is_whole and folder.is_dir():
            check_checkpoint(folder)
        index = folder / "model_index.json"
        if not index.is_file():
            return {"model": _of_files(folder, _architecture(folder), Role.OTHER)}
        classes = read_object(index)
        return {
            name: _of_files(folder / name, entry[1], _role(name, entry[1]))
            for name, entry in classes.items()
            if isinstance(entry, list) and entry[1] and _has_weights(folder / name)
        }
    except BrokenFileError as error:
        raise WeightsError(f"{variant.id}: {error}; {REPAIR}") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"{variant.id}: {folder} has no weights to be read: {error}") from error


def _role(name: str, component_class: str) -> Role:
    if "transformer" in name:
        return Role.TRANSFORMER
    return Role.TEXT if component_class.endswith(_TEXT_CLASSES) else Role.OTHER


def _has_weights(folder: Path) -> bool:
    return any(folder.glob("*.safetensors"))


def _architecture(folder: Path) -> str:
    settings = read_object(folder / "config.json")
    return str(settings.get("architectures", [""])[0])


def _of_files(folder: Path, component_class: str, role: Role) -> Component:
    """A component from the headers of its files."""
    settings = read_object(folder / "config.json")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"{folder} has no safetensors file")
    tensors = {name: entry for path in files for name, entry in read_header(path).items()}
    shapes = [(name, tuple(entry["shape"])) for name, entry in tensors.items()]
    found = count(component_class, role, shapes, _width(settings))
    if "quantization_config" not in settings:
        return found
    stored = sum(end - start for start, end in (e["data_offsets"] for e in tensors.values()))
    return replace(found, stored_bytes=stored)


def _width(settings: Mapping[str, Any]) -> int:
    """See `Component.width`."""
    if "attention_head_dim" in settings:
        return int(settings["attention_head_dim"] * settings["num_attention_heads"])
    channels: Sequence[int] = settings.get("block_out_channels", (0,))
    return channels[0]
