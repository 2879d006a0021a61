"""The API that a job came by, and what that API needs to show it and to recognise a retry."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0022_surfaces"
down_revision: str | None = "0021_worker_plans"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAMES = ("sync_clients", "deduplication_digest", "warnings", "surface_request", "surface")
_INDEX = "uq_jobs_active_digest"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "jobs", sa.Column("surface", sa.String(), server_default="native", nullable=False)
    )
    op.add_column("jobs", sa.Column("surface_request", postgresql.JSONB(), nullable=True))
    op.add_column("jobs", sa.Column("warnings", postgresql.JSONB(), nullable=True))
    op.add_column("jobs", sa.Column("deduplication_digest", sa.LargeBinary(), nullable=True))
    op.add_column(
        "jobs", sa.Column("sync_clients", sa.Integer(), server_default="0", nullable=False)
    )
    op.create_index(
        _INDEX,
        "jobs",
        ["tenant_id", "deduplication_digest"],
        unique=True,
        postgresql_where=sa.text(
            "(state = 'queued' OR state = 'running') AND deduplication_digest IS NOT NULL"
        ),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(_INDEX, "jobs")
    for name in _NAMES:
        op.drop_column("jobs", name)
