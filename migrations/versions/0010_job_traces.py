"""The traces that jobs belong to."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010_job_traces"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "job_traces",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name=op.f("fk_job_traces_job_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_traces")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("job_traces")
