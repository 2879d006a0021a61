"""The cost of canceled work, the models of a tier, and the operator's spend at the vendor."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0017_canceled_work"
down_revision: str | None = "0016_failed_by_model"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Deferred to the commit, so that the day's row is locked after the tenant and the allowance, as a
# submission does. A trigger, so that workers of the release before keep the day's sums right, too.
_CLOSE_VENDOR_HOLD = """
CREATE FUNCTION close_vendor_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tasks integer := coalesce(
        (SELECT notes.tasks FROM attempt_notes notes WHERE notes.job_id = NEW.job_id), 0);
BEGIN
    IF NEW.state = 'settled' THEN
        tasks := greatest(tasks, 1);
    END IF;
    UPDATE vendor_spend SET
        held_micros = held_micros - NEW.vendor_micros,
        spent_micros = spent_micros + NEW.vendor_micros * tasks
    WHERE day = NEW.vendor_day;
    RETURN NULL;
END $$
"""

_TRIGGER = """
CREATE CONSTRAINT TRIGGER close_vendor_hold AFTER UPDATE OF state ON holds
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.state = 'open' AND NEW.state <> 'open' AND NEW.vendor_day IS NOT NULL)
EXECUTE FUNCTION close_vendor_hold()
"""


def upgrade() -> None:
    """Apply."""
    _add_tier_columns()
    _add_columns_of_canceled_work()
    op.create_table(
        "vendor_spend",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("held_micros", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_vendor_spend")),
        sa.CheckConstraint(
            "held_micros >= 0 AND spent_micros >= 0", name=op.f("ck_vendor_spend_not_negative")
        ),
    )
    op.execute(_CLOSE_VENDOR_HOLD)
    op.execute(_TRIGGER)


def _add_tier_columns() -> None:
    op.add_column("tiers", sa.Column("models", postgresql.ARRAY(sa.String()), nullable=True))
    op.add_column(
        "tiers", sa.Column("allowance_models", postgresql.ARRAY(sa.String()), nullable=True)
    )
    op.add_column(
        "tiers", sa.Column("cancel_charge", sa.String(), nullable=False, server_default="steps")
    )
    op.create_check_constraint(
        op.f("ck_tiers_cancel_charge_known"),
        "tiers",
        "cancel_charge IN ('nothing', 'steps', 'whole')",
    )


def _add_columns_of_canceled_work() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("jobs", sa.Column("cancel_requested_at", moment, nullable=True))
    op.add_column("jobs", sa.Column("vendor_micros", sa.BigInteger(), nullable=True))
    op.add_column("holds", sa.Column("canceled_units", sa.Integer(), nullable=True))
    op.add_column("holds", sa.Column("canceled_micros", sa.BigInteger(), nullable=True))
    op.add_column("holds", sa.Column("vendor_day", sa.Date(), nullable=True))
    op.add_column("holds", sa.Column("vendor_micros", sa.BigInteger(), nullable=True))
    op.add_column(
        "usage_events",
        sa.Column("outcome", sa.String(), nullable=False, server_default="succeeded"),
    )
    op.create_check_constraint(
        op.f("ck_usage_events_outcome_known"),
        "usage_events",
        "outcome IN ('succeeded', 'canceled')",
    )
    op.add_column("usage_events", sa.Column("ran_micro_units", sa.BigInteger(), nullable=True))
    op.add_column("usage_events", sa.Column("vendor_micros", sa.BigInteger(), nullable=True))
    op.add_column(
        "allowances",
        sa.Column("remainder_micro_units", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_check_constraint(
        op.f("ck_allowances_remainder_below_one_unit"),
        "allowances",
        "remainder_micro_units >= 0 AND remainder_micro_units < 1000000",
    )
    op.add_column(
        "attempt_notes", sa.Column("tasks", sa.Integer(), nullable=False, server_default="1")
    )


def downgrade() -> None:
    """Undo."""
    op.execute("DROP TRIGGER close_vendor_hold ON holds")
    op.execute("DROP FUNCTION close_vendor_hold()")
    op.drop_table("vendor_spend")
    op.drop_column("attempt_notes", "tasks")
    op.drop_column("allowances", "remainder_micro_units")
    for column in ("vendor_micros", "ran_micro_units", "outcome"):
        op.drop_column("usage_events", column)
    for column in ("vendor_micros", "vendor_day", "canceled_micros", "canceled_units"):
        op.drop_column("holds", column)
    for column in ("vendor_micros", "cancel_requested_at"):
        op.drop_column("jobs", column)
    for column in ("cancel_charge", "allowance_models", "models"):
        op.drop_column("tiers", column)
