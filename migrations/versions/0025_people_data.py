"""Times of retention per tier and job, the end and the last use of keys, deleted tenants."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025_people_data"
down_revision: str | None = "0024_surface_index"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("tiers", sa.Column("keep_seconds", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_tiers_keep_seconds_positive"), "tiers", "keep_seconds > 0")
    op.add_column("jobs", sa.Column("keep_seconds", sa.Integer(), nullable=True))
    op.add_column(
        "api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "tenants", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    """Undo."""
    op.drop_column("tenants", "deleted_at")
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("jobs", "keep_seconds")
    op.drop_constraint(op.f("ck_tiers_keep_seconds_positive"), "tiers", type_="check")
    op.drop_column("tiers", "keep_seconds")
