"""Search for jobs: of all tenants, for operators, and its conditions for lists of one's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Select, literal_column, select, text
from sqlalchemy.orm import Session

from db.core.base import first_id
from db.core.loose_scan import distinct_values
from db.tables import Job, Tenant
from db.tables.index_predicates import state_is
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName

_CLOCKS_DIFFER_SECONDS = 15 * 60
"""The most that the clock of an API process, which makes job ids, differs from the database's."""


@dataclass(frozen=True)
class JobSearch:
    """Criteria for jobs; None matches any value.

    Times are limits of the submission. All of `metadata` must be in the job's own metadata.
    """

    state: JobState | None = None
    variant: str | None = None
    tenant_id: str | None = None
    error_code: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] | None = None
    surface: SurfaceName | None = None


_ERROR_CODES = distinct_values("jobs", "error_code", predicate="state = 'failed'")


@dataclass(frozen=True)
class FoundJob:
    """A job and the name of its tenant."""

    job: Job
    tenant_name: str


def conditions(criteria: JobSearch) -> list[ColumnElement[bool]]:
    """The criteria as SQL conditions."""
    equal = {
        Job.variant: criteria.variant,
        Job.tenant_id: criteria.tenant_id,
        Job.error_code: criteria.error_code,
    }
    found: list[ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
    if criteria.state is not None:
        found.append(state_is(criteria.state))
    found += submitted_within(criteria.created_after, criteria.created_before)
    if criteria.surface is not None:
        # As a literal: the index of compatible APIs is partial.
        found.append(Job.surface == literal_column(f"'{criteria.surface.value}'"))
    if criteria.error_code is not None:
        found.append(state_is(JobState.FAILED))
    if criteria.metadata:
        found += has_metadata(criteria.metadata)
    return found


def submitted_within(
    after: datetime | None, before: datetime | None
) -> Iterator[ColumnElement[bool]]:
    """The conditions that a job was submitted from one moment on, and before another.

    Ids contain the time, and pages are ordered by id: with both conditions, no page reads jobs of
    other times.
    """
    if after is not None:
        yield Job.created_at >= after
        yield Job.id >= first_id("job", after.timestamp() - _CLOCKS_DIFFER_SECONDS)
    if before is not None:
        yield Job.created_at < before
        yield Job.id < first_id("job", before.timestamp() + _CLOCKS_DIFFER_SECONDS)


def has_metadata(entries: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """The conditions that a job's metadata has entries; the index of metadata is partial."""
    return [Job.job_metadata.contains(dict(entries)), Job.job_metadata != text("'{}'")]


def search(
    session: Session, criteria: JobSearch, *, before_id: str | None, limit: int
) -> Sequence[FoundJob]:
    """A page of the jobs that match, newest first.

    Args:
        session: the transaction.
        criteria: the conditions.
        before_id: the last job of the page before; None for the first page.
        limit: the most to return.
    """
    statement = _newest_first(criteria)
    if before_id is not None:
        statement = statement.where(Job.id < before_id)
    return [FoundJob(job, name) for job, name in session.execute(statement.limit(limit))]


def _newest_first(criteria: JobSearch) -> Select[Job, str]:
    """The search, ordered so that the planner uses the index that leads to the matches.

    With `variant = 'x'` the planner knows that the variant does not change the order: it walks all
    jobs by id and hopes to meet fifty of the model soon. For a model without jobs it reads the
    whole table. With a range, even of one value, only the index on (variant, id) has the order.
    """
    found = select(Job, Tenant.name).join(Tenant, Tenant.id == Job.tenant_id)
    for name, column in (("tenant_id", Job.tenant_id), ("variant", Job.variant)):
        value = getattr(criteria, name)
        if value is not None:
            rest = conditions(replace(criteria, **{name: None}))
            leading = column.between(value, value)
            return found.where(leading, *rest).order_by(column, Job.id.desc())
    return found.where(*conditions(criteria)).order_by(Job.id.desc())


def error_codes(session: Session) -> Sequence[str]:
    """The error codes of all failed jobs, in order; found by one index step for each code."""
    return session.scalars(_ERROR_CODES).all()
