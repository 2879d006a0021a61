-- name: claim
-- reads: id, tenant_id, variant, state, priority, input, metadata, batch_key, batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, worker_id, leased_until, available_at, expires_at, deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros, covered_by, webhook, request_id, output, error_code, error_message, error_retryable, created_at, started_at, finished_at, run_seconds, store_seconds, more
WITH fairest AS MATERIALIZED (
    SELECT id, batch_key, batch_limit, fair_start,
        attempt > 0 AND coalesce((
            SELECT outcome FROM attempts WHERE job_id = jobs.id AND number = jobs.attempt
        ), '') = 'worker_lost' AS suspect
    FROM jobs
    WHERE variant = %(variant)s AND state = 'queued'
      AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
      AND NOT EXISTS (
          SELECT 1 FROM queues WHERE variant = %(variant)s AND paused_at IS NOT NULL)
    ORDER BY fair_start, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), head AS (
    SELECT id, batch_key, fair_start, CASE WHEN suspect THEN 1 ELSE batch_limit END AS batch_limit
    FROM fairest WHERE %(suspects)s OR NOT suspect
), mates AS MATERIALIZED (
    SELECT mate.id FROM head CROSS JOIN LATERAL (
        SELECT id FROM jobs
        WHERE variant = %(variant)s AND state = 'queued'
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
        worker_id = %(worker_id)s,
        leased_until = now() + make_interval(secs => %(lease_seconds)s),
        started_at = now(),
        progress_step = 0
    WHERE id IN (SELECT id FROM head UNION ALL SELECT id FROM mates) AND state = 'queued'
    RETURNING *
), tried AS (
    INSERT INTO attempts (job_id, number, worker_id)
    SELECT id, attempt, worker_id FROM claimed
), advanced AS (
    INSERT INTO queues (variant, virtual_time)
    SELECT %(variant)s, fair_start FROM head
    ON CONFLICT (variant) DO UPDATE
        SET virtual_time = greatest(queues.virtual_time, excluded.virtual_time)
)
SELECT claimed.*, EXISTS (
    SELECT 1 FROM jobs WHERE variant = %(variant)s AND state = 'queued'
      AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
      AND id NOT IN (SELECT id FROM claimed)
) AS more
FROM fairest LEFT JOIN claimed ON true ORDER BY claimed.fair_start, claimed.id

-- name: claim.tier
SELECT tenants.tier
FROM tenants
WHERE tenants.id = %(tenant_id)s::VARCHAR

-- name: claim.traces
SELECT job_traces.job_id, job_traces.traceparent
FROM job_traces
WHERE job_traces.job_id IN (%(job_id)s::VARCHAR)

-- name: complete.allowances
WITH used AS (
    SELECT * FROM unnest(
        CAST(%(tenant_ids)s AS varchar[]), CAST(%(months)s AS date[]), CAST(%(kinds)s AS varchar[]),
        CAST(%(units)s AS integer[])
    ) AS used (tenant_id, month, kind, units)
), locked AS MATERIALIZED (
    SELECT tenant_id, month, kind FROM allowances JOIN used USING (tenant_id, month, kind)
    ORDER BY tenant_id, month, kind
    FOR NO KEY UPDATE OF allowances
)
UPDATE allowances SET held = held - used.units, used = allowances.used + used.units
FROM used JOIN locked USING (tenant_id, month, kind)
WHERE (allowances.tenant_id, allowances.month, allowances.kind)
    = (used.tenant_id, used.month, used.kind)

-- name: complete.artifact
INSERT INTO artifacts (job_id, n, attempt, kind, about, key, media_type, bytes, sha256, width, height, seed, expires_at, removed_at) VALUES (%(job_id)s::VARCHAR, 0::INTEGER, %(attempt)s::INTEGER, 'image'::VARCHAR, %(about)s::JSONB, %(key)s::VARCHAR, %(media_type)s::VARCHAR, %(bytes)s::BIGINT, %(sha256)s::VARCHAR, %(width)s::INTEGER, %(height)s::INTEGER, %(seed)s::VARCHAR, (now() + %(keep)s), NULL::TIMESTAMP WITH TIME ZONE) RETURNING artifacts.created_at

-- name: complete.end
-- reads: id, tenant_id, variant, state, priority, input, metadata, batch_key, batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, worker_id, leased_until, available_at, expires_at, deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros, covered_by, webhook, request_id, output, error_code, error_message, error_retryable, created_at, started_at, finished_at, run_seconds, store_seconds, hold_source, hold_month, charged_micros
WITH results AS (
    SELECT * FROM jsonb_to_recordset(%(results)s::JSONB) AS result (
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
), settled AS (
    UPDATE holds SET state = 'settled', closed_at = now() FROM ended
    WHERE holds.job_id = ended.id AND holds.state = 'open'
    RETURNING holds.*, ended.variant,
        CASE WHEN source = 'balance' THEN holds.amount_micros ELSE 0 END AS charged_micros
), used AS (
    INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros,
        covered_by, month)
    SELECT 'usage:' || job_id, tenant_id, job_id, variant, kind, units, charged_micros,
        source, month
    FROM settled
), charged AS (
    INSERT INTO ledger_entries (tenant_id, reference, amount_micros)
    SELECT tenant_id, 'settlement:' || job_id, -charged_micros FROM settled
    WHERE source = 'balance'
)
SELECT ended.*, settled.source AS hold_source, settled.month AS hold_month,
    settled.charged_micros
FROM ended LEFT JOIN settled ON settled.job_id = ended.id

-- name: complete.in_flight
WITH locked AS MATERIALIZED (
    SELECT id FROM tenants WHERE id = ANY (%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tenants SET
    in_flight = in_flight - leaving.jobs,
    balance_micros = balance_micros - leaving.charged_micros,
    balance_held_micros = balance_held_micros - leaving.charged_micros
FROM unnest(
    CAST(%(ids)s AS varchar[]), CAST(%(jobs)s AS integer[]), CAST(%(charged_micros)s AS bigint[])
) AS leaving (id, jobs, charged_micros)
JOIN locked USING (id)
WHERE tenants.id = leaving.id

-- name: complete.was_completed
SELECT jobs.id
FROM jobs
WHERE jobs.id = %(job_id)s::VARCHAR AND jobs.attempt = %(attempt)s::INTEGER AND jobs.state = 'succeeded'::VARCHAR

-- name: delivery.add_endpoint
INSERT INTO webhook_endpoints (id, tenant_id, url, host, failing_since, paused_until, disabled_at, disabled_reason) VALUES (%(endpoint_id)s::VARCHAR, %(tenant_id)s::VARCHAR, %(plain_url)s::VARCHAR, %(host)s::VARCHAR, NULL::TIMESTAMP WITH TIME ZONE, NULL::TIMESTAMP WITH TIME ZONE, NULL::TIMESTAMP WITH TIME ZONE, NULL::VARCHAR)

-- name: delivery.enqueue
INSERT INTO deliveries (id, job_id, tenant_id, endpoint_id, event, url, body, state, attempts, tries) VALUES (%(delivery_id)s::VARCHAR, %(job_id)s::VARCHAR, %(tenant_id)s::VARCHAR, %(endpoint_id)s::VARCHAR, %(event)s::VARCHAR, %(url)s::VARCHAR, %(body)s::VARCHAR, 'pending'::VARCHAR, 0::INTEGER, 0::INTEGER) ON CONFLICT (job_id, event) DO NOTHING

-- name: delivery.find_endpoint
SELECT webhook_endpoints.id
FROM webhook_endpoints
WHERE webhook_endpoints.tenant_id = %(tenant_id)s::VARCHAR AND webhook_endpoints.url = %(plain_url)s::VARCHAR

-- name: fail.allowance
UPDATE allowances SET held = held - %(units)s
WHERE tenant_id = %(tenant_id)s AND month = %(month)s AND kind = %(kind)s

-- name: fail.attempt
UPDATE attempts SET ended_at = now(), outcome = %(outcome)s
WHERE job_id = %(job_id)s AND number = %(number)s AND ended_at IS NULL

-- name: fail.balance
UPDATE tenants SET balance_held_micros=(tenants.balance_held_micros - %(amount_micros)s::BIGINT) WHERE tenants.id = %(tenant_id)s::VARCHAR

-- name: fail.end
UPDATE jobs SET state='failed'::VARCHAR, leased_until=NULL::TIMESTAMP WITH TIME ZONE, error_code=%(error_code)s::VARCHAR, error_message=%(error_message)s::VARCHAR, error_retryable=%(error_retryable)s, finished_at=now() WHERE jobs.id = %(job_id)s::VARCHAR AND jobs.attempt = %(attempt)s::INTEGER AND jobs.state = 'running'::VARCHAR AND jobs.state IN ('running'::VARCHAR) RETURNING jobs.id, jobs.tenant_id, jobs.variant, jobs.state, jobs.priority, jobs.input, jobs.metadata, jobs.batch_key, jobs.batch_limit, jobs.cost_seconds, jobs.fair_share, jobs.fair_start, jobs.attempt, jobs.max_attempts, jobs.worker_id, jobs.leased_until, jobs.available_at, jobs.expires_at, jobs.deadline_seconds, jobs.progress_step, jobs.progress_steps, jobs.unit_kind, jobs.units, jobs.price_micros, jobs.covered_by, jobs.webhook, jobs.request_id, jobs.output, jobs.error_code, jobs.error_message, jobs.error_retryable, jobs.created_at, jobs.started_at, jobs.finished_at, jobs.run_seconds, jobs.store_seconds

-- name: fail.hold
-- reads: job_id, tenant_id, source, month, kind, units, amount_micros, state, closed_at
UPDATE holds SET state = 'released', closed_at = now()
WHERE job_id = %(job_id)s AND state = 'open'
RETURNING *

-- name: fail.in_flight
UPDATE tenants SET in_flight = in_flight - 1 WHERE id = %(tenant_id)s

-- name: hand_back.allow_another
UPDATE jobs SET max_attempts=%(max_attempts)s::INTEGER WHERE jobs.id = %(job_id)s::VARCHAR

-- name: hand_back.attempt
UPDATE attempts SET ended_at = now(), outcome = %(outcome)s
WHERE job_id = %(job_id)s AND number = %(number)s AND ended_at IS NULL

-- name: hand_back.requeue
UPDATE jobs SET state='queued'::VARCHAR, worker_id=NULL::VARCHAR, leased_until=NULL::TIMESTAMP WITH TIME ZONE, available_at=(now() + '0:00:00'::interval) WHERE jobs.id = %(job_id)s::VARCHAR AND jobs.attempt = %(attempt)s::INTEGER AND jobs.state = 'running'::VARCHAR AND jobs.state IN ('running'::VARCHAR) RETURNING jobs.id, jobs.tenant_id, jobs.variant, jobs.state, jobs.priority, jobs.input, jobs.metadata, jobs.batch_key, jobs.batch_limit, jobs.cost_seconds, jobs.fair_share, jobs.fair_start, jobs.attempt, jobs.max_attempts, jobs.worker_id, jobs.leased_until, jobs.available_at, jobs.expires_at, jobs.deadline_seconds, jobs.progress_step, jobs.progress_steps, jobs.unit_kind, jobs.units, jobs.price_micros, jobs.covered_by, jobs.webhook, jobs.request_id, jobs.output, jobs.error_code, jobs.error_message, jobs.error_retryable, jobs.created_at, jobs.started_at, jobs.finished_at, jobs.run_seconds, jobs.store_seconds

-- name: heartbeat.failed
INSERT INTO workers (id, host, pid, device, variants, state, memory_used_bytes, memory_total_bytes, resident, loading, loading_fraction, failed_at) VALUES (%(worker_id)s::VARCHAR, %(worker_host)s::VARCHAR, %(pid)s::INTEGER, %(device)s::VARCHAR, %(variants)s::TEXT[], 'failed'::VARCHAR, %(memory_used)s::BIGINT, %(memory_total)s::BIGINT, %(resident)s::TEXT[], %(loading)s::VARCHAR, %(loading_fraction)s, now()) ON CONFLICT (id) DO UPDATE SET id = %(worker_id)s::VARCHAR, host = %(worker_host)s::VARCHAR, pid = %(pid)s::INTEGER, device = %(device)s::VARCHAR, variants = %(variants)s::TEXT[], state = 'failed'::VARCHAR, memory_used_bytes = %(memory_used)s::BIGINT, memory_total_bytes = %(memory_total)s::BIGINT, resident = %(resident)s::TEXT[], loading = %(loading)s::VARCHAR, loading_fraction = %(loading_fraction)s, heartbeat_at = now(), failed_at = now() RETURNING workers.drained_at

-- name: heartbeat.leave
DELETE FROM workers WHERE workers.id = %(worker_id)s::VARCHAR

-- name: heartbeat.ready
INSERT INTO workers (id, host, pid, device, variants, state, memory_used_bytes, memory_total_bytes, resident, loading, loading_fraction, failed_at) VALUES (%(worker_id)s::VARCHAR, %(worker_host)s::VARCHAR, %(pid)s::INTEGER, %(device)s::VARCHAR, %(variants)s::TEXT[], %(state)s::VARCHAR, %(memory_used)s::BIGINT, %(memory_total)s::BIGINT, %(resident)s::TEXT[], %(loading)s::VARCHAR, %(loading_fraction)s, NULL::TIMESTAMP WITH TIME ZONE) ON CONFLICT (id) DO UPDATE SET id = %(worker_id)s::VARCHAR, host = %(worker_host)s::VARCHAR, pid = %(pid)s::INTEGER, device = %(device)s::VARCHAR, variants = %(variants)s::TEXT[], state = %(state)s::VARCHAR, memory_used_bytes = %(memory_used)s::BIGINT, memory_total_bytes = %(memory_total)s::BIGINT, resident = %(resident)s::TEXT[], loading = %(loading)s::VARCHAR, loading_fraction = %(loading_fraction)s, heartbeat_at = now(), failed_at = NULL RETURNING workers.drained_at

-- name: heartbeat.starting
INSERT INTO workers (id, host, pid, device, variants, state, memory_used_bytes, memory_total_bytes, resident, loading, loading_fraction, failed_at) VALUES (%(worker_id)s::VARCHAR, %(worker_host)s::VARCHAR, %(pid)s::INTEGER, %(device)s::VARCHAR, %(variants)s::TEXT[], 'starting'::VARCHAR, %(memory_used)s::BIGINT, %(memory_total)s::BIGINT, %(resident)s::TEXT[], %(loading)s::VARCHAR, %(loading_fraction)s, NULL::TIMESTAMP WITH TIME ZONE) ON CONFLICT (id) DO UPDATE SET id = %(worker_id)s::VARCHAR, host = %(worker_host)s::VARCHAR, pid = %(pid)s::INTEGER, device = %(device)s::VARCHAR, variants = %(variants)s::TEXT[], state = 'starting'::VARCHAR, memory_used_bytes = %(memory_used)s::BIGINT, memory_total_bytes = %(memory_total)s::BIGINT, resident = %(resident)s::TEXT[], loading = %(loading)s::VARCHAR, loading_fraction = %(loading_fraction)s, heartbeat_at = now(), failed_at = CASE WHEN (workers.state != 'starting'::VARCHAR OR workers.pid != %(pid)s::INTEGER) THEN now() ELSE workers.failed_at END RETURNING workers.drained_at

-- name: renew
WITH held AS (
    SELECT * FROM unnest(
        CAST(%(job_ids)s AS varchar[]), CAST(%(attempts)s AS integer[]),
        CAST(%(steps)s AS integer[]), CAST(%(of_steps)s AS integer[])
    ) AS held (id, attempt, step, steps)
), locked AS MATERIALIZED (
    SELECT jobs.id FROM jobs JOIN held USING (id, attempt) WHERE jobs.state = 'running'
    ORDER BY jobs.id
    FOR NO KEY UPDATE OF jobs
)
UPDATE jobs SET
    leased_until = now() + make_interval(secs => %(lease_seconds)s::INTEGER),
    progress_step = held.step,
    progress_steps = held.steps
FROM held JOIN locked USING (id)
WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.state = 'running'
RETURNING jobs.id, jobs.attempt

-- name: resume_point.read
SELECT attempt_notes.note
FROM attempt_notes
WHERE attempt_notes.job_id = %(job_id)s::VARCHAR

-- name: resume_point.write
INSERT INTO attempt_notes (job_id, note) SELECT jobs.id, %(note)s::VARCHAR AS anon_1
FROM jobs
WHERE jobs.id = %(job_id)s::VARCHAR AND jobs.attempt = %(attempt)s::INTEGER AND jobs.state = 'running'::VARCHAR ON CONFLICT (job_id) DO UPDATE SET note = excluded.note RETURNING attempt_notes.job_id

-- name: retry.attempt
UPDATE attempts SET ended_at = now(), outcome = %(outcome)s
WHERE job_id = %(job_id)s AND number = %(number)s AND ended_at IS NULL

-- name: retry.is_last
SELECT jobs.attempt >= jobs.max_attempts AS anon_1
FROM jobs
WHERE jobs.id = %(job_id)s::VARCHAR AND jobs.attempt = %(attempt)s::INTEGER AND jobs.state = 'running'::VARCHAR

-- name: retry.requeue
UPDATE jobs SET state='queued'::VARCHAR, worker_id=NULL::VARCHAR, leased_until=NULL::TIMESTAMP WITH TIME ZONE, available_at=(now() + %(delay)s) WHERE jobs.id = %(job_id)s::VARCHAR AND jobs.attempt = %(attempt)s::INTEGER AND jobs.state = 'running'::VARCHAR AND jobs.state IN ('running'::VARCHAR) RETURNING jobs.id, jobs.tenant_id, jobs.variant, jobs.state, jobs.priority, jobs.input, jobs.metadata, jobs.batch_key, jobs.batch_limit, jobs.cost_seconds, jobs.fair_share, jobs.fair_start, jobs.attempt, jobs.max_attempts, jobs.worker_id, jobs.leased_until, jobs.available_at, jobs.expires_at, jobs.deadline_seconds, jobs.progress_step, jobs.progress_steps, jobs.unit_kind, jobs.units, jobs.price_micros, jobs.covered_by, jobs.webhook, jobs.request_id, jobs.output, jobs.error_code, jobs.error_message, jobs.error_retryable, jobs.created_at, jobs.started_at, jobs.finished_at, jobs.run_seconds, jobs.store_seconds
