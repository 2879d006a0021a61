"""When each input was last given to a job, so that it can be removed once it has had its time."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015_stored_inputs"
down_revision: str | None = "0014_failing_workers"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "stored_inputs",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column(
            "used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_stored_inputs")),
    )
    op.create_index("ix_stored_inputs_used", "stored_inputs", ["used_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("stored_inputs")
