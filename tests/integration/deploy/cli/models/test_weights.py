"""`bottega weights` against a local hub: lists, fetches, finds what broke, removes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cli.models.weights_check import check_weights
from tests.support.commands import Commands
from tests.support.hub_server import (
    BLOCK_BYTES,
    HubRepository,
    HubServer,
    hub_of_this_process,
)
from tests.support.waiting import await_true
from workers import catalog
from workers.adapters.weights import WeightsError
from workers.catalog.variant import weights_variable
from workers.demo import weights_folder

ROOT = Path(__file__).parents[5]
MODEL = catalog.find("florence-2-base")
WEIGHTS = "model.safetensors"
SIZE = (weights_folder("florence-2-demo") / WEIGHTS).stat().st_size


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that offers the demo model's weights in place of the real ones."""
    assert MODEL.weights is not None
    with hub_of_this_process(tmp_path, monkeypatch) as server:
        server.add_folder(
            MODEL.weights.repo, weights_folder("florence-2-demo"), commit=MODEL.weights.revision
        )
        yield server


@pytest.fixture
def repository(hub: HubServer) -> HubRepository:
    assert MODEL.weights is not None
    return hub.repositories[MODEL.weights.repo]


@pytest.fixture
def bottega() -> Commands:
    return Commands()


def state(bottega: Commands) -> str:
    (row,) = bottega.rows("weights", "list", "--variant", MODEL.id, "--offline")
    return str(row["state"])


def test_a_killed_fetch_goes_on_where_it_was_and_is_verified(
    hub: HubServer, tmp_path: Path, bottega: Commands
) -> None:
    hub.bytes_per_second = 4_000_000
    killed = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "deploy.cli.main", "weights", "fetch", MODEL.id],
        cwd=ROOT,
        env=os.environ | hub.environment(tmp_path),
        stdout=subprocess.DEVNULL,
    )

    def has_a_third() -> bool:
        return any(part.stat().st_size > SIZE // 3 for part in tmp_path.rglob("*.incomplete"))

    assert await_true(has_a_third, 60)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    hub.bytes_per_second, already = 0, hub.sent_bytes(WEIGHTS)
    assert already < SIZE
    assert state(bottega) == "partial"

    bottega.run("weights", "fetch", MODEL.id)
    (asked,) = hub.ranges(WEIGHTS)
    kept = int(asked.removeprefix("bytes=").rstrip("-"))
    assert kept > SIZE // 3
    # The server may have sent the killed one a block or two more.
    assert 0 <= hub.sent_bytes(WEIGHTS) - already - (SIZE - kept) <= 2 * BLOCK_BYTES
    assert state(bottega) == "present"
    assert "every file is as the hub lists it" in bottega.run("weights", "verify", MODEL.id)


@pytest.mark.usefixtures("hub")
def test_a_broken_file_is_found_and_repaired(tmp_path: Path, bottega: Commands) -> None:
    bottega.run("weights", "fetch", MODEL.id)
    blob = next(tmp_path.rglob(WEIGHTS)).resolve()
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    said = bottega.run("weights", "verify", MODEL.id, code=1)
    assert f"{WEIGHTS} is missing or changed" in said
    said = bottega.run("weights", "verify", "--repair", MODEL.id)
    assert "every file is as the hub lists it" in said


@pytest.mark.usefixtures("hub")
def test_a_removal_gives_the_bytes_back(tmp_path: Path, bottega: Commands) -> None:
    bottega.run("weights", "fetch", MODEL.id)
    assert "Aborted" in bottega.run("weights", "remove", MODEL.id, code=1, answer="n")
    assert "8 MB given back" in bottega.run("weights", "remove", "--yes", MODEL.id)
    assert state(bottega) == "missing"
    assert not list(tmp_path.rglob(WEIGHTS))


@pytest.mark.usefixtures("hub")
def test_nothing_to_remove_or_to_compare_with_is_told(bottega: Commands) -> None:
    here = weights_folder("flux.1-demo")
    said = bottega.run("weights", "verify", "flux.1-demo")
    assert said == f"flux.1-demo: {here} comes with the package: whole by the files' headers\n"
    said = bottega.run("weights", "remove", "flux.1-demo", MODEL.id)
    assert said == (
        f"flux.1-demo: {here} comes with the package, and stays\n"
        f"nothing to remove: the cache has no weights of flux.1-demo, {MODEL.id}\n"
    )


@pytest.mark.usefixtures("hub")
def test_one_broken_file_is_one(tmp_path: Path, bottega: Commands) -> None:
    bottega.run("weights", "fetch", MODEL.id)
    next(tmp_path.rglob(WEIGHTS)).resolve().write_bytes(b"x" * SIZE)
    said = bottega.run("weights", "verify", MODEL.id, code=1)
    assert f"1 broken file: `bottega weights verify --repair {MODEL.id}` fetches it anew" in said


def test_a_page_in_the_hubs_place_is_one_sentence(hub: HubServer, bottega: Commands) -> None:
    hub.instead = b"<html>Sign in</html>"
    said = bottega.run("weights", "fetch", MODEL.id, code=1)
    assert "did not answer for" in said
    assert said.count("\n") == 1
    assert "missing" in bottega.run("weights", "list", "--variant", MODEL.id)


def test_files_that_another_complete_model_uses_are_kept(hub: HubServer, bottega: Commands) -> None:
    dev, redux = catalog.find("flux.1-dev"), catalog.find("flux.1-redux-dev")
    prior = redux.options["prior_weights"]
    assert dev.weights is not None
    for weights, text in ((dev.weights, b"dev"), (prior, b"prior")):
        index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "Transformer"]}
        files = {
            "model_index.json": json.dumps(index).encode(),
            "transformer/config.json": b"{}",
            "transformer/diffusion_pytorch_model.safetensors": text * 500_000,
        }
        hub.repositories[weights.repo] = HubRepository(files, commit=weights.revision)
    bottega.run("weights", "fetch", dev.id, redux.id)
    said = bottega.run("weights", "remove", "--yes", dev.id)
    assert said == "0 kB given back\n2 MB kept: flux.1-redux-dev uses them\n"
    said = bottega.run("weights", "remove", "--yes", redux.id, dev.id)
    assert said == "4 MB given back\n"


def test_a_gated_model_is_one_sentence(repository: HubRepository, bottega: Commands) -> None:
    repository.gated = True
    said = bottega.run("weights", "fetch", MODEL.id, code=1)
    assert "is gated, and no token was sent (401): accept its licence at" in said
    assert said.count("\n") == 1


def test_the_list_asks_for_sizes_that_are_not_known(
    repository: HubRepository, bottega: Commands
) -> None:
    repository.gated = True
    listed = bottega.run("weights", "list", "--variant", MODEL.id)
    assert "missing  0 kB  8 MB" in listed
    assert "gated: it needs its licence accepted, and HF_TOKEN" in listed


@pytest.mark.usefixtures("hub")
def test_a_hosted_model_has_no_weights(bottega: Commands) -> None:
    said = bottega.run("weights", "fetch", "flux.2-pro", code=1)
    assert said == "Error: flux.2-pro is hosted by its vendor: it has no weights here\n"


class TestDoctor:
    """The doctor looks at the files, and tries the hub where some are missing."""

    def test_missing_weights_are_wrong_and_their_size_is_told(self, hub: HubServer) -> None:
        assert hub.url
        with pytest.raises(
            WeightsError, match=r"is not in .*/hub: run `bottega weights fetch"
        ) as e:
            check_weights([MODEL])
        assert "florence-2-base`, which downloads 8 MB" in str(e.value)

    @pytest.mark.usefixtures("hub")
    def test_weights_that_are_there_are_well(self, bottega: Commands) -> None:
        bottega.run("weights", "fetch", MODEL.id)
        assert check_weights([MODEL]) == "complete for florence-2-base"

    @pytest.mark.usefixtures("hub")
    def test_a_file_of_another_size_is_named(self, tmp_path: Path, bottega: Commands) -> None:
        bottega.run("weights", "fetch", MODEL.id)
        blob = next(tmp_path.rglob(WEIGHTS)).resolve()
        blob.write_bytes(blob.read_bytes()[:-1])
        with pytest.raises(
            WeightsError, match=r"is not complete .*; model\.safetensors is not whole"
        ):
            check_weights([MODEL])

    def test_a_broken_file_of_a_local_folder_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "own"
        shutil.copytree(weights_folder("florence-2-demo"), folder)
        monkeypatch.setenv(weights_variable(MODEL.id), str(folder))
        assert check_weights([MODEL])
        os.truncate(folder / WEIGHTS, SIZE - 1)
        with pytest.raises(WeightsError, match=rf"{WEIGHTS} is cut short: it has"):
            check_weights([MODEL])

    def test_a_token_that_is_missing_is_told(self, repository: HubRepository) -> None:
        repository.gated = True
        with pytest.raises(WeightsError, match=r"is gated, and no token was sent"):
            check_weights([MODEL])

    @pytest.mark.usefixtures("hub")
    def test_a_model_without_weights_needs_none(self) -> None:
        assert check_weights([catalog.find("flux.2-pro")]) == "no served model needs local weights"
        assert check_weights([catalog.find("flux.1-demo")]) == "complete for flux.1-demo"
