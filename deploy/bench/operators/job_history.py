"""The job history of a service that has run for a long time."""

from sqlalchemy import text

from db.core.session import Database

_DIGITS = " || ".join(
    f"substr('0123456789abcdefghjkmnpqrstvwxyz', (made >> {5 * place} & 31)::int + 1, 1)"
    for place in reversed(range(10))
)
"""The milliseconds of an id in the format of `db.core.base.new_id`."""

# A small model of two years: ten models, a hundred tenants, 1 in 50 failed, 1 in 1,000 queued; one
# job per second, so the last hour has 3,600. The jobs have no holds, so they must never finish.
_FILL = (
    """
    INSERT INTO tenants (id, name, tier, balance_micros, balance_held_micros, in_flight)
    SELECT 'ten_' || n, 'tenant ' || n, 'free', 0, 0, 0 FROM generate_series(0, 99) n""",
    """
    INSERT INTO jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key,
        batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts,
        deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros,
        covered_by, error_code, created_at, started_at, finished_at, run_seconds)
    SELECT 'job_' || :digits || lpad(n::text, 16, '0'), 'ten_' || n % 100, 'model-' || n % 10,
        state, 'normal', '{"prompt": "a red circle on a blue background"}',
        CASE WHEN n % 10 = 0 THEN jsonb_build_object('order', n::text) ELSE '{}' END, 'alone', 1,
        1, 1, n, 1, 3, 60, 0, 0, 'images', 1, 1000, 'balance',
        CASE WHEN state = 'failed' THEN (ARRAY['timeout', 'worker_lost'])[1 + n / 50 % 2] END,
        at, CASE WHEN state <> 'queued' THEN at + interval '1 second' END,
        CASE WHEN state <> 'queued' THEN at + interval '3 seconds' END, 2
    FROM (SELECT n, now() - make_interval(secs => :jobs - n) AS at,
              ((extract(epoch FROM now())::bigint - :jobs + n) * 1000) AS made,
              CASE WHEN n % 1000 = 1 THEN 'queued' WHEN n % 50 = 0 THEN 'failed'
                   ELSE 'succeeded' END AS state
          FROM generate_series(1, :jobs) n) AS history""".replace(":digits", _DIGITS),
    """
    INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros,
        covered_by, month, occurred_at)
    SELECT 'usage:' || id, tenant_id, id, variant, 'images', 1, 1000, 'balance',
        date_trunc('month', finished_at)::date, finished_at
    FROM jobs WHERE state = 'succeeded'""",
)


def insert_job_history(database: Database, jobs: int) -> None:
    """Insert so many jobs, and update the planner's statistics as autovacuum does."""
    with database.transaction() as session:
        for statement in _FILL:
            session.execute(text(statement), {"jobs": jobs} if ":jobs" in statement else {})
    with database.autocommit() as session:  # VACUUM cannot run in a transaction
        session.execute(text("VACUUM ANALYZE"))
