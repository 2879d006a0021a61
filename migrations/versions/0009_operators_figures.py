"""What the operators' figures and searches are found by, and the call that a change came with."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "audit_entries", sa.Column("request_id", sa.String(), server_default="", nullable=False)
    )
    op.create_index("ix_audit_entries_actor", "audit_entries", ["actor", sa.text("id DESC")])
    op.create_index("ix_jobs_created", "jobs", ["created_at"])
    op.create_index(
        "ix_jobs_finished",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_failed",
        "jobs",
        ["error_code", sa.text("id DESC")],
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_jobs_metadata",
        "jobs",
        ["metadata"],
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
        postgresql_where=sa.text("metadata <> '{}'"),
    )
    op.create_index("ix_usage_events_time", "usage_events", ["occurred_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_usage_events_time", "usage_events")
    for name in ("metadata", "failed", "finished", "created"):
        op.drop_index(f"ix_jobs_{name}", "jobs")
    op.drop_index("ix_audit_entries_actor", "audit_entries")
    op.drop_column("audit_entries", "request_id")
