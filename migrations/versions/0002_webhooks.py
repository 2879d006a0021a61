"""Webhooks: receivers, deliveries, their attempts, signing secrets."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _instant(name: str, *, now: bool = False) -> sa.Column:
    default = {"server_default": sa.text("now()"), "nullable": False} if now else {}
    return sa.Column(name, sa.DateTime(timezone=True), **default)


def upgrade() -> None:
    """Apply."""
    # No default, so that the table is not rewritten, however many jobs there are.
    op.add_column("jobs", sa.Column("webhook", postgresql.JSONB()))
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        _instant("failing_since"),
        _instant("paused_until"),
        _instant("disabled_at"),
        sa.Column("disabled_reason", sa.String()),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)",
            name=op.f("ck_webhook_endpoints_disabled_for_reason"),
        ),
        sa.CheckConstraint(
            "disabled_reason IN ('gone', 'failing')",
            name=op.f("ck_webhook_endpoints_reason_known"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_endpoints_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        sa.UniqueConstraint("tenant_id", "url", name=op.f("uq_webhook_endpoints_tenant_id_url")),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        _instant("created_at", now=True),
        _instant("expires_at"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_secrets_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index(
        "uq_webhook_secrets_current",
        "webhook_secrets",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("expires_at IS NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _instant("next_at", now=True),
        _instant("leased_until"),
        _instant("created_at", now=True),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed', 'disabled')",
            name=op.f("ck_deliveries_state_known"),
        ),
        sa.CheckConstraint(
            "state = 'pending' OR leased_until IS NULL",
            name=op.f("ck_deliveries_leased_when_pending"),
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_deliveries_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_deliveries_tenant_id_tenants")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_deliveries_endpoint_id_webhook_endpoints"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("job_id", "event", name=op.f("uq_deliveries_job_id_event")),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "next_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_leases",
        "deliveries",
        ["leased_until"],
        postgresql_where=sa.text("leased_until IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_tenant_newest", "deliveries", ["tenant_id", sa.literal_column("id DESC")]
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _instant("started_at", now=True),
        _instant("ended_at"),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.String()),
        sa.Column("seconds", sa.DOUBLE_PRECISION()),
        sa.CheckConstraint(
            "ended_at IS NULL OR status IS NOT NULL OR error IS NOT NULL",
            name=op.f("ck_delivery_attempts_ended_somehow"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name=op.f("fk_delivery_attempts_delivery_id_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )


def downgrade() -> None:
    """Undo."""
    for table in ("delivery_attempts", "deliveries", "webhook_secrets", "webhook_endpoints"):
        op.drop_table(table)
    op.drop_column("jobs", "webhook")
