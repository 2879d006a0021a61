"""What a stored result is, and what it is about."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply. Workers of the version before go on: what they store is an image, as it was."""
    op.add_column(
        "artifacts",
        sa.Column("kind", sa.String(), nullable=False, server_default=sa.text("'image'")),
    )
    op.add_column(
        "artifacts",
        sa.Column("about", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.create_check_constraint(
        op.f("ck_artifacts_kind_known"),
        "artifacts",
        "kind IN ('image', 'mask', 'overlay', 'coco')",
    )


def downgrade() -> None:
    """Undo. A service of the version before knows pictures alone: the rest loses its rows."""
    op.execute("DELETE FROM artifacts WHERE kind <> 'image'")
    op.drop_column("artifacts", "about")
    op.drop_column("artifacts", "kind")
