"""`bottega jobs`: find, cancel and retry jobs of all tenants.

The commands call the use cases of the HTTP API: clients that follow a job get its event, workers
are notified, and the jobs are counted.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from db.jobs import search as job_search
from db.jobs.search import JobSearch
from db.operators.jobs import BulkAction
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from deploy.cli.common import (
    actor,
    errors_about,
    json_option,
    limit_option,
    print_rows,
    row_values,
    transaction,
)

if TYPE_CHECKING:
    from deploy.cli.services import CommandServices

_WHAT = ("id", "variant", "state", "surface", "attempt")
_COLUMNS = (*_WHAT, "price_micros", "error_code", "created_at")
_SEARCH_OPTIONS = (
    click.option(
        "--state",
        type=click.Choice([each.value for each in JobState]),
        help="Only jobs in this state.",
    ),
    click.option("--model", "variant", help="Only jobs of this model."),
    click.option("--tenant", "tenant_id", help="Only jobs of the tenant with this id."),
    click.option(
        "--surface",
        type=click.Choice([each.value for each in SurfaceName]),
        help="Only jobs that came by this API.",
    ),
    click.option("--error", "error_code", help="Only jobs that failed with this error code."),
    click.option(
        "--after",
        "created_after",
        type=click.DateTime(),
        help="Only jobs submitted at this time (UTC) or later.",
    ),
    click.option(
        "--before",
        "created_before",
        type=click.DateTime(),
        help="Only jobs submitted before this time (UTC).",
    ),
)


def _search_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_SEARCH_OPTIONS):
        command = option(command)
    return command


def _search(values: dict[str, Any]) -> JobSearch:
    if values["variant"] is not None:
        from workers import catalog  # noqa: PLC0415 - only where a model is named

        values = values | {"variant": catalog.id_of(values["variant"])}
    if values["surface"] is not None:
        values = values | {"surface": SurfaceName(values["surface"])}
    return JobSearch(**{name: _in_utc(value) for name, value in values.items()})


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@click.group()
def jobs() -> None:
    """Find, cancel and retry jobs of all tenants."""


@jobs.command("list")
@_search_options
@limit_option
@json_option
def list_jobs(*, limit: int, as_json: bool, **values: Any) -> None:
    """List the jobs that match all options, newest first."""
    with transaction() as session:
        found = job_search.search(session, _search(values), before_id=None, limit=limit)
        rows = [row_values(each.job, _COLUMNS) | {"tenant": each.tenant_name} for each in found]
    print_rows(rows, as_json=as_json)


@jobs.command("cancel")
@click.argument("job_id", required=False)
@_search_options
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def cancel_jobs(job_id: str | None, *, yes: bool, **values: Any) -> None:
    """Cancel JOB_ID, or every unfinished job that matches the options.

    A canceled job costs nothing: its hold is given back. With options, the command first prints
    the number of jobs and the sum of their prices, and asks for confirmation.
    """
    _apply(BulkAction.CANCEL, job_id, values, yes=yes)


@jobs.command("retry")
@click.argument("job_id", required=False)
@_search_options
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def retry_jobs(job_id: str | None, *, yes: bool, **values: Any) -> None:
    """Retry the failed job JOB_ID, or every failed job that matches the options.

    A retry is a new job with the same input and price and a hold of its own; the failed job
    stays as it is. A failed job can be retried once. With options, the command first prints the
    number of jobs and the sum of their prices, and asks for confirmation.
    """
    _apply(BulkAction.RETRY, job_id, values, yes=yes)


def _apply(action: BulkAction, job_id: str | None, values: dict[str, Any], *, yes: bool) -> None:
    from deploy.cli.services import open_services  # noqa: PLC0415

    has_options = any(value is not None for value in values.values())
    if has_options == (job_id is not None):
        raise click.UsageError("name either a JOB_ID or options that select jobs, such as --model")
    with open_services() as services:
        if job_id is not None:
            _apply_to_job(services, action, job_id)
        else:
            _apply_to_selection(services, action, _search(values), yes=yes)


def _apply_to_job(services: "CommandServices", action: BulkAction, job_id: str) -> None:
    from api.jobs.actions import RETRY_REFUSALS, cancel_job, retry_job  # noqa: PLC0415

    with errors_about(job_id, *RETRY_REFUSALS):
        if action == BulkAction.RETRY:
            new_id = retry_job(services, actor=actor(), job_id=job_id)
            click.echo(f"{job_id}: retried as {new_id}")
        elif cancel_job(services, tenant_id=None, actor=actor(), job_id=job_id):
            click.echo(f"{job_id}: canceled")
        else:
            raise click.ClickException(f"{job_id}: it has ended, so it cannot be canceled")


def _apply_to_selection(
    services: "CommandServices", action: BulkAction, search: JobSearch, *, yes: bool
) -> None:
    from api.jobs.bulk_actions import apply_to_jobs, select_jobs  # noqa: PLC0415

    selection = select_jobs(services, action, search)
    if not yes:
        price = f"{selection.price_micros} micro-USD"
        click.confirm(f"{action} {selection.jobs} jobs, priced at {price} together?", abort=True)
    changed = apply_to_jobs(services, actor(), action, selection.job_ids)
    click.echo(f"{action}: {changed} of {selection.jobs} jobs")
