"""How many requests a minute each key of a tier's tenants may make."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013_rate_limits"
down_revision: str | None = "0012_job_pages"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LIMITS = {"free": 3_000, "standard": 12_000, "enterprise": 60_000}


def upgrade() -> None:
    """Apply."""
    op.add_column("tiers", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f("ck_tiers_requests_positive"), "tiers", "requests_per_minute > 0"
    )
    for name, limit in _LIMITS.items():
        op.execute(f"UPDATE tiers SET requests_per_minute = {limit} WHERE name = '{name}'")


def downgrade() -> None:
    """Undo."""
    op.drop_constraint(op.f("ck_tiers_requests_positive"), "tiers")
    op.drop_column("tiers", "requests_per_minute")
