"""Success: jobs end and are charged in the transaction that inserts their results.

A batch is completed together, in as many statements as one job: three, and more only for stored
artifacts and webhooks. Locks are taken in the order that `db.jobs.finish` states, and within a
table in the order of its keys, so that no two transactions deadlock.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Date, String, bindparam, column, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from db.billing.holds import ALLOWANCE
from db.billing.settlement import SETTLEMENT, settle_allowances, settle_balances
from db.core.clock import from_now
from db.jobs.types import Claim, NewArtifact, Result
from db.tables import Artifact, Job
from db.webhooks import deliveries

# results: the attempts to complete.
# locked: their rows, locked in the order of ids. ended: the same, now succeeded. Both check the
# fence: the first locks the rows in order, and only the UPDATE sees what a transaction that it
# waited for has changed.
# tried: the end of the attempts. The rest is `db.billing.settlement`.
_END = text(f"""
WITH results AS (
    SELECT * FROM jsonb_to_recordset(:results) AS result (
        id text, attempt integer, output jsonb, steps integer,
        run_seconds double precision, store_seconds double precision)
), locked AS MATERIALIZED (
    SELECT jobs.id FROM jobs JOIN results USING (id, attempt) WHERE jobs.state = 'running'
    ORDER BY jobs.id
    FOR NO KEY UPDATE OF jobs
), ended AS (
    UPDATE jobs SET state = 'succeeded', leased_until = NULL, finished_at = now(),
        output = results.output, run_seconds = results.run_seconds,
        store_seconds = results.store_seconds,
        progress_step = results.steps, progress_steps = results.steps
    FROM results JOIN locked USING (id)
    WHERE jobs.id = results.id AND jobs.attempt = results.attempt AND jobs.state = 'running'
    RETURNING jobs.*
), tried AS (
    UPDATE attempts SET ended_at = now(), outcome = 'succeeded' FROM ended
    WHERE attempts.job_id = ended.id AND number = ended.attempt AND ended_at IS NULL
), {SETTLEMENT}
SELECT ended.*, settled.source AS hold_source, settled.month AS hold_month,
    settled.charged_micros
FROM ended LEFT JOIN settled ON settled.job_id = ended.id
""").bindparams(bindparam("results", type_=JSONB))  # noqa: S608 - our own fragment

_ENDED = select(
    Job,
    column("hold_source", String),
    column("hold_month", Date),
    column("charged_micros", BigInteger),
).from_statement(_END)


def complete_job(session: Session, claim: Claim, result: Result, *, keep_seconds: float) -> bool:
    """Complete one job as `complete_jobs` does; False when the claim was no longer valid."""
    return claim in complete_jobs(session, {claim: result}, keep_seconds=keep_seconds)


def complete_jobs(
    session: Session, results: Mapping[Claim, Result], *, keep_seconds: float
) -> set[Claim]:
    """Complete jobs: artifacts, settlements and usage events in the same transaction.

    Args:
        session: the transaction; it must be durable.
        results: the result of each attempt; at most one attempt of a job.
        keep_seconds: the lifetime of stored artifacts, where their job has none of its own.

    Returns:
        The claims that were still valid. Nothing is written for the others: the worker must drop
        their results.
    """
    ended = session.execute(
        _ENDED,
        {"results": [_result_row(claim, result) for claim, result in results.items()]},
        execution_options={"populate_existing": True},
    ).all()
    settle_balances(session, ended)
    settle_allowances(session, [row for row in ended if row.hold_source == ALLOWANCE])
    return {_insert_results(session, row.Job, results, keep_seconds) for row in ended}


def _result_row(claim: Claim, result: Result) -> dict[str, Any]:
    return {
        "id": claim.job_id,
        "attempt": claim.attempt,
        "output": result.output,
        "steps": result.steps,
        "run_seconds": result.run_seconds,
        "store_seconds": result.store_seconds,
    }


def _insert_results(
    session: Session, job: Job, results: Mapping[Claim, Result], keep_seconds: float
) -> Claim:
    """Insert the rows of a job's stored artifacts, and enqueue its webhook."""
    claim = Claim(job.id, job.attempt)
    artifacts = [
        _artifact_row(claim, n, stored, job.keep_seconds or keep_seconds)
        for n, stored in enumerate(results[claim].artifacts)
    ]
    session.add_all(artifacts)
    deliveries.enqueue(session, job, artifacts)
    return claim


def _artifact_row(claim: Claim, n: int, stored: NewArtifact, keep_seconds: float) -> Artifact:
    return Artifact(
        job_id=claim.job_id,
        n=n,
        attempt=claim.attempt,
        kind=stored.kind,
        about=stored.about,
        key=stored.key,
        media_type=stored.media_type,
        bytes=stored.size_bytes,
        sha256=stored.sha256,
        width=stored.width,
        height=stored.height,
        seed=None if stored.seed is None else str(stored.seed),
        expires_at=from_now(keep_seconds),
    )
