"""Bytes that each tenant stores, counted by triggers, and their limit by tier."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018_stored_bytes"
down_revision: str | None = "0017_canceled_work"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LIMITS = {"free": 10**9, "standard": 50 * 10**9, "enterprise": 10**12}

# The tenants' rows are locked in the order of ids, as everywhere, and only where a sum changes.
_ADD = """
CREATE FUNCTION add_stored_bytes(tenant_ids varchar[], changes bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH changed AS (
        SELECT tenant_id, CAST(sum(change) AS bigint) AS change
        FROM unnest(tenant_ids, changes) AS each (tenant_id, change)
        GROUP BY tenant_id HAVING sum(change) <> 0
    ), locked AS MATERIALIZED (
        SELECT tenants.id FROM tenants JOIN changed ON changed.tenant_id = tenants.id
        ORDER BY tenants.id
        FOR NO KEY UPDATE OF tenants
    )
    UPDATE tenants SET stored_bytes = stored_bytes + changed.change
    FROM changed JOIN locked ON locked.id = changed.tenant_id
    WHERE tenants.id = locked.id
$$
"""

# Triggers rather than our own statements: processes of the former release, which run beside this
# one during an upgrade, insert and remove rows without knowing of the count.
_COUNT = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_stored_bytes(array_agg(tenant_id), array_agg(bytes))
        FROM (SELECT {tenant} AS tenant_id, {bytes} AS bytes FROM added) AS each;
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM add_stored_bytes(array_agg(tenant_id), array_agg(bytes))
        FROM (SELECT {tenant} AS tenant_id, {bytes} AS bytes FROM added
              UNION ALL SELECT {tenant}, -{bytes} FROM removed) AS each;
    ELSE
        PERFORM add_stored_bytes(array_agg(tenant_id), array_agg(bytes))
        FROM (SELECT {tenant} AS tenant_id, -{bytes} AS bytes FROM removed) AS each;
    END IF;
    RETURN NULL;
END $$
"""

_TABLES = {
    "stored_inputs": {
        "tenant": "split_part(key, '/', 2)",
        "bytes": "coalesce(bytes, 0)",
    },
    "artifacts": {
        "tenant": "(SELECT jobs.tenant_id FROM jobs WHERE jobs.id = job_id)",
        "bytes": "CASE WHEN removed_at IS NULL THEN bytes ELSE 0 END",
    },
}

_ROWS = {
    "insert": "NEW TABLE AS added",
    "update": "OLD TABLE AS removed NEW TABLE AS added",
    "delete": "OLD TABLE AS removed",
}

_MEASURE_UPLOADS = """
UPDATE stored_inputs SET bytes = files.bytes FROM files
WHERE files.key = stored_inputs.key AND stored_inputs.bytes IS NULL
"""

# Inputs are counted by their trigger when they are measured.
_COUNT_RESULTS = """
UPDATE tenants SET stored_bytes = stored_bytes + sums.bytes
FROM (
    SELECT jobs.tenant_id, CAST(sum(artifacts.bytes) AS bigint) AS bytes
    FROM artifacts JOIN jobs ON jobs.id = artifacts.job_id
    WHERE artifacts.removed_at IS NULL
    GROUP BY jobs.tenant_id
) AS sums
WHERE tenants.id = sums.tenant_id
"""


def upgrade() -> None:
    """Apply."""
    # Tables are locked in the order in which transactions lock their rows.
    # Former releases store a row of `files` for uploads alone.
    op.add_column(
        "files",
        sa.Column("is_upload", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("stored_inputs", sa.Column("bytes", sa.BigInteger(), nullable=True))
    op.add_column(
        "tenants",
        sa.Column("stored_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_tenants_stored_not_negative"), "tenants", "stored_bytes >= 0"
    )
    op.add_column("tiers", sa.Column("max_stored_bytes", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_tiers_stored_bytes_positive"), "tiers", "max_stored_bytes > 0"
    )
    for name, limit in _LIMITS.items():
        op.execute(f"UPDATE tiers SET max_stored_bytes = {limit} WHERE name = '{name}'")
    op.execute(_ADD)
    for table, expressions in _TABLES.items():
        op.execute(_COUNT.format(function=f"count_{table}", **expressions))
        for event, rows in _ROWS.items():
            op.execute(
                f"CREATE TRIGGER {table}_counted_on_{event} AFTER {event.upper()} ON {table} "
                f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION count_{table}()"
            )
    op.execute(_MEASURE_UPLOADS)
    op.execute(_COUNT_RESULTS)


def downgrade() -> None:
    """Undo."""
    for table in _TABLES:
        for event in _ROWS:
            op.execute(f"DROP TRIGGER {table}_counted_on_{event} ON {table}")
        op.execute(f"DROP FUNCTION count_{table}()")
    op.execute("DROP FUNCTION add_stored_bytes(varchar[], bigint[])")
    op.drop_constraint(op.f("ck_tiers_stored_bytes_positive"), "tiers")
    op.drop_column("tiers", "max_stored_bytes")
    op.drop_constraint(op.f("ck_tenants_stored_not_negative"), "tenants")
    op.drop_column("tenants", "stored_bytes")
    op.drop_column("stored_inputs", "bytes")
    op.drop_column("files", "is_upload")
