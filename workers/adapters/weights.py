"""Locates a variant's weights and loads them with the libraries' own `from_pretrained`.

Only safetensors files are read, and no code from a model repository is ever run.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workers.adapters import load_progress
from workers.adapters.hub.errors import HubError
from workers.adapters.hub.fetch import fetch
from workers.adapters.hub.selection import Checkpoint, Layout
from workers.adapters.load_progress import LoadStage
from workers.adapters.weights_headers import (
    BrokenFileError,
    check_checkpoint,
    check_file,
    read_object,
)
from workers.catalog import find
from workers.catalog.flux.loras import RowLora
from workers.catalog.variant import Variant, Weights, weights_variable
from workers.demo import weights_folder

CLASS_KEYS = (
    ("Pipeline", "model_index.json", "_class_name"),
    ("Processor", "processor_config.json", "processor_class"),
    ("Generation", "config.json", "architectures"),
)
"""The file and key that name a folder's class, by the suffix of the class's name."""

FILE_SUFFIXES = (".safetensors", ".gguf")
"""The formats of a single file with a transformer."""

REPAIR = "fetch or copy it again"
"""The remedy for a broken file of the operator's own."""

BUNDLED_REPAIR = "install the package again"
"""The remedy for a broken file that comes with the package."""


class WeightsError(Exception):
    """A variant's weights are missing, or not those of its row; the message names the remedy.

    `transient` is true where another try may succeed: the hub or the network was away.
    """

    transient = False


@dataclass(frozen=True)
class Source:
    """The source of weights: a local folder, or a hub id with a revision.

    Attributes:
        name: folder or hub id.
        revision: commit or branch on the hub, None for a folder.
        remedy: instruction for the operator when this source fails.
        file: a single file with the transformer alone, which takes the place of the source's own:
            a path, or a name in `file_source`; "" where there is none.
        file_source: the hub's repository that holds `file`; None for a path.
        repair: instruction for the operator when a file of this source is broken.
    """

    name: str
    revision: str | None
    remedy: str
    file: str = ""
    file_source: "Source | None" = None
    repair: str = REPAIR

    @property
    def path(self) -> Path | None:
        """The local folder; None for the hub."""
        return Path(self.name) if self.revision is None else None


def override_variable(variant_id: str) -> str:
    """The variable that names a local folder: "flux.1-dev" → "BOTTEGA_WEIGHTS_FLUX_1_DEV"."""
    return weights_variable(variant_id)


def locate(variant: Variant, overrides: Mapping[str, str]) -> Source:
    """The override if there is one, else the row's file or folder, else the hub.

    Args:
        variant: the row.
        overrides: local folders by `override_variable`, `os.environ` for one.

    Raises:
        WeightsError: the named folder or file does not exist, or the model is hosted and has no
            weights.
    """
    variable = override_variable(variant.id)
    if variable in overrides:
        return _override(variant, Path(overrides[variable]).expanduser(), variable)
    weights = variant.weights
    if weights is None:
        raise WeightsError(f"{variant.id}: there are no weights: only its vendor hosts it")
    if weights.file:
        return _file(variant, weights, overrides)
    if weights.folder:
        remedy = "its row must name a folder on this machine, as save_pretrained writes it"
        return _folder(variant, Path(weights.folder).expanduser(), remedy)
    if weights.bundled:
        return _bundled(variant, weights)
    return _hub(variant, weights, variable)


def _file(variant: Variant, weights: Weights, overrides: Mapping[str, str]) -> Source:
    """The base's own source, with the row's file in place of its transformer."""
    if Path(weights.file).suffix not in FILE_SUFFIXES:
        # Anything else may be a pickle, which runs code when it is read.
        raise WeightsError(
            f"{variant.id}: {weights.file} is neither a .safetensors nor a .gguf file; "
            "its row must name one of these"
        )
    if not variant.base:
        raise WeightsError(
            f"{variant.id}: {weights.file} holds a transformer alone; its row must name the base "
            "that has the other components"
        )
    rest = locate(find(variant.base), overrides)
    path = Path(weights.file).expanduser()
    if path.is_absolute():
        if not path.is_file():
            raise WeightsError(f"{variant.id}: there is no file {path}; its row must name one")
        return replace(rest, file=str(path))
    hub = _hub(variant, weights, override_variable(variant.id))
    return replace(rest, file=weights.file, file_source=hub)


def local_file(variant: Variant, source: Source) -> Path:
    """The single file of a source, fetched from the hub if it is not local yet.

    Raises:
        WeightsError: it cannot be fetched.
    """
    if source.file_source is None:
        return Path(source.file)
    folder = fetched(variant, source.file_source, Layout.FILE, file=source.file).name
    return Path(folder, source.file)


def check_single_file(variant: Variant, source: Source, path: Path) -> None:
    """Compare the header of a source's single file with its length.

    Args:
        variant: the row, for messages.
        source: the source.
        path: its file, see `local_file`.

    Raises:
        WeightsError: the file is cut short, or something else.
    """
    is_local = source.file_source is None
    repair = REPAIR if is_local else _hub_repair(variant)
    try:
        check_file(path)
    except (BrokenFileError, OSError) as error:
        raise WeightsError(f"{variant.id}: {error}; {repair}") from error


def locate_part(variant: Variant, part: str, overrides: Mapping[str, str]) -> Source:
    """The source of weights that a variant needs beside its own.

    Args:
        variant: the row; `options[part]` names the source.
        part: the option's name. "depth_weights" of flux.1-depth-dev is overridden by
            BOTTEGA_WEIGHTS_FLUX_1_DEPTH_DEV_DEPTH.
        overrides: local folders by variable.

    Raises:
        WeightsError: the named folder does not exist.
    """
    variable = f"{override_variable(variant.id)}_{part.removesuffix('_weights').upper()}"
    if variable in overrides:
        return _override(variant, Path(overrides[variable]).expanduser(), variable)
    return _hub(variant, variant.options[part], variable)


def locate_lora(variant: Variant, number: int, overrides: Mapping[str, str]) -> Path:
    """The file of a LoRA that a row names, fetched from the hub if it is not local yet.

    Args:
        variant: the row; `options["loras"]` lists its LoRAs.
        number: position in that list, from 1. The first of flux.1-dev is overridden by
            BOTTEGA_WEIGHTS_FLUX_1_DEV_LORA_1.
        overrides: local files by variable.

    Raises:
        WeightsError: the file does not exist, or cannot be fetched.
    """
    lora: RowLora = variant.options["loras"][number - 1]
    variable = f"{override_variable(variant.id)}_LORA_{number}"
    if variable in overrides:
        path = Path(overrides[variable]).expanduser()
        if not path.is_file():
            raise WeightsError(f"{variant.id}: there is no file {path}; {variable} must name one")
        return path
    if lora.weights.folder:
        return _local_lora(variant, Path(lora.weights.folder, lora.file))
    source = _hub(variant, lora.weights, variable)
    return Path(fetched(variant, source, Layout.FILE, file=lora.file).name, lora.file)


def fetched(
    variant: Variant,
    source: Source,
    layout: Layout,
    *,
    file: str = "",
    without: tuple[str, ...] = (),
) -> Source:
    """A source on this disk: a folder as it is, a repository once its files are in the cache.

    Args:
        variant: the row, for messages.
        source: a folder, or a hub id with a revision.
        layout: the layout of the checkpoint in a repository.
        file: the file of `Layout.FILE`.
        without: components of a pipeline whose weights come from elsewhere.

    Returns:
        The folder.

    Raises:
        WeightsError: the hub, the network or the disk refuses; the message says which and what to
            do.
    """
    if source.revision is None:
        return source
    checkpoint = Checkpoint(source.name, source.revision, layout, file, without)
    try:
        folder = fetch(checkpoint)
    except HubError as error:
        refused = WeightsError(f"{variant.id}: {error}")
        refused.transient = error.transient
        raise refused from error
    remedy = f"check the files with `bottega weights verify {variant.id}`"
    repair = _hub_repair(variant)
    return replace(source, name=str(folder), revision=None, remedy=remedy, repair=repair)


def _hub_repair(variant: Variant) -> str:
    return f"`bottega weights verify --repair {variant.id}` fetches it anew"


def _local_lora(variant: Variant, path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(
            f"{variant.id}: there is no file {path}; `loras` in the catalogue file must name one "
            "on this machine"
        )
    return path


def _bundled(variant: Variant, weights: Weights) -> Source:
    remedy = "these weights come with the package: install it again"
    try:
        return Source(str(weights_folder(weights.repo)), None, remedy, repair=BUNDLED_REPAIR)
    except FileNotFoundError as error:
        raise WeightsError(f"{variant.id}: {error}; {remedy}") from error


def _override(variant: Variant, path: Path, variable: str) -> Source:
    """A folder that a variable names."""
    remedy = f"{variable} must name a folder as save_pretrained writes it"
    repair = f"fetch or copy it again, into the folder that {variable} names"
    return replace(_folder(variant, path, remedy), repair=repair)


def _folder(variant: Variant, path: Path, remedy: str) -> Source:
    if not path.is_dir():
        raise WeightsError(f"{variant.id}: there is no folder {path}; {remedy}")
    return Source(str(path), None, remedy)


def _hub(variant: Variant, weights: Weights, variable: str) -> Source:
    remedy = (
        f"fetch it with `bottega weights fetch {variant.id}`, or set {variable} to where it is here"
    )
    return Source(weights.repo, weights.revision, remedy)


def load_pretrained(model_class: Any, variant: Variant, source: Source, **arguments: Any) -> Any:
    """Call `model_class.from_pretrained` with a source, once it is on this disk.

    Raises:
        WeightsError: the files are missing, unreadable, or another model's.
    """
    is_pipeline = model_class.__name__.endswith("Pipeline")
    source = fetched(variant, source, Layout.PIPELINE if is_pipeline else Layout.MODEL)
    load_progress.begin(LoadStage.LOADING, _weights_bytes(Path(source.name)))
    with translating_library_errors(variant, source):
        _check_class(model_class.__name__, variant, source)
        if "Processor" not in model_class.__name__:
            check_checkpoint(Path(source.name), arguments.keys())
        return model_class.from_pretrained(
            source.name,
            # Otherwise a file missing from a folder is looked up, in vain, on the hub.
            local_files_only=True,
            trust_remote_code=False,
            **arguments,
        )


def _weights_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors") if path.is_file())


@contextmanager
def translating_library_errors(variant: Variant, source: Source) -> Iterator[None]:
    """Translate a library's errors about files into a `WeightsError` with the source's remedy.

    Raises:
        WeightsError: the files are missing, unreadable, or another model's.
    """
    # Imported here: processes that run no model use the error above without the library.
    from safetensors import SafetensorError  # noqa: PLC0415

    try:
        yield
    except BrokenFileError as error:
        raise WeightsError(f"{variant.id}: {error}; {source.repair}") from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        place = "" if source.name in reason else f"{source.name}: "
        raise WeightsError(f"{variant.id}: {place}{reason}; {source.remedy}") from error


def _check_class(class_name: str, variant: Variant, source: Source) -> None:
    """Refuse another model's folder, or an incomplete one: it would fail late and obscurely."""
    file, key = next(rest for suffix, *rest in CLASS_KEYS if class_name.endswith(suffix))
    path = Path(source.name) / file
    if not path.is_file():
        raise WeightsError(f"{variant.id}: {source.name} has no {file}; {source.remedy}")
    class_names = read_object(path).get(key, class_name)
    if class_name not in ([class_names] if isinstance(class_names, str) else class_names):
        raise WeightsError(
            f"{variant.id}: {source.name} holds a {class_names}, not a {class_name}; "
            f"{source.remedy}"
        )
