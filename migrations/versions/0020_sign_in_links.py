"""Links that open one session of a browser, among the sessions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020_sign_in_links"
down_revision: str | None = "0019_finite_fair_share"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "operator_sessions",
        sa.Column("is_link", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM operator_sessions WHERE is_link")
    op.drop_column("operator_sessions", "is_link")
