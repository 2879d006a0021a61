"""The workers as they last reported, with their running jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.web.shared.formats import duration, size
from api.web.shared.job_labels import load_text
from db import worker_registry as workers
from db.jobs.queries import running_by_worker
from db.jobs.waiting import WORKER_STALE_SECONDS
from db.tables import Job, Worker
from db.values.worker_state import SERVING


@dataclass(frozen=True)
class WorkerRow:
    """One worker.

    Attributes:
        resident: the models on the device.
        plans: how each model is served, or when it is tried again, in a sentence by its id.
        loading_text: the model that is being loaded, with its progress; "" when none is.
        state: as reported, or `stale` after too long without a report.
        catalogue_digest: digest of the catalogue file that it reads; "" for none.
        problem: why it could not start, or cannot serve a model; "" when it is well.
        jobs: its running jobs, oldest first.
    """

    id: str
    host: str
    pid: int
    device: str
    variants: list[str]
    resident: list[str]
    plans: Mapping[str, str]
    loading_text: str
    state: str
    memory_used_bytes: int
    memory_total_bytes: int
    up_seconds: float
    heartbeat_seconds: float
    is_draining: bool
    catalogue_digest: str
    problem: str
    jobs: Sequence[Job]

    @property
    def is_stale(self) -> bool:
        """True when the last report is too old to count."""
        return self.heartbeat_seconds > WORKER_STALE_SECONDS

    @property
    def is_ready(self) -> bool:
        """True when the worker takes jobs."""
        return self.state in SERVING

    @property
    def memory_text(self) -> str:
        """The memory of its models, of the total where that is known."""
        total = f" of {size(self.memory_total_bytes)}" if self.memory_total_bytes else ""
        return f"{size(self.memory_used_bytes)}{total}"


def worker_rows(session: Session) -> list[WorkerRow]:
    """Every registered worker, oldest first."""
    now = session.execute(select(func.now())).scalar_one()
    running = running_by_worker(session)
    return [_row(row, now, running.get(row.id, [])) for row in workers.list_workers(session)]


def _row(row: Worker, now: datetime, jobs: Sequence[Job]) -> WorkerRow:
    silent_seconds = (now - row.heartbeat_at).total_seconds()
    state = "stale" if silent_seconds > WORKER_STALE_SECONDS else row.state
    return WorkerRow(
        id=row.id,
        host=row.host,
        pid=row.pid,
        device=row.device,
        variants=list(row.variants),
        resident=list(row.resident),
        plans={name: text for name, plan in row.plans.items() if (text := _plan_text(plan))},
        loading_text=_loading_text(row),
        state=state,
        memory_used_bytes=row.memory_used_bytes,
        memory_total_bytes=row.memory_total_bytes,
        up_seconds=(now - row.started_at).total_seconds(),
        heartbeat_seconds=max(0.0, silent_seconds),
        is_draining=row.drained_at is not None,
        catalogue_digest=row.catalogue_digest,
        problem=row.problem or "",
        jobs=jobs,
    )


def _plan_text(plan: Mapping[str, Any]) -> str:
    if not plan.get("problem"):
        return str(plan.get("reason") or "")
    seconds = plan.get("retry_seconds") or 0
    again = f"in {duration(seconds)}, when a job waits" if seconds else "with the next job"
    return f"could not be loaded; tried again {again}"


def _loading_text(row: Worker) -> str:
    if row.loading is None:
        return ""
    done = load_text(row.loading_bytes, row.loading_total_bytes)
    return f"{row.loading}: {row.loading_stage or 'loading'}, {row.loading_fraction or 0:.0%}{done}"
