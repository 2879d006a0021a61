"""Which models a worker has on its device, and which is on its way there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    total = sa.Column("memory_total_bytes", sa.BigInteger(), server_default="0", nullable=False)
    resident = sa.Column(
        "resident", postgresql.ARRAY(sa.TEXT()), server_default="{}", nullable=False
    )
    op.add_column("workers", total)
    op.add_column("workers", resident)
    op.add_column("workers", sa.Column("loading", sa.String(), nullable=True))
    op.add_column("workers", sa.Column("loading_fraction", sa.Float(), nullable=True))


def downgrade() -> None:
    """Undo."""
    for name in ("loading_fraction", "loading", "resident", "memory_total_bytes"):
        op.drop_column("workers", name)
