"""Tenants and jobs for tests, made and moved through the same functions that production uses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from db.billing import ledger
from db.core import invariants
from db.core.session import Database
from db.jobs.claim import claim_jobs, renew_leases
from db.jobs.complete import complete_job
from db.jobs.finish import cancel_job, expire_job, fail_job, rescue_job, retry_job
from db.jobs.queries import find_job
from db.jobs.submit import submit_job
from db.jobs.types import Claim, Failure, NewArtifact, NewJob, Result
from db.storage.keys import result_key
from db.tables import Job, Tier
from db.tenants import tenants
from db.values.job_state import JobState, Priority
from db.values.pricing import UnitKind

VARIANT = "flux.1-demo"
PRICE = 1_000
BROKEN = Failure("broken", "it broke", retryable=False)
BROKEN_FOR_NOW = Failure("broken", "it broke", retryable=True)

_OWN = {"id": "left(id, 20) || lpad(n::text, 10, '0')", "fair_start": "fair_start + n * fair_share"}
_NAMES = [column.name for column in Job.__table__.columns]
_MULTIPLY = [
    "INSERT INTO jobs ("  # noqa: S608 - our own column names
    + ", ".join(_NAMES)
    + ") SELECT "
    + ", ".join(_OWN.get(name, name) for name in _NAMES)
    + " FROM jobs, generate_series(1, :more) n WHERE id = :id",
    """
    INSERT INTO holds (job_id, tenant_id, source, month, kind, units, amount_micros, state)
    SELECT j.id, h.tenant_id, h.source, h.month, h.kind, h.units, h.amount_micros, h.state
    FROM holds h, jobs j
    WHERE h.job_id = :id AND j.id <> :id AND left(j.id, 20) = left(:id, 20)""",
    """
    UPDATE tenants SET in_flight = in_flight + :more FROM jobs j
    WHERE j.id = :id AND tenants.id = j.tenant_id""",
    """
    UPDATE allowances a SET held = held + :more * h.units FROM holds h
    WHERE h.job_id = :id AND (a.tenant_id, a.month, a.kind) = (h.tenant_id, h.month, h.kind)""",
    """
    UPDATE fair_tags t SET finish = finish + :more * j.fair_share FROM jobs j
    WHERE j.id = :id AND (t.variant, t.tenant_id) = (j.variant, j.tenant_id)""",
]


def add_tier(database: Database, name: str, **changes: Any) -> str:
    """Add a tier without limits, apart from `changes`."""
    values: dict[str, Any] = {
        "weight": 1.0,
        "max_in_flight": 100_000,
        "max_priority": Priority.HIGH,
        "images_per_month": 1_000_000,
        "analyses_per_month": 1_000_000,
    }
    with database.transaction() as session:
        session.add(Tier(name=name, **{**values, **changes}))
    return name


def add_tenant(database: Database, *, credit_micros: int = 0, **tier: Any) -> str:
    """Add a tenant in a tier of its own, or in the tier named by `tier="..."`."""
    chosen = tier.get("tier") or add_tier(database, f"tier-{datetime.now(UTC).timestamp()}", **tier)
    with database.transaction() as session:
        tenant_id = tenants.create(session, name="someone", tier=chosen).id
        if credit_micros:
            ledger.credit(session, tenant_id, credit_micros, reference=f"grant-{tenant_id}")
    return tenant_id


def new_job(tenant_id: str, **changes: Any) -> NewJob:
    """A submission of one picture."""
    plain = NewJob(
        tenant_id=tenant_id,
        variant=VARIANT,
        input={"prompt": "a red circle"},
        priority=Priority.NORMAL,
        batch_key="alone",
        batch_limit=1,
        cost_seconds=1.0,
        deadline_seconds=60.0,
        unit_kind=UnitKind.IMAGES,
        units=1,
        price_micros=PRICE,
        expires_in_seconds=None,
        metadata={},
    )
    return replace(plain, **changes)


def submit(database: Database, tenant_id: str, **changes: Any) -> str:
    """Submit one job; return its id."""
    with database.transaction() as session:
        return submit_job(session, new_job(tenant_id, **changes)).job.id


def submit_many(database: Database, tenant_id: str, count: int, **changes: Any) -> list[str]:
    """Submit jobs in one transaction; return their ids, in order."""
    with database.transaction() as session:
        return [submit_job(session, new_job(tenant_id, **changes)).job.id for _ in range(count)]


def backlog(database: Database, tenant_id: str, count: int, **changes: Any) -> None:
    """Write the same rows as `submit_many`, in the time of one submission."""
    job_id = submit(database, tenant_id, **changes)
    for statement in _MULTIPLY:
        sql(database, statement, id=job_id, more=count - 1)


def claim(
    database: Database, variant: str = VARIANT, *, worker_id: str = "wrk_1", lease: float = 60
) -> Sequence[Job]:
    """Claim the jobs of one batch."""
    with database.transaction(durable=False) as session:
        held = claim_jobs(session, variant=variant, worker_id=worker_id, lease_seconds=lease)
        return list(held.jobs)


def claim_all(database: Database, variant: str = VARIANT) -> list[str]:
    """Claim every queued job; return the ids in the order of the claims."""
    found: list[str] = []
    while claimed := claim(database, variant):
        found += [job.id for job in claimed]
    return found


def fence_of(job: Job) -> Claim:
    """The claim of a job's current attempt."""
    return Claim(job.id, job.attempt)


def running(database: Database, tenant_id: str, **changes: Any) -> Claim:
    """Submit a job and claim it; return the claim."""
    job_id = submit(database, tenant_id, **changes)
    [job] = claim(database, changes.get("variant", VARIANT))
    assert job.id == job_id
    return fence_of(job)


def stored(held: Claim, n: int = 0) -> NewArtifact:
    """An artifact of an attempt; no object is stored."""
    key = result_key("ten_x", datetime.now(UTC).date(), held.job_id, held.attempt, n, "png")
    return NewArtifact(key, "image/png", 123, "ab" * 32, 128, 64, 2**64 - 1)


def complete(database: Database, held: Claim, *artifacts: NewArtifact) -> bool:
    """Complete a job with these artifacts."""
    with database.transaction() as session:
        result = Result({"answer": 42}, artifacts, steps=4, run_seconds=1.5, store_seconds=0.25)
        return complete_job(session, held, result, keep_seconds=3600)


def fail(database: Database, held: Claim, failure: Failure = BROKEN) -> bool:
    """Fail a job for good."""
    with database.transaction() as session:
        return fail_job(session, held, failure) is not None


def retry(database: Database, held: Claim, *, delay: float = 0) -> bool:
    """Queue a job again, or fail it after its last attempt."""
    with database.transaction() as session:
        return retry_job(session, held, BROKEN_FOR_NOW, delay_seconds=delay) is not None


def cancel(database: Database, job_id: str, tenant_id: str | None = None) -> bool:
    """Cancel a job; return True when it was done."""
    with database.transaction() as session:
        return cancel_job(session, tenant_id=tenant_id, job_id=job_id) is not None


def progress(database: Database, held: Claim, step: int, steps: int) -> None:
    """Write an attempt's progress, as a heartbeat does."""
    with database.autocommit() as session:
        assert renew_leases(session, {held: (step, steps)}, lease_seconds=60) == {held}


def expire(database: Database, job_id: str) -> bool:
    """Expire a job; return True when it was done."""
    with database.transaction() as session:
        return expire_job(session, job_id) is not None


def rescue(database: Database, job_id: str) -> bool:
    """Rescue a job of a lost worker; return True when it was done."""
    with database.transaction() as session:
        return rescue_job(session, job_id) is not None


def found(database: Database, job_id: str) -> Job:
    """The current row of a job."""
    with database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=None, job_id=job_id)
    assert job is not None
    return job


def state(database: Database, job_id: str) -> JobState:
    """The state of a job."""
    return JobState(found(database, job_id).state)


def sql(database: Database, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run a statement that bypasses the rules, as a test's fault or query; return its rows."""
    with database.transaction() as session:
        result = session.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def lose_lease(database: Database, job_id: str) -> None:
    """End a job's lease a second ago."""
    sql(
        database,
        "UPDATE jobs SET leased_until = now() - interval '1 second' WHERE id = :id",
        id=job_id,
    )


def let_expire(database: Database, job_id: str) -> None:
    """End a job's time to be claimed a second ago."""
    sql(
        database,
        "UPDATE jobs SET expires_at = now() - interval '1 second' WHERE id = :id",
        id=job_id,
    )


def allowance(database: Database, tenant_id: str, kind: str = "images") -> tuple[int, int]:
    """The used and the held units of a tenant's allowance this month."""
    [row] = sql(
        database,
        "SELECT coalesce(sum(used), 0), coalesce(sum(held), 0) FROM allowances "
        "WHERE tenant_id = :id AND kind = :kind AND month = date_trunc('month', now())",
        id=tenant_id,
        kind=kind,
    )
    return int(row[0]), int(row[1])


def balance(database: Database, tenant_id: str) -> tuple[int, int]:
    """A tenant's balance and the held part of it, in micro-USD."""
    [row] = sql(
        database,
        "SELECT balance_micros, balance_held_micros FROM tenants WHERE id = :id",
        id=tenant_id,
    )
    return int(row[0]), int(row[1])


def assert_everything_holds(database: Database) -> None:
    """Assert that no invariant is broken."""
    with database.transaction(durable=False) as session:
        assert invariants.violations(session) == []


def counts(database: Database, *tables: str) -> list[int]:
    """The number of rows of each table."""
    return [sql(database, f"SELECT count(*) FROM {table}")[0][0] for table in tables]  # noqa: S608


def without_finite_checks() -> list[str]:
    """The statements that let the fair share hold numbers that are not finite, as it once could."""
    columns = [
        ("jobs", "fair_share"),
        ("jobs", "fair_start"),
        ("queues", "virtual_time"),
        ("fair_tags", "finish"),
    ]
    return [
        f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}_finite"
        for table, column in columns
    ]
