"""`bottega workers`: list workers, and drain them."""

import click

from db import worker_registry
from db.tables import Worker
from deploy.cli.common import (
    actor,
    errors_about,
    json_option,
    open_database,
    print_rows,
    row_values,
    transaction,
)
from workers.adapters.load_progress import readable_bytes

_COLUMNS = (
    "id",
    "host",
    "pid",
    "device",
    "state",
    "variants",
    "catalogue_digest",
    "heartbeat_at",
    "drained_at",
    "problem",
)


@click.group()
def workers() -> None:
    """List workers, drain them, and end the drain."""


@workers.command("list")
@json_option
def list_workers(*, as_json: bool) -> None:
    """List every registered worker, as of its last heartbeat."""
    with transaction() as session:
        rows = [
            row_values(row, _COLUMNS) | {"loading": _loading(row)}
            for row in worker_registry.list_workers(session)
        ]
    print_rows(rows, as_json=as_json)


def _loading(row: Worker) -> str:
    """The model that is being loaded, its stage, and the part that is done."""
    if row.loading is None:
        return ""
    text = f"{row.loading} {row.loading_stage or 'loading'} {row.loading_fraction or 0:.0%}"
    if not row.loading_total_bytes:
        return text
    total = readable_bytes(row.loading_total_bytes)
    return f"{text} ({readable_bytes(row.loading_bytes or 0)} of {total})"


@workers.command("drain")
@click.argument("worker_id")
def drain_worker(worker_id: str) -> None:
    """Let a worker finish its running jobs and start no more.

    The process goes on, so that it can be undrained. The worker learns about the drain with its
    next heartbeat.
    """
    _set_drained(worker_id, drained=True)


@workers.command("undrain")
@click.argument("worker_id")
def undrain_worker(worker_id: str) -> None:
    """Let a drained worker start jobs again."""
    _set_drained(worker_id, drained=False)


def _set_drained(worker_id: str, *, drained: bool) -> None:
    from api.operators.switches import set_worker_drained  # noqa: PLC0415

    with open_database() as services, errors_about(worker_id):
        changed = set_worker_drained(services, actor(), worker_id, drained=drained)
    state = "drained" if drained else "taking jobs"
    click.echo(f"{worker_id} is {state}" + ("" if changed else ", as it was"))
