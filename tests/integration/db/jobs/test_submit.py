"""Both ways to submit a job, one statement and steps, leave the same rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core.session import Database
from db.jobs import submit
from db.jobs.types import AcceptedJob, NewJob, Origin, RequestWarning
from db.tenants import api_keys
from db.values.job_state import Priority
from db.values.pricing import UnitKind
from db.values.surfaces import SurfaceName
from db.webhooks.types import Webhook, WebhookEvent
from tests.support.jobs import add_tenant, add_tier, new_job, sql

VARIANTS = ("painter", "reader")

ROWS = {
    "jobs": "SELECT * FROM jobs WHERE tenant_id = :tenant ORDER BY id",
    "lifetimes": "SELECT extract(epoch FROM expires_at - created_at)::float FROM jobs"
    " WHERE tenant_id = :tenant ORDER BY id",
    "holds": "SELECT * FROM holds WHERE tenant_id = :tenant ORDER BY job_id",
    "allowances": "SELECT * FROM allowances WHERE tenant_id = :tenant ORDER BY kind",
    "fair_tags": "SELECT * FROM fair_tags WHERE tenant_id = :tenant ORDER BY variant",
    "in_flight": "SELECT in_flight, balance_held_micros FROM tenants WHERE id = :tenant",
}
"""The rows of one tenant that a submission writes."""

DIFFERENT = {"id", "job_id", "tenant_id", "created_at", "available_at", "expires_at"}
"""Columns that two submissions of the same job never share."""

# Sums of such costs and shares are exact, and so are the tags of both ways.
costs = st.integers(1, 64).map(lambda eighths: eighths / 8)
names = st.text("abc-1 é", max_size=12)


@dataclass(frozen=True)
class Submission:
    """A job to submit, and the state of its tenant and queue before."""

    job: NewJob
    weight: float
    granted: int
    virtual_time: float
    has_api_key: bool
    earlier: tuple[tuple[str, float], ...]


webhooks = st.builds(
    Webhook,
    url=names.map(lambda path: f"https://example.org/{path}"),
    events=st.lists(st.sampled_from(WebhookEvent), min_size=1, unique=True).map(tuple),
    base_url=st.sampled_from(["", "https://pictures.example.org"]),
)
origins = st.builds(
    Origin,
    surface=st.sampled_from(SurfaceName),
    request=st.none() | st.dictionaries(names, st.none() | names | st.lists(names), max_size=2),
    warnings=st.lists(st.builds(RequestWarning, names, names, names), max_size=2).map(tuple),
    digest=st.none() | st.binary(min_size=1, max_size=32),
    is_synchronous=st.booleans(),
)
jobs = st.builds(
    NewJob,
    tenant_id=st.just(""),
    variant=st.sampled_from(VARIANTS),
    input=st.dictionaries(names, st.none() | st.integers(-9, 9) | names, max_size=3),
    priority=st.sampled_from(Priority),
    batch_key=names,
    batch_limit=st.integers(1, 8),
    cost_seconds=costs,
    deadline_seconds=st.floats(1, 600),
    unit_kind=st.sampled_from(UnitKind),
    units=st.integers(1, 4),
    price_micros=st.integers(0, 10**9),
    expires_in_seconds=st.none() | st.integers(1, 86_400).map(float),
    metadata=st.dictionaries(names, names, max_size=3),
    max_attempts=st.integers(1, 5),
    webhook=st.none() | webhooks,
    request_id=st.none() | names,
    origin=origins,
)
submissions = st.builds(
    Submission,
    job=jobs,
    weight=st.sampled_from([0.5, 1.0, 4.0]),
    granted=st.integers(30, 50),
    virtual_time=st.integers(0, 200).map(lambda eighths: eighths / 8),
    has_api_key=st.booleans(),
    earlier=st.lists(st.tuples(st.sampled_from(VARIANTS), costs), max_size=3).map(tuple),
)


def at_once(session: Session, job: NewJob) -> AcceptedJob:
    """Submit in one statement."""
    accepted = submit.submit_job_at_once(session, job)
    assert accepted is not None, "the statement refused a job that the allowance covers"
    return accepted


def in_steps(session: Session, job: NewJob) -> AcceptedJob:
    """Submit in steps."""
    return submit._submit_in_steps(session, job)


def prepare(database: Database, submission: Submission) -> None:
    """Set the virtual time of every queue."""
    for variant in VARIANTS:
        sql(
            database,
            "INSERT INTO queues (variant, virtual_time) VALUES (:variant, :time)"
            " ON CONFLICT (variant) DO UPDATE SET virtual_time = :time",
            variant=variant,
            time=submission.virtual_time,
        )


def add_tenant_before(database: Database, submission: Submission, tier: str) -> str:
    """Add a tenant with the month's allowances and the earlier jobs of the submission."""
    tenant_id = add_tenant(database, tier=tier)
    for kind in UnitKind:
        sql(
            database,
            "INSERT INTO allowances (tenant_id, month, kind, granted, used, held) VALUES (:tenant,"
            " CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date), :kind, :granted, 0, 0)",
            tenant=tenant_id,
            kind=kind,
            granted=submission.granted,
        )
    with database.transaction() as session:
        for variant, cost in submission.earlier:
            in_steps(session, new_job(tenant_id, variant=variant, cost_seconds=cost))
    return tenant_id


def rows_after(
    database: Database,
    submission: Submission,
    tier: str,
    way: Callable[[Session, NewJob], AcceptedJob],
) -> dict[str, Any]:
    """Submit for a new tenant; what was returned and the rows of the tenant."""
    tenant_id = add_tenant_before(database, submission, tier)
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="key")[0].id
        job = replace(
            submission.job,
            tenant_id=tenant_id,
            id=new_job(tenant_id).id,
            api_key_id=key if submission.has_api_key else None,
        )
    with database.transaction() as session:
        accepted = way(session, job)
        assert accepted.job.id == job.id
    found: dict[str, Any] = {"ticket": (accepted.tier, accepted.quota_left)}
    for name, query in ROWS.items():
        found[name] = rows_of(database, query, tenant_id)
    return found


def rows_of(database: Database, query: str, tenant_id: str) -> list[dict[str, Any]]:
    """The rows of a query, without the columns that always differ."""
    with database.transaction() as session:
        rows = session.execute(text(query), {"tenant": tenant_id}).mappings()
        return [{name: row[name] for name in row if name not in DIFFERENT} for row in rows]


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # the difference of the rows says enough without shrinking
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(submission=submissions)
def test_one_statement_and_steps_leave_the_same_rows(
    database: Database, submission: Submission
) -> None:
    number = sql(database, "SELECT count(*) FROM tiers")[0][0]
    tier = add_tier(database, f"tier-{number}", weight=submission.weight)
    prepare(database, submission)
    statement = rows_after(database, submission, tier, at_once)
    steps = rows_after(database, submission, tier, in_steps)
    event("earlier jobs" if submission.earlier else "first job")
    event(f"by {submission.job.origin.surface}")
    assert statement == steps
    assert len(statement["jobs"]) == len(submission.earlier) + 1
