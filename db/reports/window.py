"""Figures of a window of time that ends now; none is of all time, and none is of the moment."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import TextClause, func, literal_column, select, text
from sqlalchemy.orm import Session

from db.tables import Job, UsageEvent
from db.tables.index_predicates import state_is
from db.values.job_state import JobState
from db.values.pricing import UnitKind


@dataclass(frozen=True)
class QueueWindow:
    """Arrivals and ends of a queue within the window, and the times of the jobs that ended in it.

    Attributes:
        arrived: jobs submitted.
        succeeded: jobs that ended with a result.
        failed: jobs that failed; canceled and expired ones count in neither.
        wait_p50: median seconds from submission to the last claim, and `wait_p95` the 95th
            percentile; `run_p50` and `run_p95` the same of the run time. None if no such job ended.
    """

    variant: str
    arrived: int
    succeeded: int
    failed: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


_QUEUES = """
WITH arrived AS (
    SELECT variant, count(*) AS jobs FROM jobs WHERE created_at > now() - :window GROUP BY variant
), ended AS (
    SELECT variant,
        count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
            ORDER BY extract(epoch FROM started_at - created_at)) AS wait,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY run_seconds) AS run
    FROM jobs WHERE finished_at > now() - :window GROUP BY variant
)
SELECT variant, coalesce(arrived.jobs, 0), coalesce(succeeded, 0), coalesce(failed, 0),
       wait[1], wait[2], run[1], run[2]
FROM arrived FULL JOIN ended USING (variant) ORDER BY variant
"""


def windowed_statement(statement: str, window: timedelta) -> TextClause:
    """The statement with its `:window` as a literal.

    A plan is made once, for any value of a parameter: without the literal the planner does not
    know how short the window is, and reads the whole table.
    """
    seconds = f"make_interval(secs => {window.total_seconds():.0f})"
    return text(statement.replace(":window", seconds))


def queue_windows(session: Session, window: timedelta) -> list[QueueWindow]:
    """The figures of every queue with an arrival or an end in the window."""
    return [QueueWindow(*row) for row in session.execute(windowed_statement(_QUEUES, window))]


def failures_by_code(session: Session, window: timedelta) -> list[tuple[str, int]]:
    """Error codes of the jobs that failed within the window, the most frequent first."""
    jobs = func.count()
    since = func.now() - literal_column(f"make_interval(secs => {window.total_seconds():.0f})")
    statement = (
        select(Job.error_code, jobs)
        .where(state_is(JobState.FAILED), Job.finished_at > since)
        .group_by(Job.error_code)
        .order_by(jobs.desc(), Job.error_code)
    )
    return [(str(code), number) for code, number in session.execute(statement)]


@dataclass(frozen=True)
class Revenue:
    """Figures since midnight, UTC, in micro-USD.

    Attributes:
        images: images of jobs that succeeded.
        revenue_micros: charges to balances.
        vendor_micros: what the vendor of hosted models bills for results that were delivered.
        hosted_micros: charges for those results.
    """

    images: int
    revenue_micros: int
    vendor_micros: int = 0
    hosted_micros: int = 0

    @property
    def hosted_margin_micros(self) -> int:
        """Charges for hosted results less their cost at the vendor; negative for a loss."""
        return self.hosted_micros - self.vendor_micros


def revenue_today(session: Session) -> Revenue:
    """Today's images and charges, UTC by the database's clock; reads all events of the day."""
    amount = func.sum(UsageEvent.amount_micros)
    images = func.sum(UsageEvent.units).filter(
        UsageEvent.kind == UnitKind.IMAGES, UsageEvent.outcome == "succeeded"
    )
    sums = (
        images,
        amount,
        func.sum(UsageEvent.vendor_micros),
        amount.filter(UsageEvent.vendor_micros.is_not(None)),
    )
    row = session.execute(
        select(*(func.coalesce(each, 0) for each in sums)).where(
            UsageEvent.occurred_at >= func.date_trunc("day", func.now())
        )
    ).one()
    return Revenue(*map(int, row))
