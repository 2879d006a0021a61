"""What operators do: roles, sign-ins, the audit log, retries, drained workers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("workers", sa.Column("drained_at", _TIME, nullable=True))
    op.add_column("api_keys", sa.Column("role", sa.String(), nullable=True))
    op.execute("UPDATE api_keys SET role = 'operator' WHERE tenant_id IS NULL")
    op.create_check_constraint(
        op.f("ck_api_keys_role_of_operators"),
        "api_keys",
        "(tenant_id IS NULL) = (role IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("ck_api_keys_role_known"), "api_keys", "role IN ('operator', 'viewer')"
    )
    _create_sessions()
    _create_audit_log()
    _create_retries()


def _create_sessions() -> None:
    op.create_table(
        "operator_sessions",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["api_keys.id"],
            name=op.f("fk_operator_sessions_key_id_api_keys"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_operator_sessions")),
    )
    op.create_index("ix_operator_sessions_expiry", "operator_sessions", ["expires_at"])


def _create_audit_log() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("before", JSONB(), nullable=False),
        sa.Column("after", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_target"), "audit_entries", ["target"])
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _create_retries() -> None:
    op.create_table(
        "job_retries",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("retried_as", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_retries_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_retries")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("job_retries")
    op.drop_table("audit_entries")
    op.drop_table("operator_sessions")
    op.drop_constraint(op.f("ck_api_keys_role_known"), "api_keys")
    op.drop_constraint(op.f("ck_api_keys_role_of_operators"), "api_keys")
    op.drop_column("api_keys", "role")
    op.drop_column("workers", "drained_at")
