"""The time at which nothing of a deleted tenant was left; grants to delete its webhooks' rows."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0026_erased_tenants"
down_revision: str | None = "0025_people_data"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("tenants", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_tenants_erased_when_deleted"),
        "tenants",
        "erased_at IS NULL OR deleted_at IS NOT NULL",
    )
    op.create_check_constraint(
        op.f("ck_tenants_suspended_when_deleted"),
        "tenants",
        "deleted_at IS NULL OR suspended_at IS NOT NULL",
    )


def downgrade() -> None:
    """Undo."""
    op.drop_constraint(op.f("ck_tenants_suspended_when_deleted"), "tenants", type_="check")
    op.drop_constraint(op.f("ck_tenants_erased_when_deleted"), "tenants", type_="check")
    op.drop_column("tenants", "erased_at")
