"""The request that a job came by."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011_request_ids"
down_revision: str | None = "0010_job_traces"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("jobs", sa.Column("request_id", sa.String(), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("jobs", "request_id")
