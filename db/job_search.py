"""Jobs of all tenants, by what operators look for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, literal, select, text
from sqlalchemy.orm import Session

from db.job_state import JobState
from db.tables import Job, Tenant


@dataclass(frozen=True)
class JobSearch:
    """What must hold of a job; None where anything may.

    Times bound the submission; `metadata` must be among the job's own.
    """

    state: JobState | None = None
    variant: str | None = None
    tenant_id: str | None = None
    error_code: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True)
class FoundJob:
    """A job, and what its tenant is called."""

    job: Job
    tenant_name: str


def conditions(sought: JobSearch) -> list[ColumnElement[bool]]:
    """The search as SQL."""
    equal = {
        Job.variant: sought.variant,
        Job.tenant_id: sought.tenant_id,
        Job.error_code: sought.error_code,
    }
    found: list[ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
    if sought.state is not None:
        found.append(Job.state == _written_out(sought.state))
    if sought.created_after is not None:
        found.append(Job.created_at >= sought.created_after)
    if sought.created_before is not None:
        found.append(Job.created_at < sought.created_before)
    if sought.error_code is not None:
        found.append(Job.state == _written_out(JobState.FAILED))
    if sought.metadata:
        found += [
            Job.job_metadata.contains(dict(sought.metadata)),
            Job.job_metadata != text("'{}'"),
        ]
    return found


def _written_out(state: JobState) -> ColumnElement[str]:
    # Plans are made for any value: only of one that they can read do they know the partial index.
    return literal(JobState(state).value, literal_execute=True)


def search(
    session: Session, sought: JobSearch, *, before_id: str | None, limit: int
) -> Sequence[FoundJob]:
    """A page of the jobs that match, newest first.

    Args:
        session: the transaction.
        sought: what must hold.
        before_id: the last job of the page before; None for the first page.
        limit: the most to return.
    """
    statement = select(Job, Tenant.name).join(Tenant, Tenant.id == Job.tenant_id)
    statement = statement.where(*conditions(sought))
    if before_id is not None:
        statement = statement.where(Job.id < before_id)
    rows = session.execute(statement.order_by(Job.id.desc()).limit(limit))
    return [FoundJob(job, name) for job, name in rows]
