"""Workers as they last reported, with what each has in hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.web.shared.formats import size
from db import worker_registry as workers
from db.jobs.queries import running_by_worker
from db.jobs.waiting import WORKER_STALE_SECONDS
from db.tables import Job, Worker

_READY = ("ready", "busy")


@dataclass(frozen=True)
class WorkerRow:
    """One worker.

    Attributes:
        resident: which of its models are on the device.
        loading_text: the model on its way there, and how much of it is; "" when none is.
        state: as reported, or stale when it has not reported of late.
        jobs: what it has in hand, oldest first.
    """

    id: str
    host: str
    pid: int
    device: str
    variants: list[str]
    resident: list[str]
    loading_text: str
    state: str
    memory_used_bytes: int
    memory_total_bytes: int
    up_seconds: float
    heartbeat_seconds: float
    is_draining: bool
    jobs: Sequence[Job]

    @property
    def is_stale(self) -> bool:
        """Whether it has not reported for too long to count."""
        return self.heartbeat_seconds > WORKER_STALE_SECONDS

    @property
    def is_ready(self) -> bool:
        """Whether it takes jobs."""
        return self.state in _READY

    @property
    def memory_text(self) -> str:
        """What its models take, of what there is where that is known."""
        total = f" of {size(self.memory_total_bytes)}" if self.memory_total_bytes else ""
        return f"{size(self.memory_used_bytes)}{total}"


def worker_rows(session: Session) -> list[WorkerRow]:
    """Every registered worker, oldest first."""
    now = session.execute(select(func.now())).scalar_one()
    in_hand = running_by_worker(session)
    return [_row(row, now, in_hand.get(row.id, [])) for row in workers.listed(session)]


def _row(row: Worker, now: datetime, jobs: Sequence[Job]) -> WorkerRow:
    silent = (now - row.heartbeat_at).total_seconds()
    state = "stale" if silent > WORKER_STALE_SECONDS else row.state
    return WorkerRow(
        id=row.id,
        host=row.host,
        pid=row.pid,
        device=row.device,
        variants=list(row.variants),
        resident=list(row.resident),
        loading_text=_loading(row),
        state=state,
        memory_used_bytes=row.memory_used_bytes,
        memory_total_bytes=row.memory_total_bytes,
        up_seconds=(now - row.started_at).total_seconds(),
        heartbeat_seconds=max(0.0, silent),
        is_draining=row.drained_at is not None,
        jobs=jobs,
    )


def _loading(row: Worker) -> str:
    if row.loading is None:
        return ""
    return f"{row.loading}, {row.loading_fraction or 0:.0%} loaded"
