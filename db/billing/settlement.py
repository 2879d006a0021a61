"""Settlement: the charge of holds, in the transaction that completes their jobs.

`db.jobs.complete` ends jobs by one statement, of which `SETTLEMENT` is a part, and then calls the
two functions: balances and allowances are locked in the order of their keys, so that no two
transactions wait for each other.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

SETTLEMENT = """settled AS (
    UPDATE holds SET state = 'settled', closed_at = now() FROM ended
    WHERE holds.job_id = ended.id AND holds.state = 'open'
    RETURNING holds.*, ended.variant,
        CASE WHEN source = 'balance' THEN holds.amount_micros ELSE 0 END AS charged_micros
), used AS (
    INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros,
        covered_by, month, vendor_micros)
    SELECT 'usage:' || job_id, tenant_id, job_id, variant, kind, units, charged_micros,
        source, month, vendor_micros
    FROM settled
), charged AS (
    INSERT INTO ledger_entries (tenant_id, reference, amount_micros)
    SELECT tenant_id, 'settlement:' || job_id, -charged_micros FROM settled
    WHERE source = 'balance'
)"""
"""CTEs that follow one named `ended`, of jobs that succeeded.

settled: their holds, each closed once. used: a usage event for each hold, under a key that derives
from the job. charged: a ledger entry for each hold that the balance pays.
"""

_DECREMENT_IN_FLIGHT = text("""
WITH locked AS MATERIALIZED (
    SELECT id FROM tenants WHERE id = ANY (:ids) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tenants SET
    in_flight = in_flight - leaving.jobs,
    balance_micros = balance_micros - leaving.charged_micros,
    balance_held_micros = balance_held_micros - leaving.charged_micros
FROM unnest(
    CAST(:ids AS varchar[]), CAST(:jobs AS integer[]), CAST(:charged_micros AS bigint[])
) AS leaving (id, jobs, charged_micros)
JOIN locked USING (id)
WHERE tenants.id = leaving.id
""")

_USE_ALLOWANCES = text("""
WITH used AS (
    SELECT * FROM unnest(
        CAST(:tenant_ids AS varchar[]), CAST(:months AS date[]), CAST(:kinds AS varchar[]),
        CAST(:units AS integer[])
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
""")


def settle_balances(session: Session, ended: Sequence[Row[Any]]) -> None:
    """Subtract the jobs from their tenants' counts in flight, and charge the balances."""
    jobs, charged = Counter[str](), Counter[str]()
    for row in ended:
        jobs[row.Job.tenant_id] += 1
        charged[row.Job.tenant_id] += row.charged_micros or 0
    values = {"ids": list(jobs), "jobs": list(jobs.values())}
    session.execute(_DECREMENT_IN_FLIGHT, {**values, "charged_micros": list(charged.values())})


def settle_allowances(session: Session, ended: Sequence[Row[Any]]) -> None:
    """Turn held units into used ones, in the months of their holds."""
    used = Counter[tuple[str, date, str]]()
    for row in ended:
        used[row.Job.tenant_id, row.hold_month, row.Job.unit_kind] += row.Job.units
    if not used:
        return
    tenant_ids, months, kinds = zip(*used, strict=True)
    values = {"tenant_ids": list(tenant_ids), "months": list(months), "kinds": list(kinds)}
    session.execute(_USE_ALLOWANCES, {**values, "units": list(used.values())})
