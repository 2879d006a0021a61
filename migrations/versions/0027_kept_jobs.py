"""An index of the jobs whose contents are removed some time after their end."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027_kept_jobs"
down_revision: str | None = "0026_erased_tenants"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEX = "ix_jobs_kept"
_KEPT_UNTIL = "((finished_at AT TIME ZONE 'UTC') + keep_seconds * '00:00:01'::interval)"


def upgrade() -> None:
    """Apply."""
    # Not concurrently: the column was added just before, so the index is empty, and quickly made.
    op.create_index(
        _INDEX,
        "jobs",
        [sa.text(_KEPT_UNTIL)],
        postgresql_where=sa.text(
            "keep_seconds IS NOT NULL AND finished_at IS NOT NULL AND input <> '{}'"
        ),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(_INDEX, "jobs")
