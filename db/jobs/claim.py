"""Claims and leases: a worker claims the fairest queued jobs of a queue and renews their leases.

The statements are written as SQL: building them with the expression language each time takes ten
times as long.
"""

from collections.abc import Mapping

from sqlalchemy import Boolean, column, select, text
from sqlalchemy.orm import Session

from db.jobs.types import Claim, ClaimedJobs, SuspectAtHead
from db.tables import Job

CLAIMABLE = """variant = :variant AND state = 'queued'
      AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())"""
"""The condition on a row of `jobs` that makes it claimable, unless its queue is paused."""

_SUSPECT = """attempt > 0 AND coalesce((
            SELECT outcome FROM attempts WHERE job_id = jobs.id AND number = jobs.attempt
        ), '') = 'worker_lost'"""

# fairest: the head of the queue, locked; no row if the queue is paused.
# head: the same job, unless it is a suspect and suspects are excluded; a suspect runs alone.
# mates: locked jobs that may share the head's call of the model; never a suspect.
# claimed: head and mates, now running under a new attempt and a lease.
# tried: a new row of `attempts` for each of them.
# advanced: the queue's virtual time, moved on by the head alone.
_CLAIM = text(f"""
WITH fairest AS MATERIALIZED (
    SELECT id, batch_key, batch_limit, fair_start,
        {_SUSPECT} AS suspect
    FROM jobs
    WHERE {CLAIMABLE}
      AND NOT EXISTS (
          SELECT 1 FROM queues WHERE variant = :variant AND paused_at IS NOT NULL)
    ORDER BY fair_start, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), head AS (
    SELECT id, batch_key, fair_start, CASE WHEN suspect THEN 1 ELSE batch_limit END AS batch_limit
    FROM fairest WHERE :suspects OR NOT suspect
), mates AS MATERIALIZED (
    SELECT mate.id FROM head CROSS JOIN LATERAL (
        SELECT id FROM jobs
        WHERE {CLAIMABLE}
          AND batch_key = head.batch_key AND id <> head.id AND NOT ({_SUSPECT})
        ORDER BY fair_start
        LIMIT head.batch_limit - 1
        FOR UPDATE SKIP LOCKED) AS mate
), claimed AS (
    UPDATE jobs SET
        state = 'running',
        attempt = attempt + 1,
        worker_id = :worker_id,
        leased_until = now() + make_interval(secs => :lease_seconds),
        started_at = now(),
        progress_step = 0
    WHERE id IN (SELECT id FROM head UNION ALL SELECT id FROM mates) AND state = 'queued'
    RETURNING *
), tried AS (
    INSERT INTO attempts (job_id, number, worker_id)
    SELECT id, attempt, worker_id FROM claimed
), advanced AS (
    INSERT INTO queues (variant, virtual_time)
    SELECT :variant, fair_start FROM head
    ON CONFLICT (variant) DO UPDATE
        SET virtual_time = greatest(queues.virtual_time, excluded.virtual_time)
)
SELECT claimed.*, EXISTS (
    SELECT 1 FROM jobs WHERE {CLAIMABLE}
      AND id NOT IN (SELECT id FROM claimed)
) AS more
FROM fairest LEFT JOIN claimed ON true ORDER BY claimed.fair_start, claimed.id
""")  # noqa: S608 - our own fragments
"""The claimed jobs, or one empty row when a suspect is at the head and suspects are excluded."""

# held: the claims that the worker reports, with their progress.
# locked: their rows, locked in the order of ids, without those whose fence has changed.
_RENEW = text("""
WITH held AS (
    SELECT * FROM unnest(
        CAST(:job_ids AS varchar[]), CAST(:attempts AS integer[]),
        CAST(:steps AS integer[]), CAST(:of_steps AS integer[])
    ) AS held (id, attempt, step, steps)
), locked AS MATERIALIZED (
    SELECT jobs.id FROM jobs JOIN held USING (id, attempt) WHERE jobs.state = 'running'
    ORDER BY jobs.id
    FOR NO KEY UPDATE OF jobs
)
UPDATE jobs SET
    leased_until = now() + make_interval(secs => :lease_seconds),
    progress_step = held.step,
    progress_steps = held.steps
FROM held JOIN locked USING (id)
WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.state = 'running'
RETURNING jobs.id, jobs.attempt
""")

_CLAIMED = select(Job, column("more", Boolean)).from_statement(_CLAIM)


def claim_jobs(
    session: Session,
    *,
    variant: str,
    worker_id: str,
    lease_seconds: float,
    suspects: bool = True,
) -> ClaimedJobs | SuspectAtHead:
    """Claim the fairest queued job of a queue, and the batch mates that it may run with.

    It is one statement. Rows that another claim has locked are skipped, not waited for. The
    commit need not wait for the disk: a lost claim leaves the job queued, and the fence refuses
    its result.

    A job is suspect if its last attempt lost its worker. It is claimed without mates: the cause
    that killed that worker may kill the next one, with all the jobs that it runs.

    Args:
        session: the transaction; it need not be durable.
        variant: the queue.
        worker_id: the worker that claims.
        lease_seconds: the length of the lease, which a heartbeat renews.
        suspects: claim a suspect, too; pass True only while the worker runs nothing else.

    Returns:
        The jobs, now running under a new attempt number and a lease; empty when none is
        claimable. `SuspectAtHead` when a suspect is at the head and suspects are excluded:
        nothing was claimed then.
    """
    values = {
        "variant": variant,
        "worker_id": worker_id,
        "lease_seconds": lease_seconds,
        "suspects": suspects,
    }
    rows = session.execute(_CLAIMED, values, execution_options={"populate_existing": True}).all()
    if rows and rows[0].Job is None:
        return SuspectAtHead()
    return ClaimedJobs(tuple(row.Job for row in rows), more=any(row.more for row in rows))


def renew_leases(
    session: Session, progress: Mapping[Claim, tuple[int, int]], *, lease_seconds: float
) -> set[Claim]:
    """Extend the leases of a worker's active jobs, and write their progress (step, steps).

    Returns:
        The claims that are still valid; the worker must abandon the others.
    """
    statement = _RENEW.bindparams(
        job_ids=[claim.job_id for claim in progress],
        attempts=[claim.attempt for claim in progress],
        steps=[step for step, _ in progress.values()],
        of_steps=[steps for _, steps in progress.values()],
        lease_seconds=lease_seconds,
    )
    return {Claim(row.id, row.attempt) for row in session.execute(statement)}
