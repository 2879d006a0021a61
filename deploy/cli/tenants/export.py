"""`bottega tenants export`: the data of a tenant in one ZIP file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from db.core.session import Database
from db.operators import audit
from db.storage.object_store import ObjectStore, StoreError
from db.storage.settings import StorageSettings, open_store
from deploy.cli.common import actor, errors_about, open_database


@dataclass(frozen=True)
class _Services:
    """The services of an export."""

    database: Database
    store: ObjectStore


@click.command("export")
@click.argument("tenant_id")
@click.option(
    "--out",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; only you can read it.",
)
def export_tenant(tenant_id: str, path: Path) -> None:
    """Write all data of a tenant to a ZIP file: jobs with prompts, pictures, results, bills.

    No secret is in it: neither keys nor the secrets that sign webhooks. The audit log has an entry,
    since the file shows what the tenant wrote and painted.
    """
    from api.accounts.export import TenantExport  # noqa: PLC0415

    with open_database() as opened, errors_about(tenant_id, StoreError):
        services = _Services(opened.database, open_store(StorageSettings()))
        pieces = TenantExport(services, tenant_id).pieces()
        with opened.database.transaction() as session:
            audit.record(session, actor(), "tenant.export", tenant_id)
        size = _write(path, pieces)
    click.echo(f"{path}: {size} bytes")


def _write(path: Path, pieces: Iterator[bytes]) -> int:
    """Write beside the file first: it is replaced by a whole one, or stays."""
    temporary = path.with_name(f".{path.name}.partial")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(map(file.write, pieces))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return size
