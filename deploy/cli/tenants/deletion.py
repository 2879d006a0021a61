"""`bottega tenants delete`: remove a tenant with everything that is its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from db.core.session import Database
from db.operators.deletion import BalanceLeftError
from db.storage.object_store import ObjectStore, StoreError
from db.storage.settings import StorageSettings, open_store
from deploy.cli.common import actor, errors_about, json_option, print_rows

if TYPE_CHECKING:
    from api.operators.deletion import DeletionReport, DeletionServices
    from workers.messaging.events import Publisher

_SECONDS = 3_600.0


@click.command("delete")
@click.argument("tenant_id")
@click.option("--forfeit-balance", is_flag=True, help="Take the money that it has left.")
@click.option("--yes", is_flag=True, help="Do not ask for its id again.")
@json_option
def delete_tenant(tenant_id: str, *, forfeit_balance: bool, yes: bool, as_json: bool) -> None:
    """Delete a tenant for good: keys, jobs, prompts, pictures, results, webhooks, its name.

    Its keys are refused at once, and its unfinished jobs are canceled for nothing. Its id and the
    books stay: `bottega tenants list --deleted`. Repeat the command after a fault, or after a
    backup was restored; the courier, too, finishes what is left.
    """
    if not yes and click.prompt("Type the tenant's id again") != tenant_id:
        raise click.ClickException("this is another id: nothing was deleted")
    from api.operators import deletion  # noqa: PLC0415 - imports the queue's library

    with _open_services() as services, errors_about(tenant_id, BalanceLeftError, StoreError):
        report = deletion.delete_tenant(
            services, actor(), tenant_id, forfeits_balance=forfeit_balance, seconds=_SECONDS
        )
    print_rows([_row(report)], as_json=as_json)


def _row(report: "DeletionReport") -> dict[str, object]:
    return {
        "tenant": report.tenant_id,
        "deleted_at": report.deleted_at,
        **asdict(report.erased),
        **{f"{name}_kept": count for name, count in asdict(report.kept).items()},
        "forfeited_micros": report.forfeited_micros,
        "balance_micros": report.balance_micros,
    }


@dataclass(frozen=True)
class _Services:
    """The services of a deletion."""

    database: Database
    store: ObjectStore
    publisher: "Publisher"


@contextmanager
def _open_services() -> "Iterator[DeletionServices]":
    from deploy.cli.services import open_services  # noqa: PLC0415

    with open_services() as services:
        yield _Services(services.database, open_store(StorageSettings()), services.publisher)
