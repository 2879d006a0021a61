"""Selection of the files of a repository that a checkpoint's loader reads, and no others.

Repositories of FLUX hold the same weights twice: as a pipeline's components, and as a single file.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workers.adapters.hub.errors import HubError
from workers.adapters.hub.listing import HubFile, Listing

PIPELINE_INDEX = "model_index.json"

_WEIGHTS = re.compile(
    r"(diffusion_pytorch_model|model|pytorch_model)(-\d{5}-of-\d{5})?\.safetensors"
    r"(\.index\.json)?"
)
"""The names that from_pretrained reads: not those with a variant, such as `model.fp16…`."""

_TEXTS = (".json", ".txt", ".model", ".jinja")
"""Suffixes of configurations and tokenizers."""


class Layout(StrEnum):
    """The layout of a checkpoint in its repository.

    A diffusers pipeline has a folder for each component, a transformers model lies in the root;
    of a repository of single files, only the named one is read.
    """

    PIPELINE = "pipeline"
    MODEL = "model"
    FILE = "file"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on the hub: the files of one repository that a model is loaded from.

    Attributes:
        repo: "owner/name".
        revision: a commit or a branch.
        layout: its layout.
        file: the file, of a single one.
        without: components whose weights come from elsewhere; their configurations are read.
    """

    repo: str
    revision: str
    layout: Layout
    file: str = ""
    without: tuple[str, ...] = ()


def select(checkpoint: Checkpoint, listing: Listing, index: str | None = None) -> list[HubFile]:
    """The files of a listing that a checkpoint's loader reads.

    Args:
        checkpoint: the checkpoint.
        listing: its repository's files.
        index: the content of its `model_index.json`, once it is there; until then a pipeline is
            taken to have every folder of the repository as a component.

    Raises:
        HubError: the repository does not hold such a checkpoint.
    """
    if checkpoint.layout is Layout.FILE:
        return [_single(checkpoint, listing)]
    if checkpoint.layout is Layout.MODEL:
        return _with_weights(checkpoint, _folder_files(listing.files.values(), ""))
    if PIPELINE_INDEX not in listing.files:
        raise HubError(
            f"{checkpoint.repo} has no {PIPELINE_INDEX}: it holds no pipeline of diffusers; name "
            "a repository that does, or a single file of it"
        )
    chosen = [listing.files[PIPELINE_INDEX]]
    for component in sorted(_components(checkpoint.repo, listing, index)):
        files = _folder_files(listing.files.values(), f"{component}/")
        left_out = component in checkpoint.without
        chosen += [file for file in files if not (left_out and _is_weights(file.name))]
    return _with_weights(checkpoint, chosen)


def complete_by_index(checkpoint: Checkpoint, folder: Path) -> bool:
    """True when a folder holds all that its own indices name, as far as they tell.

    For a snapshot of which no list of files is kept.
    """
    if checkpoint.layout is Layout.FILE:
        return (folder / checkpoint.file).is_file()
    if checkpoint.layout is Layout.MODEL:
        return _has_config(folder) and _has_weights(folder)
    try:
        components = _listed_components((folder / PIPELINE_INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(_has_component(folder / name, checkpoint.without) for name in components)


def _single(checkpoint: Checkpoint, listing: Listing) -> HubFile:
    if checkpoint.file not in listing.files:
        raise HubError(
            f"{checkpoint.repo} has no file {checkpoint.file} at {checkpoint.revision}: correct "
            "the row"
        )
    return listing.files[checkpoint.file]


def _with_weights(checkpoint: Checkpoint, files: list[HubFile]) -> list[HubFile]:
    if not checkpoint.without and not any(_is_weights(file.name) for file in files):
        raise HubError(
            f"{checkpoint.repo} holds no safetensors weights at {checkpoint.revision}: other "
            "formats are not read"
        )
    return files


def _components(repo: str, listing: Listing, index: str | None) -> Collection[str]:
    folders = {name.split("/")[0] for name in listing.files if name.count("/") == 1}
    try:
        return folders if index is None else folders & _listed_components(index)
    except ValueError as error:
        raise HubError(f"{PIPELINE_INDEX} of {repo} cannot be read ({error})") from error


def _listed_components(index: str) -> set[str]:
    """The components that are not null.

    Raises:
        ValueError: the text is no index of a pipeline.
    """
    try:
        entries = json.loads(index).items()
    except (AttributeError, RecursionError) as error:
        raise ValueError(f"{PIPELINE_INDEX} is no index of a pipeline") from error
    return {
        name for name, value in entries if isinstance(value, list) and len(value) > 1 and value[1]
    }


def _folder_files(files: Iterable[HubFile], folder: str) -> list[HubFile]:
    inside = {
        file.name.removeprefix(folder): file for file in files if file.name.startswith(folder)
    }
    return [file for name, file in inside.items() if _is_read(name)]


def _is_read(name: str) -> bool:
    return "/" not in name and (_WEIGHTS.fullmatch(name) is not None or _is_text(name))


def _is_text(name: str) -> bool:
    # An index of pickles, or of a variant, is no text that anything reads.
    return name.endswith(_TEXTS) and not name.endswith(".index.json")


def _is_weights(name: str) -> bool:
    return _WEIGHTS.fullmatch(name.rpartition("/")[2]) is not None


def _has_component(folder: Path, without: Collection[str]) -> bool:
    if not folder.is_dir():
        return False
    is_model = (folder / "config.json").is_file()
    return not is_model or folder.name in without or _has_weights(folder)


def _has_config(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _has_weights(folder: Path) -> bool:
    indices = [path for path in folder.glob("*.safetensors.index.json") if _is_weights(path.name)]
    try:
        shards = {
            name
            for path in indices
            for name in json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    if shards:
        return all(isinstance(name, str) and (folder / name).is_file() for name in shards)
    return any(map(_is_weights, (path.name for path in folder.glob("*.safetensors"))))
