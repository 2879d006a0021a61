"""The fetching of whole checkpoints, and their state on this disk."""

import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workers.adapters import load_progress
from workers.adapters.hub import client
from workers.adapters.hub.cache import CachedRepository
from workers.adapters.hub.client import read_listing
from workers.adapters.hub.download import download, file_hash
from workers.adapters.hub.errors import (
    DiskFullError,
    HubError,
    cache_folder,
    explaining,
    not_fetched,
    require_endpoint,
    strange_answer,
)
from workers.adapters.hub.listing import HubFile, Listing
from workers.adapters.hub.selection import (
    PIPELINE_INDEX,
    Checkpoint,
    Layout,
    complete_by_index,
    select,
)
from workers.adapters.load_progress import LoadStage, readable_bytes

FILES_AT_ONCE = 4


@dataclass(frozen=True)
class CheckpointState:
    """A checkpoint as it lies in the cache.

    Attributes:
        checkpoint: the checkpoint.
        commit: its commit; None if neither the cache nor the hub told it.
        complete: True when all files that are loaded are there in their full size.
        present_bytes: bytes of those files that are there, parts of files included.
        total_bytes: their bytes in all; None without a list of files.
        missing: names of those that are not whole.
        leftover_bytes: bytes of broken downloads that nothing goes on with.
        gated: True when a licence must be accepted; None if not known.
        problem: why the hub did not tell more; "" if it did, or was not asked.
    """

    checkpoint: Checkpoint
    commit: str | None
    complete: bool
    present_bytes: int = 0
    total_bytes: int | None = None
    missing: tuple[str, ...] = ()
    leftover_bytes: int = 0
    gated: bool | None = None
    problem: str = ""


def fetch(checkpoint: Checkpoint, *, refresh: bool = False) -> Path:
    """Bring a checkpoint into the cache, and go on with a download that was broken off.

    Nothing is asked of the hub when all is there, so a worker starts without a network.

    Args:
        checkpoint: the checkpoint.
        refresh: ask for a branch's newest commit, instead of taking the one that is there.

    Returns:
        The folder of its snapshot.

    Raises:
        HubError: it cannot be had.
    """
    cached = CachedRepository(checkpoint.repo)
    commit = cached.commit_of(checkpoint.revision)
    is_pinned = commit == checkpoint.revision
    if commit and (is_pinned or not refresh or _is_offline()) and _is_complete(checkpoint, commit):
        return cached.snapshot(commit)
    if _is_offline():
        raise not_fetched(checkpoint.repo, checkpoint.revision, _missing_name(checkpoint, commit))
    listing = _listing(cached, checkpoint, commit if is_pinned else None)
    with explaining(checkpoint.repo, checkpoint.revision):
        cached.sweep()
        cached.keep_listing(listing)
        _fetch_files(cached, listing.commit, _selected(cached, checkpoint, listing))
        cached.keep_commit(checkpoint.revision, listing.commit)
    return cached.snapshot(listing.commit)


def look(checkpoint: Checkpoint, *, ask_hub: bool) -> CheckpointState:
    """The state of a checkpoint in the cache.

    Args:
        checkpoint: the checkpoint.
        ask_hub: ask the hub for the list of files where none is kept.
    """
    cached = CachedRepository(checkpoint.repo)
    commit = cached.commit_of(checkpoint.revision)
    listing = cached.read_listing(commit) if commit else None
    problem = ""
    if listing is None and ask_hub and not _is_offline():
        try:
            listing = read_listing(checkpoint.repo, checkpoint.revision, tries=1)
        except HubError as error:
            problem = str(error)
    if listing is None:
        return _state_by_index(cached, checkpoint, commit, problem)
    try:
        return _state_by_listing(cached, checkpoint, listing)
    except HubError as error:
        return CheckpointState(checkpoint, commit, complete=False, problem=str(error))


def verify(checkpoint: Checkpoint) -> list[str]:
    """Hash a checkpoint's files again.

    Where no list of files is kept, and the hub does not tell it, those that are there are compared
    with the hashes in their blobs' names.

    Returns:
        The names of files whose bytes are not the hub's, or which are missing.

    Raises:
        HubError: no file is there, and the hub does not tell which there should be.
    """
    cached = CachedRepository(checkpoint.repo)
    commit = cached.commit_of(checkpoint.revision)
    try:
        listing = _listing(cached, checkpoint, commit)
    except HubError:
        if not commit or not complete_by_index(checkpoint, cached.snapshot(commit)):
            raise
        listing = _listing_of_folder(cached, commit)
    files = _selected_here(cached, checkpoint, listing)
    load_progress.begin(LoadStage.PREPARING, sum(file.size for file in files))
    return [file.name for file in files if not _is_right(cached, listing.commit, file)]


def check_access(checkpoint: Checkpoint) -> None:
    """Ask the hub for the head of one file, as a fetch would ask for the files.

    Raises:
        HubError: the hub refuses, does not answer, or may not be asked.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415

    name = checkpoint.file or (
        PIPELINE_INDEX if checkpoint.layout is Layout.PIPELINE else "config.json"
    )
    url = hf_hub_url(checkpoint.repo, name, revision=checkpoint.revision)
    require_endpoint()
    with explaining(checkpoint.repo, checkpoint.revision, file=name):
        described = get_hf_file_metadata(url, timeout=client.CONNECT_SECONDS)
    if described.etag is None or described.commit_hash is None:
        raise strange_answer(checkpoint.repo)


def free_bytes() -> int:
    """Free bytes of the disk of the cache, which need not exist yet."""
    folder = Path(cache_folder()).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def discard(checkpoint: Checkpoint, names: Sequence[str]) -> None:
    """Delete files of a checkpoint, so that `fetch` brings them anew."""
    cached = CachedRepository(checkpoint.repo)
    commit = cached.commit_of(checkpoint.revision)
    listing = cached.read_listing(commit) if commit else None
    for name in names:
        if commit and listing and name in listing.files:
            cached.pointer(commit, name).unlink(missing_ok=True)
            cached.blob(listing.files[name].etag).unlink(missing_ok=True)


def files_here(checkpoint: Checkpoint) -> dict[Path, int]:
    """A checkpoint's files in the snapshot, whole ones alone, with their bytes."""
    cached = CachedRepository(checkpoint.repo)
    commit = cached.commit_of(checkpoint.revision)
    if commit is None:
        return {}
    listing = cached.read_listing(commit) or _listing_of_folder(cached, commit)
    try:
        files = _selected_here(cached, checkpoint, listing)
    except HubError:  # too little is there to be a checkpoint
        return {}
    paths = (cached.pointer(commit, file.name) for file in files)
    return {path: path.stat().st_size for path in paths if path.is_file()}


def _is_right(cached: CachedRepository, commit: str, file: HubFile) -> bool:
    path = cached.pointer(commit, file.name)
    is_right = cached.has(commit, file) and file_hash(path, file) == file.etag
    load_progress.advance(file.size)
    return is_right


def _listing(cached: CachedRepository, checkpoint: Checkpoint, commit: str | None) -> Listing:
    kept = cached.read_listing(commit) if commit else None
    return kept or read_listing(checkpoint.repo, commit or checkpoint.revision)


def _selected(cached: CachedRepository, checkpoint: Checkpoint, listing: Listing) -> list[HubFile]:
    """The files to load; of a pipeline, its index is fetched first, as it names the components."""
    if checkpoint.layout is Layout.PIPELINE and PIPELINE_INDEX in listing.files:
        index = listing.files[PIPELINE_INDEX]
        if not cached.has(listing.commit, index):
            download(cached, listing.commit, index, threading.Event())
    return _selected_here(cached, checkpoint, listing)


def _selected_here(
    cached: CachedRepository, checkpoint: Checkpoint, listing: Listing
) -> list[HubFile]:
    index = None
    with suppress(OSError, UnicodeDecodeError):
        index = cached.pointer(listing.commit, PIPELINE_INDEX).read_text(encoding="utf-8")
    return select(checkpoint, listing, index)


def _fetch_files(cached: CachedRepository, commit: str, files: Sequence[HubFile]) -> None:
    absent = [file for file in files if not cached.has(commit, file)]
    _check_disk(cached, absent)
    load_progress.begin(LoadStage.DOWNLOADING, sum(file.size for file in files))
    load_progress.advance(sum(file.size for file in files if file not in absent))
    # The largest first: the last file to arrive is then a small one.
    largest_first = sorted(absent, key=lambda file: -file.size)
    stopping = threading.Event()
    with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="download") as pool:
        try:
            _await_all(
                [pool.submit(download, cached, commit, file, stopping) for file in largest_first]
            )
        finally:
            # After a fault, or Ctrl-C, the others stop at once; their parts are kept.
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _await_all(running: Sequence[Future[None]]) -> None:
    done, _ = wait(running, return_when=FIRST_EXCEPTION)
    for one in done:
        one.result()


def _check_disk(cached: CachedRepository, absent: Sequence[HubFile]) -> None:
    """Refuse a download that the disk does not hold, before it begins."""
    needed = sum(file.size - _bytes_here(cached, file) for file in absent)
    free = free_bytes()
    if needed > free:
        raise DiskFullError(
            f"{cached.repo} needs {readable_bytes(needed)} more in {cache_folder()}, and its disk "
            f"has {readable_bytes(free)} free: make room, or set HF_HOME to a folder on a larger "
            "disk"
        )


def _bytes_here(cached: CachedRepository, file: HubFile) -> int:
    blob = cached.blob(file.etag)
    if blob.is_file() and blob.stat().st_size == file.size:
        return file.size
    return cached.part_bytes(file)


def _is_complete(checkpoint: Checkpoint, commit: str) -> bool:
    cached = CachedRepository(checkpoint.repo)
    listing = cached.read_listing(commit)
    if listing is None:
        return complete_by_index(checkpoint, cached.snapshot(commit))
    files = _selected_here(cached, checkpoint, listing)
    return all(cached.has(commit, file) for file in files)


def _missing_name(checkpoint: Checkpoint, commit: str | None) -> str:
    state = look(checkpoint, ask_hub=False) if commit else None
    return state.missing[0] if state and state.missing else "the checkpoint"


def _state_by_index(
    cached: CachedRepository, checkpoint: Checkpoint, commit: str | None, problem: str
) -> CheckpointState:
    complete = bool(commit) and complete_by_index(checkpoint, cached.snapshot(commit or ""))
    present = sum(files_here(checkpoint).values()) if complete else _loose_bytes(cached, commit)
    return CheckpointState(
        checkpoint,
        commit,
        complete,
        present_bytes=present,
        total_bytes=present if complete else None,
        leftover_bytes=sum(cached.leftovers().values()),
        problem="" if complete else problem,
    )


def _loose_bytes(cached: CachedRepository, commit: str | None) -> int:
    """Bytes of whatever is there of a commit."""
    if commit is None:
        return 0
    return sum(path.stat().st_size for path in cached.snapshot(commit).rglob("*") if path.is_file())


def _state_by_listing(
    cached: CachedRepository, checkpoint: Checkpoint, listing: Listing
) -> CheckpointState:
    files = _selected_here(cached, checkpoint, listing)
    absent = [file for file in files if not cached.has(listing.commit, file)]
    total = sum(file.size for file in files)
    lacking = sum(file.size - _bytes_here(cached, file) for file in absent)
    return CheckpointState(
        checkpoint,
        listing.commit,
        not absent,
        present_bytes=total - lacking,
        total_bytes=total,
        missing=tuple(file.name for file in absent),
        leftover_bytes=sum(cached.leftovers().values()),
        gated=listing.gated,
    )


def _listing_of_folder(cached: CachedRepository, commit: str) -> Listing:
    """A list of the files that are there, for a snapshot without one; hashes are the blobs'."""
    folder = cached.snapshot(commit)
    found = [path for path in folder.rglob("*") if path.is_symlink() and path.is_file()]
    files = (
        HubFile(path.relative_to(folder).as_posix(), path.stat().st_size, path.resolve().name)
        for path in found
    )
    return Listing(commit, {file.name: file for file in files})


def _is_offline() -> bool:
    from huggingface_hub import constants  # noqa: PLC0415

    return bool(constants.HF_HUB_OFFLINE)
