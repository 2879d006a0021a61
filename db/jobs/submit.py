"""Submission: a queued job's row, its hold and its fair-share tag, in one transaction.

There are two ways. One statement submits a job that the month's allowance covers. Steps do the
rest: other jobs, and the reason of a refusal. Both leave the same rows for the same submission, as
`tests/integration/db/jobs/test_submit.py` checks: change both, or neither.

The statements are written as SQL: building them with the expression language each time takes ten
times as long. Locks are taken in the order that `db.jobs.finish` states.
"""

from typing import Any

from sqlalchemy import Integer, Row, String, bindparam, column, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from db.artifacts.storage_limit import StorageFullError
from db.billing import holds, vendor
from db.jobs import fair_share
from db.jobs.types import (
    AcceptedJob,
    ModelNotInTierError,
    NewJob,
    Origin,
    PriorityNotAllowedError,
    TooManyInFlightError,
)
from db.tables import Job
from db.tenants import api_keys, tiers
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import PRIORITY_FACTOR, Priority
from db.webhooks import secrets as webhook_secrets

_INCREMENT_IN_FLIGHT = text("""
UPDATE tenants SET in_flight = in_flight + 1 FROM tiers
WHERE tenants.id = :tenant_id AND tenants.suspended_at IS NULL AND tiers.name = tenants.tier
RETURNING tenants.in_flight, tenants.stored_bytes, tiers.*, now() AS now
""")

_JSON = (
    bindparam("input", type_=JSONB),
    bindparam("metadata", type_=JSONB),
    bindparam("webhook", type_=JSONB(none_as_null=True)),
    bindparam("surface_request", type_=JSONB(none_as_null=True)),
    bindparam("warnings", type_=JSONB(none_as_null=True)),
)

_INSERT = """
INSERT INTO jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key,
    batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, deadline_seconds,
    progress_step, progress_steps, unit_kind, units, price_micros, covered_by, expires_at, webhook,
    request_id, vendor_micros, surface, surface_request, warnings, deduplication_digest,
    sync_clients, keep_seconds)
SELECT :id, :tenant_id, :variant, 'queued', :priority, :input, :metadata, :batch_key,
    :batch_limit, :cost_seconds, {share}, {start}, 0, :max_attempts, :deadline_seconds,
    0, 0, :unit_kind, :units, :price_micros, {covered_by},
    now() + make_interval(secs => :expires_in_seconds), :webhook,
    :request_id, CAST(:vendor_micros AS bigint), :surface, :surface_request, :warnings,
    CAST(:deduplication_digest AS bytea), :sync_clients,
    least(CAST(:keep_seconds AS integer), CAST({tier_keep_seconds} AS integer))
"""

_INSERT_QUEUED = text(
    _INSERT.format(
        share=":fair_share",
        start=":fair_start",
        covered_by=":covered_by",
        tier_keep_seconds=":tier_keep_seconds",
    )
    + "RETURNING *"
).bindparams(*_JSON)

# The CTEs take their locks in order because each needs a row of the one before. The tenant's row
# is locked before the others and changed last: either every row is changed or none.
# repeated: an unfinished job of the same request, which is to be rejoined. Its lock comes first, as
# in the transaction that may be ending it.
# entered: the tenant's tier and the job's share, if the tenant may submit; the row is locked.
# taken: units of the month's allowance, held. counted: one more job in flight.
# tagged: the tenant's fair-share tag, moved on. inserted: the job. held: its hold.
_SUBMIT = """
WITH repeated AS MATERIALIZED (
    SELECT 1 FROM jobs WHERE tenant_id = :tenant_id AND (state = 'queued' OR state = 'running')
      AND deduplication_digest = CAST(:deduplication_digest AS bytea)
    FOR NO KEY UPDATE
), entered AS MATERIALIZED (
    SELECT tiers.name AS tier, tiers.keep_seconds AS tier_keep_seconds,
        :cost_seconds / (tiers.weight * :priority_factor) AS share
    FROM tenants JOIN tiers ON tiers.name = tenants.tier
    WHERE NOT EXISTS (SELECT FROM repeated)
      AND tenants.id = :tenant_id AND tenants.suspended_at IS NULL
      AND tenants.in_flight < tiers.max_in_flight AND tiers.max_priority = ANY (:tier_priorities)
      AND (tiers.models IS NULL OR CAST(:variant AS varchar) = ANY (tiers.models))
      AND (tiers.allowance_models IS NULL
          OR CAST(:variant AS varchar) = ANY (tiers.allowance_models))
      AND (tiers.max_stored_bytes IS NULL OR tenants.stored_bytes < tiers.max_stored_bytes)
      AND coalesce(CAST(:keep_seconds AS integer)
          <= coalesce(tiers.keep_seconds, CAST(:keep_limit_seconds AS double precision))
          OR CAST(:keep_limit_seconds AS double precision) IS NULL, true)
      AND (CAST(:api_key_id AS varchar) IS NULL OR EXISTS (
          SELECT 1 FROM api_keys WHERE id = :api_key_id AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())))
    FOR NO KEY UPDATE OF tenants
), taken AS (
    UPDATE allowances SET held = held + :units FROM entered
    WHERE tenant_id = :tenant_id AND kind = :unit_kind
      AND month = CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)
      AND used + held + :units <= granted
    RETURNING tier, tier_keep_seconds, share, month, granted - used - held AS quota_left
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

_SUBMIT_AT_ONCE = text(
    _SUBMIT.format(
        insert=_INSERT.format(
            share="share",
            start="tagged.finish - share",
            covered_by="'allowance'",
            tier_keep_seconds="taken.tier_keep_seconds",
        )
    )
).bindparams(*_JSON)
"""A whole submission, if the allowance covers it; otherwise no row, and nothing is changed."""

_INSERTED = select(Job).from_statement(_INSERT_QUEUED)
_SUBMITTED = select(Job, column("tier", String), column("quota_left", Integer)).from_statement(
    _SUBMIT_AT_ONCE
)


def submit_job(session: Session, new: NewJob) -> AcceptedJob:
    """Insert a queued job, place its hold and assign its fair-share tag.

    Raises:
        sqlalchemy.exc.DBAPIError: another job of the same request is unfinished, or ends at this
            moment, see `db.jobs.deduplication.is_conflict`.
        db.tenants.api_keys.InvalidKeyError: the API key of the request was revoked, or has expired.
        TenantSuspendedError: the tenant may not submit.
        PriorityNotAllowedError: the tier does not include the priority.
        ModelNotInTierError: the tier does not include the model.
        db.tenants.tiers.KeepTooLongError: the tier, or the service, keeps no job for so long.
        TooManyInFlightError: the tier's limit of unfinished jobs is reached.
        db.artifacts.storage_limit.StorageFullError: there is no space for another result.
        db.billing.holds.InsufficientCreditError: neither allowance nor balance covers it.
        db.billing.vendor.VendorLimitError: the day's limit at the vendor is reached.
    """
    accepted = submit_job_at_once(session, new) or _submit_in_steps(session, new)
    if new.webhook is not None:
        webhook_secrets.ensure(session, new.tenant_id)
    return accepted


def submit_job_at_once(session: Session, new: NewJob) -> AcceptedJob | None:
    """Submit in one statement a job that the month's allowance covers and that has no webhook.

    A request whose job is unfinished is not submitted again. The statement needs no transaction
    around it, which would lock the tenant's row for longer.

    Returns:
        None when the statement could not submit it; nothing was changed then. Call `submit_job`,
        which submits it or raises the reason.
    """
    if new.is_hosted:  # its cost is held, too
        return None
    row = session.execute(_SUBMITTED, _submission(new)).one_or_none()
    return None if row is None else AcceptedJob(row.Job, row.tier, row.quota_left)


def _submission(new: NewJob) -> dict[str, Any]:
    order = list(Priority)
    return _columns(new) | {
        "api_key_id": new.api_key_id,
        "tier_priorities": [str(p) for p in order[order.index(new.priority) :]],
        "priority_factor": PRIORITY_FACTOR[new.priority],
        "keep_limit_seconds": new.keep_limit_seconds,
    }


def _submit_in_steps(session: Session, new: NewJob) -> AcceptedJob:
    """Submit the first job of a month, or a job that the balance pays; or raise the refusal."""
    if new.api_key_id is not None:
        api_keys.check(session, new.api_key_id)
    tier = _increment_in_flight(session, new)
    cover = holds.place_hold(
        session,
        tenant_id=new.tenant_id,
        month=holds.month_of(tier.now),
        kind=new.unit_kind,
        granted=holds.allowance_granted(tier, new.unit_kind),
        units=new.units,
        price=new.price_micros,
        is_covered=tiers.allowance_covers(tier, new.variant, is_hosted=new.is_hosted),
    )
    share = fair_share.share_of(new.cost_seconds, tier.weight, new.priority)
    start = fair_share.assign(session, variant=new.variant, tenant_id=new.tenant_id, share=share)
    assigned = {
        "covered_by": cover.source,
        "fair_share": share,
        "fair_start": start,
        "tier_keep_seconds": tier.keep_seconds,
    }
    job = session.scalars(_INSERTED, _columns(new) | assigned).one()
    vendor_day = None if new.vendor_micros is None else vendor.day_of(tier.now)
    holds.record_hold(session, job, cover, vendor_day=vendor_day)
    if new.vendor_micros is not None and vendor_day is not None:
        limit = new.vendor_limit_micros
        vendor.hold(session, day=vendor_day, micros=new.vendor_micros, limit_micros=limit)
    return AcceptedJob(job, tier=tier.name, quota_left=cover.allowance_left)


def _columns(new: NewJob) -> dict[str, Any]:
    return {
        "id": new.id,
        "tenant_id": new.tenant_id,
        "variant": new.variant,
        "priority": new.priority,
        "input": new.input,
        "metadata": new.metadata,
        "batch_key": new.batch_key,
        "batch_limit": new.batch_limit,
        "cost_seconds": new.cost_seconds,
        "max_attempts": new.max_attempts,
        "deadline_seconds": new.deadline_seconds,
        "unit_kind": new.unit_kind,
        "units": new.units,
        "price_micros": new.price_micros,
        "expires_in_seconds": new.expires_in_seconds,
        "webhook": new.webhook.as_json() if new.webhook else None,
        "request_id": new.request_id,
        "vendor_micros": new.vendor_micros,
        "keep_seconds": new.keep_seconds,
        **_origin(new.origin),
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "surface": str(origin.surface),
        "surface_request": origin.request,
        "warnings": [warning.as_json() for warning in origin.warnings] or None,
        "deduplication_digest": origin.digest,
        "sync_clients": int(origin.is_synchronous),
    }


def _increment_in_flight(session: Session, new: NewJob) -> Row[Any]:
    """Count the job against its tenant's limit; this locks the tenant's row.

    Returns:
        The tier's columns, and `now` by the database's clock.
    """
    tier = session.execute(_INCREMENT_IN_FLIGHT, {"tenant_id": new.tenant_id}).one_or_none()
    if tier is None:
        raise TenantSuspendedError
    order = list(Priority)
    if order.index(new.priority) > order.index(Priority(tier.max_priority)):
        raise PriorityNotAllowedError(new.priority, Priority(tier.max_priority))
    if not tiers.includes(tier, new.variant):
        raise ModelNotInTierError(new.variant, tier.name, tier.models)
    if new.keep_limit_seconds is not None:
        tiers.check_keep(tier, new.keep_seconds, longest=new.keep_limit_seconds)
    if tier.in_flight > tier.max_in_flight:
        raise TooManyInFlightError(tier.max_in_flight)
    if tier.max_stored_bytes is not None and tier.stored_bytes >= tier.max_stored_bytes:
        raise StorageFullError(tier.stored_bytes, tier.max_stored_bytes)
    return tier
