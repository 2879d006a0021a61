"""The files that a variant is loaded from, by its row and by the environment."""

from dataclasses import replace
from pathlib import Path

import pytest

from workers.adapters.hub.selection import Checkpoint, Layout
from workers.adapters.variant_files import VariantFiles, files_of
from workers.adapters.weights import WeightsError
from workers.catalog import find
from workers.catalog.flux.loras import RowLora
from workers.catalog.variant import Weights
from workers.demo import weights_folder

DEV, REDUX, DEPTH = find("flux.1-dev"), find("flux.1-redux-dev"), find("flux.1-depth-dev")
MINE = replace(DEV, id="flux.1-mine", base="flux.1-dev")


def pipeline(weights: Weights | None, without: tuple[str, ...] = ()) -> Checkpoint:
    assert weights is not None
    return Checkpoint(weights.repo, weights.revision, Layout.PIPELINE, without=without)


def test_a_row_of_the_hub_is_one_checkpoint() -> None:
    assert files_of(DEV, {}) == VariantFiles((pipeline(DEV.weights),), ())


def test_further_weights_are_checkpoints_too() -> None:
    prior, depth = REDUX.options["prior_weights"], DEPTH.options["depth_weights"]
    assert files_of(REDUX, {}).checkpoints == (pipeline(REDUX.weights), pipeline(prior))
    assert files_of(DEPTH, {}).checkpoints == (
        pipeline(DEPTH.weights),
        Checkpoint(depth.repo, depth.revision, Layout.MODEL),
    )


def test_bundled_and_overridden_weights_are_local(tmp_path: Path) -> None:
    assert files_of(find("flux.1-demo"), {}).local == (weights_folder("flux.1-demo"),)
    assert files_of(DEV, {"BOTTEGA_WEIGHTS_FLUX_1_DEV": str(tmp_path)}).local == (tmp_path,)


def test_a_single_file_leaves_the_bases_transformer_out(tmp_path: Path) -> None:
    mine = replace(MINE, weights=Weights("owner/name", "c" * 40, file="mine.gguf"))
    others = pipeline(DEV.weights, ("transformer",))
    assert files_of(mine, {}).checkpoints == (
        Checkpoint("owner/name", "c" * 40, Layout.FILE, "mine.gguf"),
        others,
    )
    local = tmp_path / "mine.gguf"
    local.touch()
    assert files_of(replace(MINE, weights=Weights("", file=str(local))), {}) == VariantFiles(
        (others,), (local,)
    )
    local.unlink()
    with pytest.raises(WeightsError, match=f"there is no file {local}"):
        files_of(replace(MINE, weights=Weights("", file=str(local))), {})


def test_the_rows_loras_are_files(tmp_path: Path) -> None:
    (tmp_path / "grain.safetensors").touch()
    loras = (
        RowLora(Weights("owner/styles", "c" * 40), "ink.safetensors"),
        RowLora(Weights("", folder=str(tmp_path)), "grain.safetensors"),
    )
    mine = replace(MINE, options={**MINE.options, "loras": loras})
    found = files_of(mine, {})
    ink = Checkpoint("owner/styles", "c" * 40, Layout.FILE, "ink.safetensors")
    assert found.checkpoints == (pipeline(DEV.weights), ink)
    assert found.local == (tmp_path / "grain.safetensors",)
