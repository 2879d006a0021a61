"""Bounds of a tier's weight, and only finite numbers in the fair share; what breaks them is mended."""

from collections.abc import Sequence

from alembic import op

revision: str = "0019_finite_fair_share"
down_revision: str | None = "0018_stored_bytes"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WEIGHT = "weight BETWEEN 0.001 AND 1000000"
_COLUMNS = (
    ("jobs", "cost_seconds"),
    ("jobs", "fair_share"),
    ("jobs", "fair_start"),
    ("jobs", "deadline_seconds"),
    ("queues", "virtual_time"),
    ("fair_tags", "finish"),
)

# A job whose cost or deadline is no number gets a plain one; what has ended keeps no share.
_REPAIR_JOBS = """
UPDATE jobs SET
    cost_seconds = CASE WHEN {cost_seconds} THEN cost_seconds ELSE 1 END,
    deadline_seconds = CASE WHEN {deadline_seconds} THEN deadline_seconds ELSE 600 END,
    fair_share = CASE WHEN {fair_share} THEN fair_share ELSE 0 END,
    fair_start = CASE WHEN {fair_start} THEN fair_start ELSE 0 END
WHERE NOT ({cost_seconds} AND {deadline_seconds} AND {fair_share} AND {fair_start})
"""

# As `db.jobs.fair_share` restarts a queue: its time begins at 0, and each waiting job starts after
# the earlier ones of its tenant. The table is no temporary one: the owner of the schema need not be
# allowed to make these.
_BROKEN = """
CREATE TABLE broken_queues AS
SELECT variant FROM queues WHERE NOT ({virtual_time})
UNION SELECT variant FROM fair_tags WHERE NOT ({finish})
UNION SELECT variant FROM jobs WHERE state = 'queued' AND NOT ({fair_start} AND {fair_share})
"""
_RESTART_JOBS = """
WITH shares AS (
    SELECT jobs.id, jobs.variant, jobs.tenant_id, jobs.cost_seconds / (tiers.weight
        * CASE jobs.priority WHEN 'low' THEN 0.5 WHEN 'high' THEN 2 ELSE 1 END) AS share
    FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id JOIN tiers ON tiers.name = tenants.tier
    WHERE jobs.state = 'queued' AND jobs.variant IN (SELECT variant FROM broken_queues)
), placed AS (
    SELECT id, share,
        sum(share) OVER (PARTITION BY variant, tenant_id ORDER BY id) - share AS start
    FROM shares
)
UPDATE jobs SET fair_share = placed.share, fair_start = placed.start
FROM placed WHERE jobs.id = placed.id
"""
_RESTART_TAGS = """
UPDATE fair_tags SET finish = coalesce((
    SELECT max(fair_start + fair_share) FROM jobs
    WHERE jobs.variant = fair_tags.variant AND jobs.tenant_id = fair_tags.tenant_id
      AND jobs.state = 'queued'), 0)
WHERE variant IN (SELECT variant FROM broken_queues)
"""
_RESTART_QUEUES = """
UPDATE queues SET virtual_time = 0 WHERE variant IN (SELECT variant FROM broken_queues)
"""


def _is_finite(column: str) -> str:
    return f"{column} > '-Infinity' AND {column} < 'Infinity'"


def upgrade() -> None:
    """Apply."""
    finite = {column: _is_finite(column) for _, column in _COLUMNS}
    op.execute("UPDATE tiers SET weight = 0.001 WHERE weight < 0.001")
    op.execute("UPDATE tiers SET weight = 1000000 WHERE weight > 1000000")
    op.execute(_BROKEN.format(**finite))
    op.execute(_REPAIR_JOBS.format(**finite))
    for statement in (_RESTART_JOBS, _RESTART_TAGS, _RESTART_QUEUES):
        op.execute(statement)
    op.execute("DROP TABLE broken_queues")
    op.drop_constraint(op.f("ck_tiers_weight_positive"), "tiers")
    op.create_check_constraint(op.f("ck_tiers_weight_in_range"), "tiers", _WEIGHT)
    for table, column in _COLUMNS:
        op.create_check_constraint(op.f(f"ck_{table}_{column}_finite"), table, finite[column])


def downgrade() -> None:
    """Undo."""
    for table, column in reversed(_COLUMNS):
        op.drop_constraint(op.f(f"ck_{table}_{column}_finite"), table)
    op.drop_constraint(op.f("ck_tiers_weight_in_range"), "tiers")
    op.create_check_constraint(op.f("ck_tiers_weight_positive"), "tiers", "weight > 0")
