"""Jobs of all tenants, by what operators look for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Select, select, text
from sqlalchemy.orm import Session

from db.core.base import first_id
from db.core.loose_scan import distinct_values
from db.tables import Job, Tenant
from db.tables.index_predicates import state_is
from db.values.job_state import JobState

_CLOCKS_DIFFER_SECONDS = 15 * 60
"""At most: a job's id is by its API process' clock, its times are by the database's."""


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


_ERROR_CODES = distinct_values("jobs", "error_code", holds="state = 'failed'")


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
        found.append(state_is(sought.state))
    # Ids tell when, too, and are what pages are ordered by: no page walks through other times.
    if sought.created_after is not None:
        earliest = first_id("job", sought.created_after.timestamp() - _CLOCKS_DIFFER_SECONDS)
        found += [Job.created_at >= sought.created_after, Job.id >= earliest]
    if sought.created_before is not None:
        latest = first_id("job", sought.created_before.timestamp() + _CLOCKS_DIFFER_SECONDS)
        found += [Job.created_at < sought.created_before, Job.id < latest]
    if sought.error_code is not None:
        found.append(state_is(JobState.FAILED))
    if sought.metadata:
        found += [
            Job.job_metadata.contains(dict(sought.metadata)),
            Job.job_metadata != text("'{}'"),
        ]
    return found


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
    statement = _newest_first(sought)
    if before_id is not None:
        statement = statement.where(Job.id < before_id)
    return [FoundJob(job, name) for job, name in session.execute(statement.limit(limit))]


def _newest_first(sought: JobSearch) -> Select[Job, str]:
    """The search in the order of an index that leads straight to what matches.

    Of `variant = 'x'` the planner knows that it changes no order: it walks all jobs by id, hoping
    to meet fifty of the model soon, and of a model that has none it reads the whole table. Of a
    range, though it be of one value, only the index on (variant, id) has the order.
    """
    found = select(Job, Tenant.name).join(Tenant, Tenant.id == Job.tenant_id)
    for name, column in (("tenant_id", Job.tenant_id), ("variant", Job.variant)):
        value = getattr(sought, name)
        if value is not None:
            rest = conditions(replace(sought, **{name: None}))
            leading = column.between(value, value)
            return found.where(leading, *rest).order_by(column, Job.id.desc())
    return found.where(*conditions(sought)).order_by(Job.id.desc())


def error_codes(session: Session) -> Sequence[str]:
    """The codes that jobs have failed with, in order; found by one step of an index for each."""
    return session.scalars(_ERROR_CODES).all()
