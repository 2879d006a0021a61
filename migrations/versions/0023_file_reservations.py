"""File ids that are given out before their pictures come, as fal's clients upload."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023_file_reservations"
down_revision: str | None = "0022_surfaces"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "file_reservations"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        _TABLE,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("file_id", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], op.f(f"fk_{_TABLE}_tenant_id_tenants")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], op.f(f"fk_{_TABLE}_api_key_id_api_keys")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], op.f(f"fk_{_TABLE}_file_id_files"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index(
        "ix_file_reservations_open",
        _TABLE,
        ["tenant_id"],
        postgresql_where=sa.text("file_id IS NULL"),
    )
    op.create_index("ix_file_reservations_file_id", _TABLE, ["file_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_table(_TABLE)
