"""When a result's object was removed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("artifacts", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_artifacts_expiry",
        "artifacts",
        ["expires_at"],
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_artifacts_expiry", table_name="artifacts")
    op.drop_column("artifacts", "removed_at")
