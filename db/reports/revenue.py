"""A running sum of today's revenue, which reads only the newest usage events each time."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.reports.window import Revenue

_LATE = timedelta(minutes=10)
"""A usage event is committed within this time of `occurred_at`, the beginning of its transaction.
No transaction of the service lasts a minute."""

_NEWER = text("""
SELECT date_trunc('day', now()) AS day, now() - CAST(:late AS interval) AS closed_until,
    coalesce(sum(units) FILTER (WHERE kind = 'images'), 0)::bigint AS images,
    coalesce(sum(amount_micros), 0)::bigint AS revenue_micros,
    coalesce(sum(units) FILTER (
        WHERE kind = 'images' AND occurred_at < now() - CAST(:late AS interval)), 0)::bigint
        AS closed_images,
    coalesce(sum(amount_micros) FILTER (
        WHERE occurred_at < now() - CAST(:late AS interval)), 0)::bigint AS closed_micros
FROM usage_events
WHERE occurred_at >= greatest(date_trunc('day', now()), CAST(:since AS timestamptz))
""")


@dataclass(frozen=True)
class _Closed:
    """The sum of a day up to a time, before which no event can be added any more."""

    day: datetime
    until: datetime
    images: int
    revenue_micros: int


class RunningRevenue:
    """The same figures as `db.reports.window.revenue_today`; each call reads only the last minutes.

    Events are never changed: those older than any transaction are summed once.

    Args:
        late: the longest time after `occurred_at` at which an event becomes visible.
    """

    def __init__(self, late: timedelta = _LATE) -> None:
        self._late = late
        self._lock = threading.Lock()
        self._closed: _Closed | None = None

    def read(self, session: Session) -> Revenue:
        """Today's images and charges, UTC by the database's clock."""
        with self._lock:
            closed = self._closed
            since = closed.until if closed else None
            row = session.execute(_NEWER, {"late": self._late, "since": since}).one()
            if closed is None or closed.day != row.day:
                # The day is new, and all of it was read: it began after the last sum ended.
                closed = _Closed(row.day, row.day, 0, 0)
            self._closed = _Closed(
                row.day,
                max(row.closed_until, row.day),
                closed.images + row.closed_images,
                closed.revenue_micros + row.closed_micros,
            )
        return Revenue(closed.images + row.images, closed.revenue_micros + row.revenue_micros)
