"""The files that a variant is loaded from: checkpoints on the hub, and files of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers import catalog
from workers.adapters.hub.selection import Checkpoint, Layout
from workers.adapters.weights import (
    BUNDLED_REPAIR,
    REPAIR,
    Source,
    WeightsError,
    locate,
    locate_part,
    override_variable,
)
from workers.adapters.weights_headers import BrokenFileError, check_checkpoint, check_file
from workers.catalog.variant import Family, Variant, Weights

_PARTS = {"depth_weights": Layout.MODEL, "prior_weights": Layout.PIPELINE}
"""The options that name further weights, and their layouts."""


@dataclass(frozen=True)
class VariantFiles:
    """The files that a variant is loaded from.

    Attributes:
        checkpoints: those that come from the hub.
        local: folders and files of this machine, which are used as they are.
    """

    checkpoints: tuple[Checkpoint, ...]
    local: tuple[Path, ...]


def files_of(variant: Variant, overrides: Mapping[str, str]) -> VariantFiles:
    """The files of a variant.

    Args:
        variant: the row.
        overrides: local folders by variable, see `workers.adapters.weights`.

    Raises:
        WeightsError: a local folder or file does not exist.
    """
    found = _own_weights(variant, overrides)
    for option, layout in _PARTS.items():
        if option in variant.options:
            found.append(_as_file(locate_part(variant, option, overrides), layout))
    found += _loras(variant, overrides)
    return VariantFiles(
        tuple(each for each in found if isinstance(each, Checkpoint)),
        tuple(each for each in found if isinstance(each, Path)),
    )


def check_local(variant: Variant, files: VariantFiles) -> None:
    """Compare the headers of local files with their lengths: no list of hashes is known of them.

    Raises:
        WeightsError: a file or a component is missing, cut short or something else.
    """
    is_bundled = variant.weights is not None and variant.weights.bundled
    repair = BUNDLED_REPAIR if is_bundled else REPAIR
    for path in files.local:
        try:
            check_checkpoint(path) if path.is_dir() else check_file(path)
        except (BrokenFileError, OSError) as error:
            raise WeightsError(f"{variant.id}: {error}; {repair}") from error


def _own_weights(variant: Variant, overrides: Mapping[str, str]) -> list[Checkpoint | Path]:
    if variant.weights is None:
        return []
    layout = Layout.MODEL if variant.family is Family.FLORENCE2 else Layout.PIPELINE
    if variant.weights.file and override_variable(variant.id) not in overrides:
        return [_single_file(variant, variant.weights), *_other_components(variant, overrides)]
    return [_as_file(locate(variant, overrides), layout)]


def _single_file(variant: Variant, weights: Weights) -> Checkpoint | Path:
    if weights.repo:
        return Checkpoint(weights.repo, weights.revision, Layout.FILE, weights.file)
    return _existing(variant, Path(weights.file))


def _other_components(variant: Variant, overrides: Mapping[str, str]) -> list[Checkpoint | Path]:
    """The components beside the transformer, which are those of the row's base."""
    source = locate(catalog.find(variant.base), overrides)
    if source.revision is None:
        return [Path(source.name)]
    without = ("transformer",)
    return [Checkpoint(source.name, source.revision, Layout.PIPELINE, without=without)]


def _loras(variant: Variant, overrides: Mapping[str, str]) -> list[Checkpoint | Path]:
    found: list[Checkpoint | Path] = []
    for number, lora in enumerate(variant.options.get("loras", ()), 1):
        variable = f"{override_variable(variant.id)}_LORA_{number}"
        if variable in overrides:
            found.append(_existing(variant, Path(overrides[variable]).expanduser()))
        elif lora.weights.folder:
            found.append(_existing(variant, Path(lora.weights.folder, lora.file)))
        else:
            repo, revision = lora.weights.repo, lora.weights.revision
            found.append(Checkpoint(repo, revision, Layout.FILE, lora.file))
    return found


def _as_file(source: Source, layout: Layout) -> Checkpoint | Path:
    if source.revision is None:
        return Path(source.name)
    return Checkpoint(source.name, source.revision, layout)


def _existing(variant: Variant, path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"{variant.id}: there is no file {path}: put it there, or name another")
    return path
