"""The statements that every job meets, as SQL.

Written out, they cost a tenth of what the expression language takes to build them anew each time.
"""

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

INCREMENT_IN_FLIGHT = text("""
UPDATE tenants SET in_flight = in_flight + 1 FROM tiers
WHERE tenants.id = :tenant_id AND tenants.suspended_at IS NULL AND tiers.name = tenants.tier
RETURNING tenants.in_flight, tiers.*, now() AS now
""")

DECREMENT_IN_FLIGHT = text("UPDATE tenants SET in_flight = in_flight - 1 WHERE id = :tenant_id")

_JSON = (
    bindparam("input", type_=JSONB),
    bindparam("metadata", type_=JSONB),
    bindparam("webhook", type_=JSONB(none_as_null=True)),
)

_INSERT = """
INSERT INTO jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key,
    batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, deadline_seconds,
    progress_step, progress_steps, unit_kind, units, price_micros, covered_by, expires_at, webhook,
    request_id)
SELECT :id, :tenant_id, :variant, 'queued', :priority, :input, :metadata, :batch_key,
    :batch_limit, :cost_seconds, {share}, {start}, 0, :max_attempts, :deadline_seconds,
    0, 0, :unit_kind, :units, :price_micros, {covered_by},
    now() + make_interval(secs => :expires_in_seconds), :webhook,
    :request_id
"""

INSERT = text(
    _INSERT.format(share=":fair_share", start=":fair_start", covered_by=":covered_by")
    + "RETURNING *"
).bindparams(*_JSON)

# The CTEs take their locks in order because each needs a row of the one before. The tenant's row
# is locked first and changed last: nothing is changed unless everything is.
_SUBMIT = """
WITH entered AS MATERIALIZED (
    SELECT tiers.name AS tier, :cost_seconds / (tiers.weight * :priority_factor) AS share
    FROM tenants JOIN tiers ON tiers.name = tenants.tier
    WHERE tenants.id = :tenant_id AND tenants.suspended_at IS NULL
      AND tenants.in_flight < tiers.max_in_flight AND tiers.max_priority = ANY (:tier_priorities)
      AND (CAST(:api_key_id AS varchar) IS NULL OR EXISTS (
          SELECT 1 FROM api_keys WHERE id = :api_key_id AND revoked_at IS NULL))
    FOR NO KEY UPDATE OF tenants
), taken AS (
    UPDATE allowances SET held = held + :units FROM entered
    WHERE tenant_id = :tenant_id AND kind = :unit_kind
      AND month = CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)
      AND used + held + :units <= granted
    RETURNING tier, share, month, granted - used - held AS quota_left
), counted AS (
    UPDATE tenants SET in_flight = in_flight + 1 FROM taken WHERE tenants.id = :tenant_id
), tagged AS (
    INSERT INTO fair_tags (variant, tenant_id, finish)
    SELECT :variant, :tenant_id, share
        + coalesce((SELECT virtual_time FROM queues WHERE variant = CAST(:variant AS varchar)), 0)
    FROM taken
    ON CONFLICT (variant, tenant_id) DO UPDATE SET finish = greatest(
        fair_tags.finish + (SELECT share FROM taken), excluded.finish)
    RETURNING finish
), inserted AS (
    {insert} FROM taken CROSS JOIN tagged
    RETURNING *
), held AS (
    INSERT INTO holds (job_id, tenant_id, source, month, kind, units, amount_micros, state)
    SELECT id, tenant_id, covered_by, month, unit_kind, units, price_micros, 'open'
    FROM inserted CROSS JOIN taken
)
SELECT inserted.*, tier, quota_left FROM inserted CROSS JOIN taken
"""

SUBMIT = text(
    _SUBMIT.format(
        insert=_INSERT.format(
            share="share", start="tagged.finish - share", covered_by="'allowance'"
        )
    )
).bindparams(*_JSON)
"""A whole submission that the allowance covers; else no row, and nothing is changed."""

END_ATTEMPT = text("""
UPDATE attempts SET ended_at = now(), outcome = :outcome
WHERE job_id = :job_id AND number = :number AND ended_at IS NULL
""")

CLAIM = text("""
WITH fairest AS MATERIALIZED (
    SELECT id, batch_key, batch_limit, fair_start,
        attempt > 0 AND coalesce((
            SELECT outcome FROM attempts WHERE job_id = jobs.id AND number = jobs.attempt
        ), '') = 'worker_lost' AS suspect
    FROM jobs
    WHERE variant = :variant AND state = 'queued'
      AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
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
        WHERE variant = :variant AND state = 'queued'
          AND batch_key = head.batch_key AND id <> head.id
          AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
          AND (attempt = 0 OR coalesce((
              SELECT outcome FROM attempts WHERE job_id = jobs.id AND number = jobs.attempt
          ), '') <> 'worker_lost')
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
    SELECT 1 FROM jobs WHERE variant = :variant AND state = 'queued'
      AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
      AND id NOT IN (SELECT id FROM claimed)
) AS more
FROM fairest LEFT JOIN claimed ON true ORDER BY claimed.fair_start, claimed.id
""")
"""The claimed jobs, or one empty row when it is the turn of a suspect that was not to be taken."""

RENEW = text("""
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
