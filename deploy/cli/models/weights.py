"""`bottega weights`: the models' files on this machine, fetched, verified and removed."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from deploy.cli.common import json_option, print_rows
from deploy.local.progress_line import LoadText, ProgressLine
from workers import catalog
from workers.adapters import load_progress
from workers.adapters.hub import fetch as hub
from workers.adapters.hub.cache import CachedRepository
from workers.adapters.hub.fetch import CheckpointState
from workers.adapters.hub.removal import remove
from workers.adapters.load_progress import readable_bytes
from workers.adapters.variant_files import VariantFiles, check_local, files_of
from workers.adapters.weights import WeightsError
from workers.catalog.variant import Variant
from workers.settings import weights_overrides

_SHOW_SECONDS = 0.5
_LOOKS_AT_ONCE = 8

_variants_argument = click.argument("variant", nargs=-1, required=True)


@click.group()
def weights() -> None:
    """List, fetch, verify and remove the weights of models.

    They lie in the cache of the Hugging Face hub, which HF_HOME names. Only files that are loaded
    are fetched. A gated model also needs HF_TOKEN, of an account that has accepted its licence.
    """


@weights.command("list")
@click.option("--variant", "names", multiple=True, help="Only this model; repeatable.")
@click.option("--offline", is_flag=True, help="Ask the hub nothing: sizes may be missing.")
@json_option
def list_weights(names: Sequence[str], *, offline: bool, as_json: bool) -> None:
    """Show each model's weights: where they are, and how much of them."""
    variants = [catalog.find(name) for name in names] or _with_weights()
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
        rows = list(pool.map(lambda variant: _row(variant, ask_hub=not offline), variants))
    if as_json:
        print_rows(rows, as_json=True)
        return
    print_rows([{name: row[name] for name in _SHOWN} for row in rows], as_json=False)
    problems = [row["problem"] for row in rows if row["problem"]]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        click.echo(f"sizes that the hub did not tell: {problems[0]}{more}", err=True)


_SHOWN = ("variant", "state", "here", "size", "source", "note")


def _with_weights() -> list[Variant]:
    return [variant for variant in catalog.variants() if variant.weights is not None]


def _row(variant: Variant, *, ask_hub: bool) -> dict[str, Any]:
    try:
        files = files_of(variant, weights_overrides())
    except WeightsError as error:
        return _values(variant, "missing", note=str(error))
    states = [hub.look(each, ask_hub=ask_hub) for each in files.checkpoints]
    local_bytes = sum(map(_folder_bytes, files.local))
    present = local_bytes + sum(state.present_bytes for state in states)
    known = all(state.total_bytes is not None for state in states)
    total = local_bytes + sum(state.total_bytes or 0 for state in states)
    return _values(
        variant,
        _state(variant, states, present),
        present_bytes=present,
        total_bytes=total if known else None,
        note=_note(states),
        problem="; ".join(state.problem for state in states if state.problem),
        source=", ".join([*map(str, files.local), *(_source(state) for state in states)]),
        missing=[name for state in states for name in state.missing],
        leftover_bytes=sum(state.leftover_bytes for state in states),
    )


def _values(variant: Variant, state: str, **known: Any) -> dict[str, Any]:
    """A row: what is not known of it is empty."""
    unknown = {"note": "", "problem": "", "missing": [], "leftover_bytes": 0}
    total = known.get("total_bytes")
    return {
        "variant": variant.id,
        "state": state,
        "here": readable_bytes(known.get("present_bytes", 0)),
        "size": "?" if total is None else readable_bytes(total),
        "source": "",
        "present_bytes": 0,
        "total_bytes": None,
        **unknown,
        **known,
    }


def _state(variant: Variant, states: Sequence[CheckpointState], present: int) -> str:
    if not states:
        return "bundled" if variant.weights and variant.weights.bundled else "local"
    if all(state.complete for state in states):
        return "present"
    return "partial" if present else "missing"


def _source(state: CheckpointState) -> str:
    file = f"/{state.checkpoint.file}" if state.checkpoint.file else ""
    return f"{state.checkpoint.repo}{file}@{state.checkpoint.revision[:8]}"


def _note(states: Sequence[CheckpointState]) -> str:
    notes = []
    if any(state.gated for state in states):
        notes.append("gated: it needs its licence accepted, and HF_TOKEN")
    leftover = sum(state.leftover_bytes for state in states)
    if leftover:
        notes.append(f"{readable_bytes(leftover)} of broken downloads, which a fetch sweeps")
    return "; ".join(notes)


def _folder_bytes(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files)


@weights.command("fetch")
@_variants_argument
def fetch_weights(variant: Sequence[str]) -> None:
    """Fetch the weights of models, and verify them.

    A download that is broken off goes on where it was when the command is repeated. The free disk
    is looked at first. A branch, where a model is not pinned to a commit, is brought up to date.
    """
    for row in map(catalog.find, variant):
        files = _hub_files(row)
        with _shown(row.id):
            for checkpoint in files.checkpoints:
                hub.fetch(checkpoint, refresh=True)
        size = sum(sum(hub.files_here(each).values()) for each in files.checkpoints)
        click.echo(f"{row.id}: {readable_bytes(size)}, all there" if size else _local(files))


@weights.command("verify")
@_variants_argument
@click.option("--repair", is_flag=True, help="Fetch broken files anew.")
def verify_weights(variant: Sequence[str], *, repair: bool) -> None:
    """Hash the files of models again, and compare with the hub's list.

    Ends with status 1 when a file is missing or changed, unless it was repaired.
    """
    broken = sum(_verify(catalog.find(name), repair=repair) for name in variant)
    if broken:
        files = "1 broken file" if broken == 1 else f"{broken} broken files"
        raise click.ClickException(
            f"{files}: `bottega weights verify --repair {' '.join(variant)}` fetches "
            f"{'it' if broken == 1 else 'them'} anew"
        )


def _verify(variant: Variant, *, repair: bool) -> int:
    """Verify a variant's files; the number of broken ones that are left."""
    left = 0
    files = _hub_files(variant)
    for checkpoint in files.checkpoints:
        with _shown(variant.id, "verifying"):
            broken = hub.verify(checkpoint)
        for name in broken:
            click.echo(f"{variant.id}: {checkpoint.repo}: {name} is missing or changed")
        if broken and repair:
            hub.discard(checkpoint, broken)
            with _shown(variant.id):
                hub.fetch(checkpoint)
            broken = hub.verify(checkpoint)
        left += len(broken)
    if files.checkpoints and not left:
        click.echo(f"{variant.id}: every file is as the hub lists it")
    check_local(variant, files)
    if files.local:
        click.echo(f"{variant.id}: {_local_text(variant, files)}: whole by the files' headers")
    return left


def _local_text(variant: Variant, files: VariantFiles) -> str:
    """The files that are not of the cache, and whose they are."""
    origin = "comes with the package" if _is_bundled(variant) else "is your own"
    return f"{', '.join(map(str, files.local))} {origin}"


def _is_bundled(variant: Variant) -> bool:
    return variant.weights is not None and variant.weights.bundled


@weights.command("remove")
@_variants_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_weights(variant: Sequence[str], *, yes: bool) -> None:
    """Remove the weights of models from the cache.

    Files that another complete model of the catalogue, or another revision, shares are kept.
    """
    rows = [catalog.find(name) for name in variant]
    for row in rows:
        _tell_what_stays(row)
    going = [each for row in rows for each in _hub_files(row).checkpoints]
    if not any(CachedRepository(each.repo).blobs() for each in going):
        click.echo(f"nothing to remove: the cache has no weights of {', '.join(variant)}")
        return
    paths = {path: size for each in going for path, size in hub.files_here(each).items()}
    shared = _used_by_others({row.id for row in rows})
    kept = {path: shared[path] for path in paths if path in shared}
    size = sum(size for path, size in paths.items() if path not in kept)
    if not yes:
        click.confirm(f"Remove {readable_bytes(size)} of {', '.join(variant)}?", abort=True)
    freed = sum(remove(checkpoint, kept) for checkpoint in going)
    click.echo(f"{readable_bytes(freed)} given back")
    for name in sorted(set(kept.values())):
        held = sum(paths[path] for path, user in kept.items() if user == name)
        click.echo(f"{readable_bytes(held)} kept: {name} uses them")


def _tell_what_stays(variant: Variant) -> None:
    """Name files that this command never touches: they are not in the cache."""
    files = _hub_files(variant)
    if files.local:
        click.echo(f"{variant.id}: {_local_text(variant, files)}, and stays")


def _used_by_others(going: set[str]) -> dict[Path, str]:
    """The files of complete models that stay, with the name of one that uses each."""
    used: dict[Path, str] = {}
    for variant in _with_weights():
        if variant.id in going:
            continue
        try:
            checkpoints = files_of(variant, weights_overrides()).checkpoints
        except WeightsError:
            continue
        if checkpoints and all(hub.look(each, ask_hub=False).complete for each in checkpoints):
            used |= {path: variant.id for each in checkpoints for path in hub.files_here(each)}
    return used


def _hub_files(variant: Variant) -> VariantFiles:
    if variant.weights is None:
        raise click.ClickException(f"{variant.id} is hosted by its vendor: it has no weights here")
    return files_of(variant, weights_overrides())


def _local(files: VariantFiles) -> str:
    return f"nothing to fetch: {', '.join(map(str, files.local))} is used as it is"


@contextmanager
def _shown(name: str, stage: str = "") -> Iterator[None]:
    """Show the progress of this process's load while a block runs."""
    line, text, ended = ProgressLine(), LoadText(), threading.Event()

    def show() -> None:
        while not ended.wait(_SHOW_SECONDS):
            _show_once(name, stage, line, text)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        line.close()
        load_progress.end()


def _show_once(name: str, stage: str, line: ProgressLine, text: LoadText) -> None:
    now = load_progress.current()
    if now is not None:
        note = f" ({now.note})" if now.note else ""
        shown = text.text(stage or now.stage, now.done_bytes, now.total_bytes)
        line.show(f"{name}: {shown}{note}")
