"""What a page of a model's failed jobs is found by."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0016_failed_by_model"
down_revision: str | None = "0015_stored_inputs"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_jobs_failed_variant",
        "jobs",
        ["variant", sa.text("id DESC")],
        postgresql_where=sa.text("state = 'failed'"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_jobs_failed_variant", "jobs")
