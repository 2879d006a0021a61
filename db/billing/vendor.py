"""The operator's spend at the vendor of hosted models: a limit for each day (UTC).

A submission holds the cost of one task. The trigger of `holds` moves it to what is spent, or gives
it back, in the transaction that closes the job's hold.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import VendorSpend

_HOLD = text("""
UPDATE vendor_spend SET held_micros = held_micros + :micros
WHERE day = :day AND (CAST(:limit_micros AS bigint) IS NULL
    OR held_micros + spent_micros + :micros <= :limit_micros)
RETURNING day
""")


class VendorLimitError(Exception):
    """The day's limit of the operator's spend at the vendor is reached.

    Attributes:
        resets_at: when the next day's budget begins.
    """

    def __init__(self, resets_at: datetime) -> None:
        super().__init__(
            "the service's budget for hosted models is spent for today; use a model that runs on "
            "its own devices, or try again tomorrow"
        )
        self.resets_at = resets_at


@dataclass(frozen=True)
class Spend:
    """The spend of a day in micro-USD: `held` by unfinished jobs, and `spent`."""

    held_micros: int = 0
    spent_micros: int = 0


def day_of(moment: datetime) -> date:
    """The UTC day that `moment` falls in."""
    return moment.astimezone(UTC).date()


def hold(session: Session, *, day: date, micros: int, limit_micros: int | None) -> None:
    """Hold the cost of a task, as the submission's last change: its row is locked last.

    Args:
        session: the submission's transaction.
        day: the day of the submission.
        micros: the cost of the task in micro-USD.
        limit_micros: the most that a day may cost; None for no limit.

    Raises:
        VendorLimitError: the day's limit would be exceeded.
    """
    session.execute(insert(VendorSpend).values(day=day).on_conflict_do_nothing())
    values = {"day": day, "micros": micros, "limit_micros": limit_micros}
    if session.scalar(_HOLD, values) is None:
        raise VendorLimitError(datetime.combine(day + timedelta(days=1), time(), UTC))


def spend_today(session: Session) -> Spend:
    """The spend of today, by the database's clock."""
    today = func.date(func.timezone("UTC", func.now()))
    row = session.scalars(select(VendorSpend).where(VendorSpend.day == today)).first()
    return Spend() if row is None else Spend(row.held_micros, row.spent_micros)
