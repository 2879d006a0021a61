"""Checkpoints are fetched into the hub's cache: what is loaded, verified, by parts that go on."""

import json
import os
import shutil
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir, snapshot_download

from tests.support.hub_server import HubRepository, HubServer
from tests.support.waiting import at_once, await_true
from workers.adapters import load_progress
from workers.adapters.hub import cache, fetch
from workers.adapters.hub.cache import CachedRepository
from workers.adapters.hub.errors import (
    BrokenDownloadError,
    CacheRefusedError,
    DiskFullError,
    HubBusyError,
    HubError,
    HubUnreachableError,
    LicenceNotAcceptedError,
    NoSuchFileError,
    NoSuchRepositoryError,
    NoSuchRevisionError,
    NotFetchedError,
    TokenNeededError,
    TokenRefusedError,
    explaining,
)
from workers.adapters.hub.selection import Checkpoint, Layout

COMMIT = "c" * 40
REPO = "owner/painter"
LARGE = b"a" + os.urandom(299_999)
INDEX = json.dumps(
    {
        "_class_name": "FluxPipeline",
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "feature_extractor": [None, None],
    }
).encode()
LOADED = {
    "model_index.json": INDEX,
    "transformer/config.json": b"{}",
    "transformer/diffusion_pytorch_model.safetensors": LARGE,
    "tokenizer/vocab.json": b'{"a": 1}',
    "tokenizer/merges.txt": b"a b",
}
NOT_LOADED = {
    "painter.safetensors": LARGE[:-1],
    "transformer/diffusion_pytorch_model.fp16.safetensors": LARGE[:-2],
    "transformer/diffusion_pytorch_model.bin": LARGE[:-3],
    "transformer/modelling.py": b"raise SystemExit",
    "feature_extractor/preprocessor_config.json": b"{}",
    "README.md": b"# Painter",
}
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
PAINTER = Checkpoint(REPO, COMMIT, Layout.PIPELINE)


@pytest.fixture
def painter(hub: HubServer) -> HubRepository:
    hub.repositories[REPO] = HubRepository(LOADED | NOT_LOADED)
    return hub.repositories[REPO]


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def leave_part(content: bytes) -> Path:
    """A part of the large file, as a killed download leaves it."""
    repository = HubRepository(LOADED)
    part = CachedRepository(REPO).part(repository.etag(WEIGHTS))
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part


@pytest.mark.usefixtures("painter")
def test_only_files_that_are_loaded_are_fetched(hub: HubServer) -> None:
    folder = fetch.fetch(PAINTER)
    assert files_of(folder) == set(LOADED)
    assert {name: (folder / name).read_bytes() for name in LOADED} == LOADED
    assert not hub.sent_bytes("painter.safetensors")


@pytest.mark.usefixtures("painter")
def test_the_hubs_library_finds_them_without_asking_the_hub(hub: HubServer) -> None:
    folder = fetch.fetch(PAINTER)
    asked = len(hub.requests)
    found = hf_hub_download(REPO, WEIGHTS, revision=COMMIT, local_files_only=True)
    assert Path(found) == folder / WEIGHTS
    (repository,) = scan_cache_dir(constants.HF_HUB_CACHE).repos
    assert repository.repo_id == REPO
    assert repository.size_on_disk == sum(map(len, LOADED.values()))
    assert len(hub.requests) == asked


@pytest.mark.usefixtures("painter")
def test_a_whole_checkpoint_is_not_asked_for_again(hub: HubServer) -> None:
    fetch.fetch(PAINTER)
    asked = len(hub.requests)
    fetch.fetch(PAINTER)
    assert len(hub.requests) == asked


@pytest.mark.usefixtures("painter")
def test_what_the_hubs_library_fetched_is_taken_as_it_is(hub: HubServer) -> None:
    snapshot_download(REPO, revision=COMMIT, ignore_patterns=["*.bin"])
    asked = len(hub.requests)
    assert fetch.fetch(PAINTER).name == COMMIT
    assert len(hub.requests) == asked


def test_a_snapshot_without_a_kept_list_is_judged_by_its_indices(painter: HubRepository) -> None:
    folder = fetch.fetch(PAINTER)
    shutil.rmtree(folder.parent.parent / "trees")
    assert fetch.look(PAINTER, ask_hub=False).complete
    (folder / WEIGHTS).unlink()
    assert not fetch.look(PAINTER, ask_hub=False).complete
    fetch.fetch(PAINTER)
    assert (folder / WEIGHTS).read_bytes() == painter.files[WEIGHTS]


@pytest.mark.usefixtures("painter")
def test_a_broken_off_download_goes_on_where_it_was(hub: HubServer) -> None:
    leave_part(LARGE[:200_000])
    folder = fetch.fetch(PAINTER)
    assert (folder / WEIGHTS).read_bytes() == LARGE
    assert hub.ranges(WEIGHTS)[0] == "bytes=200000-"
    assert hub.sent_bytes(WEIGHTS) == 100_000


@pytest.mark.usefixtures("painter")
def test_a_part_that_does_not_fit_is_fetched_anew(hub: HubServer) -> None:
    leave_part(b"x" * 200_000)
    folder = fetch.fetch(PAINTER)
    assert (folder / WEIGHTS).read_bytes() == LARGE
    assert hub.sent_bytes(WEIGHTS) == 100_000 + len(LARGE)
    progress = load_progress.current()
    assert progress is not None
    assert "begins anew" in progress.note


@pytest.mark.usefixtures("painter")
def test_a_part_longer_than_the_file_is_fetched_anew() -> None:
    leave_part(LARGE + b"x")
    assert (fetch.fetch(PAINTER) / WEIGHTS).read_bytes() == LARGE


@pytest.mark.usefixtures("painter")
def test_a_server_without_ranges_is_said_and_begins_anew(hub: HubServer) -> None:
    hub.without_range = True
    leave_part(LARGE[:200_000])
    assert (fetch.fetch(PAINTER) / WEIGHTS).read_bytes() == LARGE
    progress = load_progress.current()
    assert progress is not None
    assert "sends no part" in progress.note
    assert progress.done_bytes == progress.total_bytes


@pytest.mark.usefixtures("painter")
def test_cut_connections_are_taken_up_again(hub: HubServer) -> None:
    hub.cut_after_bytes, hub.cuts = 100_000, 3
    assert (fetch.fetch(PAINTER) / WEIGHTS).read_bytes() == LARGE
    assert hub.sent_bytes(WEIGHTS) == len(LARGE)


@pytest.mark.usefixtures("painter")
def test_a_hub_that_is_overloaded_for_a_moment_is_asked_again(hub: HubServer) -> None:
    hub.statuses = [503, 429]
    assert (fetch.fetch(PAINTER) / WEIGHTS).read_bytes() == LARGE


@pytest.mark.usefixtures("painter")
def test_wrong_bytes_are_not_kept(hub: HubServer) -> None:
    hub.wrong = {WEIGHTS}
    with pytest.raises(BrokenDownloadError, match=f"{WEIGHTS} of {REPO} did not arrive"):
        fetch.fetch(PAINTER)
    assert not CachedRepository(REPO).part(HubRepository(LOADED).etag(WEIGHTS)).exists()
    hub.wrong = set()
    assert (fetch.fetch(PAINTER) / WEIGHTS).read_bytes() == LARGE


def test_a_branch_is_taken_as_it_is_here_and_asked_for_on_request(painter: HubRepository) -> None:
    branch = Checkpoint(REPO, "main", Layout.PIPELINE)
    first = fetch.fetch(branch)
    painter.commit, painter.files["tokenizer/merges.txt"] = "d" * 40, b"b c"
    assert fetch.fetch(branch) == first
    assert (fetch.fetch(branch, refresh=True) / "tokenizer/merges.txt").read_bytes() == b"b c"


def test_one_file_of_a_repository_is_fetched_alone(painter: HubRepository) -> None:
    one = Checkpoint(REPO, COMMIT, Layout.FILE, file="painter.safetensors")
    folder = fetch.fetch(one)
    assert files_of(folder) == {"painter.safetensors"}
    assert (folder / "painter.safetensors").read_bytes() == painter.files["painter.safetensors"]


@pytest.mark.usefixtures("painter")
def test_weights_that_come_from_elsewhere_are_left_out() -> None:
    folder = fetch.fetch(Checkpoint(REPO, COMMIT, Layout.PIPELINE, without=("transformer",)))
    with pytest.raises(FileNotFoundError):
        (folder / WEIGHTS).stat()
    assert (folder / "transformer/config.json").is_file()


def test_a_transformers_model_lies_in_the_root(hub: HubServer) -> None:
    wanted = {"config.json": b"{}", "model.safetensors": LARGE, "tokenizer.json": b"{}"}
    others = {"pytorch_model.bin": LARGE, "onnx/model.onnx": LARGE, "README.md": b""}
    hub.repositories[REPO] = HubRepository(wanted | others)
    assert files_of(fetch.fetch(Checkpoint(REPO, COMMIT, Layout.MODEL))) == set(wanted)


@pytest.mark.usefixtures("painter")
def test_the_token_is_not_sent_to_the_storage_host(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    hub.tokens = hub.accepted = {"hf_good"}
    fetch.fetch(PAINTER)
    assert {request.has_token for request in hub.requests if request.on_storage} == {False}
    assert {request.has_token for request in hub.requests if not request.on_storage} == {True}


@pytest.mark.usefixtures("painter")
def test_fetches_at_the_same_time_do_the_work_once(hub: HubServer) -> None:
    hub.bytes_per_second = 1_000_000
    folders = at_once([lambda: fetch.fetch(PAINTER)] * 3)
    assert (folders[0] / WEIGHTS).read_bytes() == LARGE
    assert hub.sent_bytes(WEIGHTS) == len(LARGE)


@pytest.mark.usefixtures("painter")
def test_progress_counts_what_was_there_and_what_arrives(hub: HubServer) -> None:
    leave_part(LARGE[:200_000])
    hub.bytes_per_second = 200_000
    thread = threading.Thread(target=fetch.fetch, args=(PAINTER,))
    thread.start()

    def moves() -> bool:
        now = load_progress.current()
        return now is not None and 200_000 < (now.done_bytes or 0) < (now.total_bytes or 0)

    assert await_true(moves)
    thread.join()
    progress = load_progress.current()
    assert progress is not None
    assert progress.done_bytes == progress.total_bytes == sum(map(len, LOADED.values()))


@pytest.mark.usefixtures("painter")
def test_quiet_leftovers_of_the_hubs_library_are_swept() -> None:
    blobs = CachedRepository(REPO).folder / "blobs"
    blobs.mkdir(parents=True)
    old, new = (blobs / f"{'a' * 64}.{name}.incomplete" for name in ("0123abcd", "4567abcd"))
    for path in (old, new):
        path.write_bytes(b"part")
    long_ago = time.time() - 2 * cache.QUIET_SECONDS
    os.utime(old, (long_ago, long_ago))
    assert fetch.look(PAINTER, ask_hub=False).leftover_bytes == 4
    fetch.fetch(PAINTER)
    assert not old.exists()
    assert new.exists()


@pytest.mark.usefixtures("painter")
def test_without_links_the_files_themselves_lie_in_the_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    folder = fetch.fetch(PAINTER)
    assert not (folder / WEIGHTS).is_symlink()
    assert fetch.verify(PAINTER) == []


@pytest.mark.usefixtures("painter")
def test_a_changed_byte_is_found_and_fetched_anew(hub: HubServer) -> None:
    folder = fetch.fetch(PAINTER)
    blob = (folder / WEIGHTS).resolve()
    blob.write_bytes(b"x" + LARGE[1:])
    assert fetch.verify(PAINTER) == [WEIGHTS]
    fetch.discard(PAINTER, [WEIGHTS])
    fetch.fetch(PAINTER)
    assert fetch.verify(PAINTER) == []
    assert hub.sent_bytes(WEIGHTS) == 2 * len(LARGE)


@pytest.mark.usefixtures("painter")
def test_without_list_and_hub_the_names_of_the_blobs_are_the_hashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = fetch.fetch(PAINTER)
    shutil.rmtree(folder.parent.parent / "trees")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch.verify(PAINTER) == []
    (folder / WEIGHTS).resolve().write_bytes(b"x" + LARGE[1:])
    assert fetch.verify(PAINTER) == [WEIGHTS]
    shutil.rmtree(folder)
    with pytest.raises(NotFetchedError):
        fetch.verify(PAINTER)


def test_the_state_tells_what_is_there_and_what_is_missing(painter: HubRepository) -> None:
    total = sum(map(len, LOADED.values()))
    before = fetch.look(PAINTER, ask_hub=False)
    assert (before.complete, before.present_bytes, before.total_bytes) == (False, 0, None)
    painter.gated = True
    asked = fetch.look(PAINTER, ask_hub=True)
    # Before its index is there, a pipeline is taken to have every folder as a component.
    assert asked.total_bytes == total + len(b"{}")
    assert asked.gated
    painter.gated = False
    folder = fetch.fetch(PAINTER)
    whole = fetch.look(PAINTER, ask_hub=False)
    assert (whole.complete, whole.present_bytes, whole.total_bytes) == (True, total, total)
    (folder / "tokenizer/merges.txt").unlink()
    assert fetch.look(PAINTER, ask_hub=False).missing == ("tokenizer/merges.txt",)


class TestFaults:
    """Each fault is one sentence with its remedy, and told apart from the others."""

    def test_a_gated_repository_without_a_token(self, hub: HubServer) -> None:
        hub.repositories[REPO] = HubRepository(LOADED, gated=True)
        with pytest.raises(
            TokenNeededError, match=rf"gated.*no token.*\(401\).*{hub.url}/{REPO},.*HF_TOKEN"
        ):
            fetch.fetch(PAINTER)

    def test_a_licence_that_the_tokens_account_has_not_accepted(
        self, hub: HubServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_known")
        hub.tokens = {"hf_known"}
        hub.repositories[REPO] = HubRepository(LOADED, gated=True)
        with pytest.raises(
            LicenceNotAcceptedError, match=rf"\(403\).*accept its licence at {hub.url}/{REPO} "
        ) as raised:
            fetch.fetch(PAINTER)
        assert "hf_known" not in str(raised.value)

    def test_a_token_that_the_hub_does_not_know(
        self, hub: HubServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_expired")
        hub.repositories[REPO] = HubRepository(LOADED)
        with pytest.raises(TokenRefusedError, match=r"does not accept the token.*set HF_TOKEN"):
            fetch.fetch(PAINTER)

    @pytest.mark.usefixtures("hub")
    def test_no_such_repository(self) -> None:
        with pytest.raises(NoSuchRepositoryError, match=f"shows no repository {REPO}"):
            fetch.fetch(PAINTER)

    @pytest.mark.usefixtures("painter")
    def test_no_such_revision(self) -> None:
        with pytest.raises(NoSuchRevisionError, match="has no revision gone"):
            fetch.fetch(Checkpoint(REPO, "gone", Layout.PIPELINE))

    @pytest.mark.usefixtures("painter")
    def test_no_such_file(self) -> None:
        with pytest.raises(HubError, match=r"has no file gone\.safetensors"):
            fetch.fetch(Checkpoint(REPO, COMMIT, Layout.FILE, file="gone.safetensors"))

    @pytest.mark.usefixtures("painter")
    def test_a_file_that_is_listed_but_not_there(self, hub: HubServer) -> None:
        with pytest.raises(NoSuchFileError, match=r"has no file tokenizer/gone\.json at"):
            fetch_gone(hub)

    @pytest.mark.usefixtures("painter")
    def test_a_repository_that_is_no_pipeline(self, painter: HubRepository) -> None:
        del painter.files["model_index.json"]
        with pytest.raises(HubError, match=r"has no model_index\.json: it holds no pipeline"):
            fetch.fetch(PAINTER)

    @pytest.mark.usefixtures("painter")
    @pytest.mark.parametrize(("status", "sentence"), [(429, "too many"), (503, "out of order")])
    def test_a_hub_that_stays_overloaded(self, hub: HubServer, status: int, sentence: str) -> None:
        hub.statuses = [status] * 50
        with pytest.raises(HubBusyError, match=f"{status}.*{sentence}|{sentence}.*{status}"):
            fetch.fetch(PAINTER)

    @pytest.mark.usefixtures("painter")
    def test_a_hub_that_does_not_answer(
        self, hub: HubServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        assert hub.url
        with pytest.raises(
            HubUnreachableError, match=r"127\.0\.0\.1:9 does not answer.*HF_HUB_OFFLINE=1"
        ):
            fetch.fetch(PAINTER)

    @pytest.mark.usefixtures("painter")
    def test_files_that_are_missing_offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = fetch.fetch(PAINTER)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert fetch.fetch(PAINTER) == folder
        (folder / WEIGHTS).unlink()
        with pytest.raises(
            NotFetchedError, match=f"{WEIGHTS} is missing.*HF_HUB_OFFLINE.*bottega weights fetch"
        ):
            fetch.fetch(PAINTER)

    @pytest.mark.usefixtures("painter")
    def test_a_disk_that_does_not_hold_it_is_found_out_before(
        self, hub: HubServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = namedtuple("usage", "total used free")  # noqa: PYI024
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(1, 1, 100_000))
        with pytest.raises(DiskFullError, match=r"needs 300 kB more.*100 kB free.*HF_HOME"):
            fetch.fetch(PAINTER)
        assert not hub.sent_bytes(WEIGHTS)

    def test_a_disk_that_fills_up_on_the_way(self) -> None:
        with (
            pytest.raises(DiskFullError, match=r"is full.*what was downloaded is kept"),
            explaining(REPO, COMMIT),
        ):
            raise OSError(28, "No space left on device")

    def test_a_cache_that_may_not_be_written(self) -> None:
        with (
            pytest.raises(CacheRefusedError, match="/models may not be written"),
            explaining(REPO, COMMIT),
        ):
            raise PermissionError(13, "Permission denied", "/models")

    @pytest.mark.parametrize("name", ["../../outside", "/etc/outside", "a/../../outside"])
    def test_names_that_lead_out_of_the_cache_are_refused(self, hub: HubServer, name: str) -> None:
        hub.repositories[REPO] = HubRepository({name: LARGE})
        with pytest.raises(HubError, match="it is not fetched"):
            fetch.fetch(Checkpoint(REPO, COMMIT, Layout.FILE, file=name))


def fetch_gone(hub: HubServer) -> None:
    """Fetch a repository whose kept list names a file that the hub does not send."""
    repository = hub.repositories[REPO]
    repository.files["tokenizer/gone.json"] = b"[]"
    CachedRepository(REPO).keep_listing(fetch.read_listing(REPO, COMMIT))
    del repository.files["tokenizer/gone.json"]
    fetch.fetch(PAINTER)
