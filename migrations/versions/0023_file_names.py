"""Ids of uploads: one for each upload by a compatible API, also before its picture comes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0023_file_names"
down_revision: str | None = "0022_surfaces"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "file_names"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        _TABLE,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("surface", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("file_id", sa.String(), nullable=True),
        sa.Column("filename", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column(
            "about", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], op.f(f"fk_{_TABLE}_tenant_id_tenants")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], op.f(f"fk_{_TABLE}_api_key_id_api_keys")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], op.f(f"fk_{_TABLE}_file_id_files"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index("ix_file_names_tenant_id", _TABLE, ["tenant_id", "id"])
    op.create_index("ix_file_names_file_id", _TABLE, ["file_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_table(_TABLE)
