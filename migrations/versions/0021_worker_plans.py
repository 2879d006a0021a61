"""What a worker tells of itself: its catalogue, memory plans, loading in bytes, its problem."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0021_worker_plans"
down_revision: str | None = "0020_sign_in_links"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAMES = (
    "problem",
    "loading_total_bytes",
    "loading_bytes",
    "loading_stage",
    "plans",
    "catalogue_digest",
)


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "workers",
        sa.Column("catalogue_digest", sa.String(), server_default="", nullable=False),
    )
    op.add_column(
        "workers",
        sa.Column("plans", postgresql.JSONB(), server_default="{}", nullable=False),
    )
    op.add_column("workers", sa.Column("loading_stage", sa.String(), nullable=True))
    op.add_column("workers", sa.Column("loading_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("loading_total_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("problem", sa.String(), nullable=True))


def downgrade() -> None:
    """Undo."""
    for name in _NAMES:
        op.drop_column("workers", name)
