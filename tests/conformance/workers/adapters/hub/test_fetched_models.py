"""Models of every real pipeline class are fetched from a hub, and loaded by their adapters."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from diffusers import DiffusionPipeline
from huggingface_hub import constants

from tests.conformance.workers.adapters.tiny_flux1 import (
    save_tiny_depth,
    save_tiny_flux1,
    save_tiny_redux,
)
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from tests.support.hub_server import HubRepository, HubServer
from workers.adapters import load_progress
from workers.adapters.hub.fetch import fetch
from workers.adapters.hub.selection import Checkpoint, Layout
from workers.adapters.registry import make_adapter
from workers.adapters.weights import WeightsError
from workers.catalog import Variant, find
from workers.catalog.variant import Weights
from workers.demo import weights_folder

COMMIT = "c" * 40
NOT_LOADED = {
    "single.safetensors": b"s" * 9000,
    "transformer/diffusion_pytorch_model.fp16.safetensors": b"h" * 9000,
    "vae/diffusion_pytorch_model.bin": b"p" * 9000,
    "text_encoder/model.onnx": b"o" * 9000,
}

Save = Callable[[Path], None]


def from_hub(variant: str, **options: Any) -> Variant:
    """A row whose weights lie in the local hub."""
    row = find(variant)
    return replace(row, weights=Weights("owner/model", COMMIT), options={**row.options, **options})


def offer(hub: HubServer, repo: str, folder: Path) -> HubRepository:
    repository = hub.add_folder(repo, folder)
    repository.files.update(NOT_LOADED)
    return repository


def test_flux1_is_fetched_and_loaded_and_needs_no_hub_then(hub: HubServer, tmp_path: Path) -> None:
    save_tiny_flux1("FluxPipeline", tmp_path / "saved")
    offer(hub, "owner/model", tmp_path / "saved")
    row = from_hub("flux.1-dev")
    make_adapter(row, "cpu", {}).load()
    assert not set(map(hub.sent_bytes, NOT_LOADED)) - {0}
    hub.statuses = [500] * 100
    make_adapter(row, "cpu", {}).load()
    assert len(hub.statuses) == 100


@pytest.mark.slow
def test_the_further_weights_of_depth_are_fetched(hub: HubServer, tmp_path: Path) -> None:
    save_tiny_flux1("FluxControlPipeline", tmp_path / "saved")
    save_tiny_depth(tmp_path / "depth")
    offer(hub, "owner/model", tmp_path / "saved")
    hub.add_folder("owner/depth", tmp_path / "depth")
    row = from_hub("flux.1-depth-dev", depth_weights=Weights("owner/depth", COMMIT))
    make_adapter(row, "cpu", {}).load()


@pytest.mark.slow
def test_the_further_weights_of_redux_are_fetched(hub: HubServer, tmp_path: Path) -> None:
    save_tiny_flux1("FluxPipeline", tmp_path / "saved")
    save_tiny_redux(tmp_path / "prior")
    offer(hub, "owner/model", tmp_path / "saved")
    offer(hub, "owner/prior", tmp_path / "prior")
    row = from_hub("flux.1-redux-dev", prior_weights=Weights("owner/prior", COMMIT))
    make_adapter(row, "cpu", {}).load()


@pytest.mark.slow
def test_klein_is_fetched_and_loaded(hub: HubServer, tmp_path: Path) -> None:
    save_tiny_klein(tmp_path / "saved")
    offer(hub, "owner/model", tmp_path / "saved")
    make_adapter(from_hub("flux.2-klein-4b"), "cpu", {}).load()


def test_florence2_is_fetched_and_loaded_with_its_progress(hub: HubServer) -> None:
    hub.add_folder("owner/model", weights_folder("florence-2-demo"))
    make_adapter(from_hub("florence-2-demo"), "cpu", {}).load()
    progress = load_progress.current()
    assert progress is not None
    assert progress.stage is load_progress.LoadStage.PREPARING


@pytest.mark.slow
@pytest.mark.parametrize(
    "save", [lambda folder: save_tiny_flux1("FluxPipeline", folder), save_tiny_klein]
)
def test_the_same_files_are_taken_as_by_the_library(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Save
) -> None:
    save(tmp_path / "saved")
    offer(hub, "owner/model", tmp_path / "saved")
    ours = names_in(fetch(Checkpoint("owner/model", COMMIT, Layout.PIPELINE)))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "other"))
    theirs = names_in(
        Path(
            DiffusionPipeline.download(
                "owner/model",
                revision=COMMIT,
                use_safetensors=True,
                cache_dir=tmp_path / "other",
            )
        )
    )
    # A text encoder's defaults for generating: the library's loader reads them, its filter forgets.
    assert ours - {"text_encoder/generation_config.json"} == theirs


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_gated_model_is_one_sentence_of_its_adapter(hub: HubServer, tmp_path: Path) -> None:
    save_tiny_klein(tmp_path / "saved")
    offer(hub, "owner/model", tmp_path / "saved").gated = True
    with pytest.raises(WeightsError) as raised:
        make_adapter(from_hub("flux.2-klein-4b"), "cpu", {}).load()
    assert str(raised.value) == (
        "flux.2-klein-4b: owner/model is gated, and no token was sent (401): accept its licence at "
        f"{hub.url}/owner/model, make a token at {hub.url}/settings/tokens, and set HF_TOKEN"
    )


def test_the_weights_of_another_class_are_recognised(hub: HubServer, tmp_path: Path) -> None:
    save_tiny_klein(tmp_path / "saved")
    offer(hub, "owner/model", tmp_path / "saved")
    with pytest.raises(WeightsError, match=r"holds a Flux2KleinPipeline, not a FluxPipeline"):
        make_adapter(from_hub("flux.1-dev"), "cpu", {}).load()


def test_a_file_that_breaks_later_names_the_command_that_finds_it(
    hub: HubServer, tmp_path: Path
) -> None:
    save_tiny_klein(tmp_path / "saved")
    offer(hub, "owner/model", tmp_path / "saved")
    folder = fetch(Checkpoint("owner/model", COMMIT, Layout.PIPELINE))
    weights = (folder / "vae/diffusion_pytorch_model.safetensors").resolve()
    weights.write_bytes(b"\xff" * weights.stat().st_size)
    with pytest.raises(WeightsError, match=r"`bottega weights verify --repair flux\.2-klein-4b`"):
        make_adapter(from_hub("flux.2-klein-4b"), "cpu", {}).load()
