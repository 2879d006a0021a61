"""`bottega credit|tiers|queues|workers|jobs|operators|audit`: running the service from a shell.

The same functions as the dashboard and `/v1/admin` use, and in the same log: as `cli:` and the
user's name. Workers are rung for what was queued or resumed by maintenance, within seconds.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from db import worker_registry as worker_rows
from db.billing.holds import InsufficientCreditError
from db.core.base import Base
from db.jobs import queues as queue_rows
from db.jobs import search as job_search
from db.jobs.search import JobSearch
from db.jobs.types import PriorityNotAllowedError, TooManyInFlightError
from db.operators import actions as operator_actions
from db.operators import audit
from db.operators import jobs as operator_jobs
from db.operators import keys as operator_keys
from db.operators import tiers as operator_tiers
from db.operators.audit import AuditFilter
from db.operators.jobs import BulkAction
from db.reports import usage as reports
from db.tables import Worker
from db.tenants.api_keys import OperatorRole
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import JobState, Priority
from deploy.cli.admin import actor, as_json_option, give_credit, show, transaction

_LIMIT = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
_MOST_MICROS = 10**15
_REFUSALS = (
    InsufficientCreditError,
    PriorityNotAllowedError,
    TenantSuspendedError,
    TooManyInFlightError,
)


def _columns(row: Base, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: "" if value is None else value for name, value in values.items()}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("tenant_id")
@click.argument("amount_micros", type=click.IntRange(-_MOST_MICROS, _MOST_MICROS))
@click.option("--reference", required=True, help="Names the payment; works once.")
@click.option("--reason", required=True, help="For the audit log.")
def credit(tenant_id: str, amount_micros: int, reference: str, reason: str) -> None:
    """Add AMOUNT_MICROS (1,000,000 is one dollar) to a balance; a negative one corrects it."""
    if not amount_micros:
        raise click.UsageError("AMOUNT_MICROS must not be 0")
    give_credit(tenant_id, amount_micros, reference, reason)
    click.echo(f"credited {amount_micros} micro-USD to {tenant_id}")


@click.group()
def tiers() -> None:
    """Show and set limits, share and allowances of the tiers."""


@tiers.command("list")
@as_json_option
def list_tiers(*, as_json: bool) -> None:
    """Every tier, the smallest share first."""
    with transaction() as session:
        rows = [_columns(row, ["name", *operator_tiers.LIMITS]) for row in _tiers(session)]
    show(rows, as_json=as_json)


def _tiers(session: Session) -> Sequence[Base]:
    return operator_tiers.listed(session)


@tiers.command("set")
@click.argument("name")
@click.option("--weight", type=click.FloatRange(0, 1e6, min_open=True), help="Share of a device.")
@click.option("--max-in-flight", type=click.IntRange(0, 2**31 - 1), help="Unfinished jobs.")
@click.option(
    "--max-priority",
    type=click.Choice([each.value for each in Priority]),
    help="Highest that is accepted.",
)
@click.option("--images-per-month", type=click.IntRange(0, 2**31 - 1), help="Free images.")
@click.option("--analyses-per-month", type=click.IntRange(0, 2**31 - 1), help="Free analyses.")
@click.option(
    "--requests-per-minute", type=click.IntRange(0, 2**31 - 1), help="Of each key; 0: no limit."
)
def set_tier(name: str, **limits: Any) -> None:
    """Set limits of a tier, for what is submitted from now on; what is left out stays."""
    given = {limit: value for limit, value in limits.items() if value is not None}
    if not given:
        raise click.UsageError("say what to set, e.g. --max-in-flight 20")
    if given.get("requests_per_minute") == 0:
        given["requests_per_minute"] = None
    with transaction() as session:
        operator_tiers.change(session, actor(), name, given)
    click.echo(f"{name} is set")


@click.group()
def queues() -> None:
    """Show, pause and resume queues; a queue bears its model's name."""


@queues.command("list")
@as_json_option
def list_queues(*, as_json: bool) -> None:
    """Queues that have work or are paused, as they stand now."""
    with transaction() as session:
        paused = queue_rows.paused(session)
        depths = {row.variant: row for row in reports.queue_depths(session)}
    rows = [
        {
            "model": name,
            "state": "paused" if name in paused else "open",
            "queued": depths[name].queued if name in depths else 0,
            "running": depths[name].running if name in depths else 0,
            "oldest_seconds": round(depths[name].oldest_age_seconds, 1) if name in depths else "",
        }
        for name in sorted({*paused, *depths})
    ]
    show(rows, as_json=as_json)


@queues.command("pause")
@click.argument("model")
def pause_queue(model: str) -> None:
    """Let nothing of a queue be begun; what runs goes on, and jobs are still accepted."""
    _check_model(model)
    _switch(operator_actions.pause_queue, model, "paused")


@queues.command("resume")
@click.argument("model")
def resume_queue(model: str) -> None:
    """Let a paused queue go on."""
    _check_model(model)
    _switch(operator_actions.resume_queue, model, "open")


def _check_model(model: str) -> None:
    from workers import catalog  # noqa: PLC0415

    catalog.find(model)


def _switch(change: Callable[..., bool], target: str, state: str) -> None:
    with transaction() as session:
        changed = change(session, actor(), target)
    click.echo(f"{target} is {state}" + ("" if changed else ", as it was"))


@click.group()
def workers() -> None:
    """Show, drain and undrain workers."""


@workers.command("list")
@as_json_option
def list_workers(*, as_json: bool) -> None:
    """Every registered worker, as it last reported."""
    names = ["id", "host", "pid", "device", "state", "variants", "heartbeat_at", "drained_at"]
    with transaction() as session:
        rows = [_columns(row, names) for row in worker_rows.listed(session)]
    show(rows, as_json=as_json)


@workers.command("drain")
@click.argument("worker_id")
def drain_worker(worker_id: str) -> None:
    """Let a worker finish what it has in hand and begin nothing new."""
    _check_worker(worker_id)
    _switch(operator_actions.drain_worker, worker_id, "drained")


@workers.command("undrain")
@click.argument("worker_id")
def undrain_worker(worker_id: str) -> None:
    """Let a drained worker begin jobs again."""
    _check_worker(worker_id)
    _switch(operator_actions.undrain_worker, worker_id, "taking jobs")


def _check_worker(worker_id: str) -> None:
    with transaction() as session:
        if session.get(Worker, worker_id) is None:
            raise click.ClickException(f"there is no worker {worker_id}")


@click.group()
def jobs() -> None:
    """Find, cancel and retry jobs of all tenants."""


_SOUGHT = (
    click.option(
        "--state", type=click.Choice([each.value for each in JobState]), help="Only in this state."
    ),
    click.option("--model", "variant", help="Only this model's."),
    click.option("--tenant", "tenant_id", help="Only this tenant's."),
    click.option("--error", "error_code", help="Only failed with this code."),
    click.option("--after", "created_after", type=click.DateTime(), help="Submitted since, UTC."),
    click.option("--before", "created_before", type=click.DateTime(), help="Submitted by, UTC."),
)


def _sought(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_SOUGHT):
        command = option(command)
    return command


def _search(values: dict[str, Any]) -> JobSearch:
    return JobSearch(**{name: _aware(value) for name, value in values.items()})


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@jobs.command("list")
@_sought
@_LIMIT
@as_json_option
def list_jobs(*, limit: int, as_json: bool, **values: Any) -> None:
    """Jobs that match, newest first."""
    names = ["id", "variant", "state", "attempt", "price_micros", "error_code", "created_at"]
    with transaction() as session:
        found = job_search.search(session, _search(values), before_id=None, limit=limit)
        rows = [_columns(each.job, names) | {"tenant": each.tenant_name} for each in found]
    show(rows, as_json=as_json)


@jobs.command("cancel")
@click.argument("job_id", required=False)
@_sought
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel_jobs(job_id: str | None, *, yes: bool, **values: Any) -> None:
    """Cancel JOB_ID, or all that match the options, after showing how many and for how much."""
    _act(BulkAction.CANCEL, job_id, values, yes=yes)


@jobs.command("retry")
@click.argument("job_id", required=False)
@_sought
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry_jobs(job_id: str | None, *, yes: bool, **values: Any) -> None:
    """Do failed JOB_ID again as a new job with a hold of its own, or all that match."""
    _act(BulkAction.RETRY, job_id, values, yes=yes)


def _act(action: BulkAction, job_id: str | None, values: dict[str, Any], *, yes: bool) -> None:
    given = any(value is not None for value in values.values())
    if given == (job_id is not None):
        raise click.UsageError("say either JOB_ID or which jobs, e.g. --state failed")
    if job_id is not None:
        if not _act_on(action, job_id):
            raise click.ClickException(f"{job_id} cannot be done that to")
        click.echo(f"{job_id}: {action}")
        return
    with transaction() as session:
        sought = _search(values)
        found = operator_jobs.reach(session, action, sought)
        ids = operator_jobs.reached_ids(
            session, action, sought, last_id=found.last_id, limit=found.jobs
        )
    if not yes:
        question = f"{action} {found.jobs} jobs, quoted at {found.price_micros} micro-USD?"
        click.confirm(question, abort=True)
    done = sum(_act_on(action, each) for each in ids)
    click.echo(f"{action}: {done} of {found.jobs} jobs")


def _act_on(action: BulkAction, job_id: str) -> bool:
    """One job in a transaction of its own; False when it is over, or its tenant may not."""
    one: Callable[..., object] = (
        operator_jobs.cancel if action == BulkAction.CANCEL else operator_jobs.retry
    )
    try:
        with transaction() as session:
            return one(session, actor(), job_id) is not None
    except _REFUSALS:
        return False


@click.group()
def operators() -> None:
    """Make, list and revoke operators' keys."""


@operators.command("list")
@as_json_option
def list_operators(*, as_json: bool) -> None:
    """Every operator's key; the keys themselves are not kept."""
    with transaction() as session:
        rows = [
            _columns(row, ["id", "name", "role", "created_at", "revoked_at"])
            for row in operator_keys.listed(session)
        ]
    show(rows, as_json=as_json)


@operators.command("create")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([each.value for each in OperatorRole]), default="operator"
)
@as_json_option
def create_operator(name: str, role: str, *, as_json: bool) -> None:
    """Make an operator's key; with --role viewer it changes nothing. It is shown only now."""
    with transaction() as session:
        row, key = operator_keys.create(session, actor(), name=name, role=OperatorRole(role))
        show([{"key_id": row.id, "role": row.role, "api_key": key}], as_json=as_json)


@operators.command("revoke")
@click.argument("key_id")
def revoke_operator(key_id: str) -> None:
    """Revoke an operator's key for good; the last that may change things is kept."""
    with transaction() as session:
        if not operator_keys.revoke(session, actor(), key_id):
            raise click.ClickException(f"there is no valid operator's key {key_id}")
    click.echo(f"revoked {key_id}")


@click.command("audit")
@click.option("--actor", "by", help="A key's id, or cli:USER.")
@click.option("--action", help="E.g. job.cancel.")
@click.option("--target", help="An id, or a model.")
@_LIMIT
@as_json_option
def audit_log(
    *, by: str | None, action: str | None, target: str | None, limit: int, as_json: bool
) -> None:
    """What operators changed, newest first."""
    names = ["at", "actor", "actor_name", "action", "target", "before", "after", "request_id"]
    with transaction() as session:
        found = audit.listed(session, AuditFilter(by, action, target), limit=limit)
        rows = [_columns(row, names) for row in found]
    show(rows, as_json=as_json)


COMMANDS = (audit_log, credit, jobs, operators, queues, tiers, workers)
"""All that stand beside one another under `bottega`."""
