"""What operators' pages are found by: a model's jobs, those given up, today's takings, actions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012_job_pages"
down_revision: str | None = "0011_request_ids"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_jobs_variant_newest", "jobs", ["variant", sa.text("id DESC")])
    op.create_index(
        "ix_jobs_given_up",
        "jobs",
        ["state", sa.text("id DESC")],
        postgresql_where=sa.text("state = 'canceled' OR state = 'expired'"),
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["action", sa.text("id DESC")])
    op.drop_index("ix_usage_events_time", "usage_events")
    op.create_index(
        "ix_usage_events_time",
        "usage_events",
        ["occurred_at"],
        postgresql_include=["kind", "units", "amount_micros"],
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_usage_events_time", "usage_events")
    op.create_index("ix_usage_events_time", "usage_events", ["occurred_at"])
    op.drop_index("ix_audit_entries_action", "audit_entries")
    op.drop_index("ix_jobs_given_up", "jobs")
    op.drop_index("ix_jobs_variant_newest", "jobs")
