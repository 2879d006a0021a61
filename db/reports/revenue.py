"""A running sum of today's revenue, which reads only the newest usage events each time."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from db.reports.window import Revenue

_LATE = timedelta(minutes=10)
"""A usage event is committed within this time of `occurred_at`, the beginning of its transaction.
No transaction of the service lasts a minute."""

_SUMS = {
    "images": "units) FILTER (WHERE kind = 'images' AND outcome = 'succeeded' AND {})",
    "revenue_micros": "amount_micros) FILTER (WHERE {})",
    "vendor_micros": "vendor_micros) FILTER (WHERE {})",
    "hosted_micros": "amount_micros) FILTER (WHERE vendor_micros IS NOT NULL AND {})",
}
"""The sums, by the fields of `Revenue`; `{}` is a further condition."""

_CLOSED = "occurred_at < now() - CAST(:late AS interval)"


def _columns(prefix: str, condition: str) -> str:
    """The columns of all sums over the events that meet a condition."""
    return ", ".join(
        f"coalesce(sum({what.format(condition)}, 0)::bigint AS {prefix}{name}"
        for name, what in _SUMS.items()
    )


_NEWER = text(f"""
SELECT date_trunc('day', now()) AS day, now() - CAST(:late AS interval) AS closed_until,
    {_columns("", "true")},
    {_columns("closed_", _CLOSED)}
FROM usage_events
WHERE occurred_at >= greatest(date_trunc('day', now()), CAST(:since AS timestamptz))
""")  # noqa: S608 - our own fragments


@dataclass(frozen=True)
class _Closed:
    """The sum of a day up to a time, before which no event can be added any more."""

    day: datetime
    until: datetime
    sums: Revenue


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
                closed = _Closed(row.day, row.day, Revenue(0, 0))
            self._closed = _Closed(
                row.day, max(row.closed_until, row.day), _add(closed.sums, row, "closed_")
            )
        return _add(closed.sums, row)


def _add(sums: Revenue, row: Row[Any], prefix: str = "") -> Revenue:
    """The sums with those of a row, whose columns begin with `prefix`."""
    return Revenue(
        **{name: getattr(sums, name) + getattr(row, f"{prefix}{name}") for name in _SUMS}
    )
