"""When a worker's process last ended of itself, until it is ready again."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014_failing_workers"
down_revision: str | None = "0013_rate_limits"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("workers", sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("workers", "failed_at")
