"""An index of the jobs that came by a compatible API, by which operators find them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024_surface_index"
down_revision: str | None = "0023_file_names"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEX = "ix_jobs_surface_newest"


def upgrade() -> None:
    """Apply."""
    # Not concurrently: the column was added just before, so the index is empty, and quickly made.
    op.create_index(
        _INDEX,
        "jobs",
        ["surface", sa.text("id DESC")],
        postgresql_where=sa.text("surface <> 'native'"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(_INDEX, "jobs")
