"""Invariants of the database: rules that hold at every moment, each a query for violations.

The tests run them after every fault, `bottega doctor` on demand, and the courier every hour.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

RULES: dict[str, str] = {
    "each succeeded job has exactly one settled hold and one usage event": """
        SELECT j.id FROM jobs j
        LEFT JOIN holds h ON h.job_id = j.id AND h.state = 'settled'
        LEFT JOIN usage_events u ON u.job_id = j.id
        WHERE j.state = 'succeeded'
        GROUP BY j.id HAVING count(h.job_id) <> 1 OR count(u.id) <> 1""",
    "each usage event belongs to a job that ended in its outcome": """
        SELECT u.key FROM usage_events u LEFT JOIN jobs j ON j.id = u.job_id
        WHERE j.id IS NOT NULL AND j.state <> u.outcome""",
    "each canceled job has a usage event if its hold was settled, and none otherwise": """
        SELECT j.id FROM jobs j
        LEFT JOIN holds h ON h.job_id = j.id AND h.state = 'settled'
        LEFT JOIN usage_events u ON u.job_id = j.id
        WHERE j.state = 'canceled'
        GROUP BY j.id HAVING count(h.job_id) <> count(u.id) OR count(u.id) > 1""",
    "a canceled job is charged for what it started, and at most what it held": """
        SELECT h.job_id FROM holds h JOIN jobs j ON j.id = h.job_id
        WHERE j.state = 'canceled' AND h.state = 'settled' AND (j.attempt = 0
            OR coalesce(h.canceled_units, -1) NOT BETWEEN 0 AND h.units
            OR coalesce(h.canceled_micros, -1) NOT BETWEEN 0 AND h.amount_micros)""",
    "no hold but that of a job with a result or of canceled work is settled": """
        SELECT h.job_id FROM holds h JOIN jobs j ON j.id = h.job_id
        WHERE h.state = 'settled' AND j.state NOT IN ('succeeded', 'canceled')""",
    "canceled work and used units of an allowance add up": """
        SELECT a.tenant_id || ' ' || a.month || ' ' || a.kind FROM allowances a
        LEFT JOIN usage_events u ON u.tenant_id = a.tenant_id AND u.month = a.month
            AND u.kind = a.kind AND u.covered_by = 'allowance' AND u.outcome = 'canceled'
        GROUP BY a.tenant_id, a.month, a.kind, a.remainder_micro_units
        HAVING coalesce(sum(u.units), 0) * 1000000 + a.remainder_micro_units
            <> coalesce(sum(u.ran_micro_units), 0)""",
    "only a hosted job waits for its vendor after a cancellation": """
        SELECT id FROM jobs WHERE cancel_requested_at IS NOT NULL AND vendor_micros IS NULL""",
    "what is held of a day's budget at the vendor is the sum of its open holds": """
        SELECT CAST(v.day AS text) FROM vendor_spend v
        LEFT JOIN holds h ON h.vendor_day = v.day AND h.state = 'open'
        GROUP BY v.day, v.held_micros HAVING v.held_micros <> coalesce(sum(h.vendor_micros), 0)""",
    "a finished job has no open hold": """
        SELECT h.job_id FROM holds h JOIN jobs j ON j.id = h.job_id
        WHERE h.state = 'open' AND j.finished_at IS NOT NULL""",
    "every unfinished job has an open hold": """
        SELECT j.id FROM jobs j LEFT JOIN holds h ON h.job_id = j.id AND h.state = 'open'
        WHERE j.finished_at IS NULL AND h.job_id IS NULL""",
    "an allowance's used units are the sum of its usage events": """
        SELECT a.tenant_id || ' ' || a.month || ' ' || a.kind FROM allowances a
        LEFT JOIN usage_events u ON u.tenant_id = a.tenant_id AND u.month = a.month
            AND u.kind = a.kind AND u.covered_by = 'allowance'
        GROUP BY a.tenant_id, a.month, a.kind, a.used
        HAVING a.used <> coalesce(sum(u.units), 0)""",
    "an allowance's held units are the sum of its open holds": """
        SELECT a.tenant_id || ' ' || a.month || ' ' || a.kind FROM allowances a
        LEFT JOIN holds h ON h.tenant_id = a.tenant_id AND h.month = a.month
            AND h.kind = a.kind AND h.source = 'allowance' AND h.state = 'open'
        GROUP BY a.tenant_id, a.month, a.kind, a.held
        HAVING a.held <> coalesce(sum(h.units), 0)""",
    "a balance is the sum of its ledger entries": """
        SELECT t.id FROM tenants t LEFT JOIN ledger_entries e ON e.tenant_id = t.id
        GROUP BY t.id HAVING t.balance_micros <> coalesce(sum(e.amount_micros), 0)""",
    "a balance's held amount is the sum of its open holds": """
        SELECT t.id FROM tenants t LEFT JOIN holds h ON h.tenant_id = t.id
            AND h.source = 'balance' AND h.state = 'open'
        GROUP BY t.id HAVING t.balance_held_micros <> coalesce(sum(h.amount_micros), 0)""",
    "a tenant's charges are the sum of its usage events": """
        SELECT t.id FROM tenants t
        WHERE coalesce((SELECT -sum(e.amount_micros) FROM ledger_entries e
                        WHERE e.tenant_id = t.id AND e.reference LIKE 'settlement:%'), 0)
           <> coalesce((SELECT sum(u.amount_micros) FROM usage_events u
                        WHERE u.tenant_id = t.id), 0)""",
    "a tenant's count of jobs in flight is its number of unfinished jobs": """
        SELECT t.id FROM tenants t
        LEFT JOIN jobs j ON j.tenant_id = t.id AND j.finished_at IS NULL
        GROUP BY t.id HAVING t.in_flight <> count(j.id)""",
    "a tenant's stored bytes are the sum of its inputs and results in the store": """
        SELECT t.id FROM tenants t
        LEFT JOIN (
            SELECT split_part(i.key, '/', 2) AS tenant_id, sum(i.bytes) AS bytes
            FROM stored_inputs i GROUP BY 1
        ) inputs ON inputs.tenant_id = t.id
        LEFT JOIN (
            SELECT j.tenant_id, sum(a.bytes) AS bytes
            FROM artifacts a JOIN jobs j ON j.id = a.job_id
            WHERE a.removed_at IS NULL GROUP BY 1
        ) results ON results.tenant_id = t.id
        WHERE t.stored_bytes <> coalesce(inputs.bytes, 0) + coalesce(results.bytes, 0)""",
    "artifacts belong to succeeded jobs and to the attempt that succeeded": """
        SELECT a.job_id || ' ' || a.n FROM artifacts a JOIN jobs j ON j.id = a.job_id
        WHERE j.state <> 'succeeded' OR j.attempt <> a.attempt""",
    "each event that a webhook subscribes to has its delivery, and no other event has one": """
        SELECT j.id FROM jobs j
        LEFT JOIN deliveries d ON d.job_id = j.id AND d.event = 'job.' || j.state
        WHERE j.finished_at IS NOT NULL AND j.webhook -> 'events' ? ('job.' || j.state)
            AND d.id IS NULL
        UNION ALL
        SELECT d.job_id FROM deliveries d JOIN jobs j ON j.id = d.job_id
        WHERE d.event <> 'job.' || j.state AND (
            split_part(d.event, '.', 2) NOT IN ('started', 'output', 'logs')
            OR (j.webhook -> 'events' ? ('job.' || split_part(d.event, '.', 2))) IS NOT TRUE)""",
    "the numbers of the fair share are finite": """
        SELECT variant FROM queues WHERE virtual_time IN ('NaN', 'Infinity', '-Infinity')
        UNION ALL
        SELECT variant || ' ' || tenant_id FROM fair_tags
        WHERE finish IN ('NaN', 'Infinity', '-Infinity')
        UNION ALL
        SELECT id FROM jobs
        WHERE state = 'queued' AND (fair_start IN ('NaN', 'Infinity', '-Infinity')
            OR fair_share IN ('NaN', 'Infinity', '-Infinity'))""",
}


@dataclass(frozen=True)
class Violation:
    """A broken rule, and the first rows that break it."""

    rule: str
    examples: tuple[str, ...]


def violations(session: Session, *, examples: int = 10) -> list[Violation]:
    """Every broken rule, checked in one snapshot; an empty list means that all is well."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    found = []
    for rule, query in RULES.items():
        # Rules are constants of this module; no value from outside enters the text.
        rows = session.scalars(text(f"{query} LIMIT {examples:d}")).all()
        if rows:
            found.append(Violation(rule, tuple(map(str, rows))))
    return found
