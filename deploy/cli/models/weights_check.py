"""The doctor's check of weights: what is on this disk, and whether the rest may be had."""

from collections.abc import Sequence

from workers.adapters.hub import fetch as hub
from workers.adapters.hub.errors import HubError, cache_folder
from workers.adapters.hub.fetch import CheckpointState
from workers.adapters.load_progress import readable_bytes
from workers.adapters.variant_files import check_local, files_of
from workers.adapters.weights import WeightsError
from workers.catalog.variant import Variant
from workers.settings import weights_overrides


def check_weights(variants: Sequence[Variant]) -> str:
    """Look at the files of models, each at its pinned commit and in its full size.

    Returns:
        The models whose files are all there.

    Raises:
        WeightsError: files are missing; it says how much, and what a fetch would meet.
    """
    rows = [variant for variant in variants if variant.weights is not None]
    faults = [fault for fault in map(_fault, rows) if fault]
    if faults:
        raise WeightsError("; ".join(faults))
    names = ", ".join(row.id for row in rows)
    return f"complete for {names}" if names else "no served model needs local weights"


def _fault(variant: Variant) -> str:
    """The fault of a model's weights in one sentence; "" where there is none."""
    try:
        files = files_of(variant, weights_overrides())
        check_local(variant, files)
    except WeightsError as error:
        return str(error)
    states = [hub.look(checkpoint, ask_hub=True) for checkpoint in files.checkpoints]
    lacking = [state for state in states if not state.complete]
    if not lacking:
        return ""
    return f"{variant.id}: {_lacking_text(lacking)}: {_outlook(variant, lacking)}"


def _lacking_text(lacking: Sequence[CheckpointState]) -> str:
    repos = ", ".join(state.checkpoint.repo for state in lacking)
    present = sum(state.present_bytes for state in lacking)
    if not present:
        return f"{repos} is not in {cache_folder()}"
    names = [name for state in lacking for name in state.missing]
    missing = f"; {names[0]} is not whole" if names else ""
    return f"{repos} is not complete in {cache_folder()} ({readable_bytes(present)}{missing})"


def _outlook(variant: Variant, lacking: Sequence[CheckpointState]) -> str:
    """The result that a fetch would have now."""
    try:
        for state in lacking:
            hub.check_access(state.checkpoint)
    except HubError as error:
        return str(error)
    remedy = f"run `bottega weights fetch {variant.id}`"
    if any(state.total_bytes is None for state in lacking):
        return remedy
    needed = sum((state.total_bytes or 0) - state.present_bytes for state in lacking)
    free = hub.free_bytes()
    if needed > free:
        return (
            f"it needs {readable_bytes(needed)} more, and the disk has {readable_bytes(free)} "
            f"free: make room or set HF_HOME, then {remedy}"
        )
    return f"{remedy}, which downloads {readable_bytes(needed)}"
