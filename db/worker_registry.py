"""The registry of worker processes, as they report themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.core.clock import ago
from db.tables import Worker
from db.values.worker_state import WorkerState


@dataclass(frozen=True)
class WorkerReport:
    """A worker's report of itself.

    Attributes:
        id: the worker's id.
        host: the name of its machine.
        pid: its process id there.
        device: "cpu", "cuda:N" or "cuda:" with a UUID; "auto" until it is chosen.
        variants: the models that it serves.
        state: its state now.
        memory_used_bytes: used memory of its device.
        memory_total_bytes: all memory of its device; 0 if unknown.
        resident: the models that are on the device.
        loading: the model that is being loaded; None if none is.
        loading_fraction: about how much of it is loaded, 0 to 1.
        loading_stage: "downloading", "loading" or "preparing"; None if nothing is being loaded.
        loading_bytes: bytes of that stage that are done; None if not known.
        loading_total_bytes: bytes of that stage in all; None if not known.
        plans: the memory plan by model, as JSON; with the problem of one that cannot be loaded.
        catalogue_digest: digest of the operator's catalogue file; "" where there is none.
        problem: why it could not start, or cannot serve a model, in one sentence; None if well.
    """

    id: str
    host: str
    pid: int
    device: str
    variants: Sequence[str]
    state: WorkerState
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    resident: Sequence[str] = ()
    loading: str | None = None
    loading_fraction: float | None = None
    loading_stage: str | None = None
    loading_bytes: int | None = None
    loading_total_bytes: int | None = None
    plans: Mapping[str, Any] = field(default_factory=dict)
    catalogue_digest: str = ""
    problem: str | None = None


def report(session: Session, worker: WorkerReport) -> bool:
    """Insert or renew a worker's row, by the database's clock.

    Returns:
        True when an operator has drained the worker: it must claim no more jobs.
    """
    values = {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "device": worker.device,
        "variants": list(worker.variants),
        "state": worker.state,
        "memory_used_bytes": worker.memory_used_bytes,
        "memory_total_bytes": worker.memory_total_bytes,
        "resident": list(worker.resident),
        "loading": worker.loading,
        "loading_fraction": worker.loading_fraction,
        "loading_stage": worker.loading_stage,
        "loading_bytes": worker.loading_bytes,
        "loading_total_bytes": worker.loading_total_bytes,
        "plans": dict(worker.plans),
        "catalogue_digest": worker.catalogue_digest,
        "problem": worker.problem,
    }
    statement = insert(Worker).values(
        **values, failed_at=func.now() if worker.state == WorkerState.FAILED else None
    )
    changed = {**values, "heartbeat_at": func.now(), "failed_at": _failed_at(worker)}
    if worker.state == WorkerState.STARTING and worker.problem is None:
        del changed["problem"]  # the reason of the last failure, until it is ready or fails again
    renewed = statement.on_conflict_do_update(index_elements=[Worker.id], set_=changed)
    return session.scalar(renewed.returning(Worker.drained_at)) is not None


def _failed_at(worker: WorkerReport) -> ColumnElement[Any]:
    """The new value of `failed_at`.

    A worker removes its row when it stops. One that starts while its row is still there has died
    before: in another process, or in a state that comes after the start. One that is ready again
    is well.
    """
    if worker.state == WorkerState.FAILED:
        return func.now()
    if worker.state != WorkerState.STARTING:
        return null()
    died = (Worker.state != WorkerState.STARTING) | (Worker.pid != worker.pid)
    return case((died, func.now()), else_=Worker.failed_at)


def remove(session: Session, worker_id: str) -> None:
    """Remove the row of a worker that has stopped."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def delete_stale(session: Session, *, older_than_seconds: float) -> int:
    """Remove rows that were not renewed for so long; the number removed."""
    removed = session.scalars(
        delete(Worker).where(Worker.heartbeat_at < ago(older_than_seconds)).returning(Worker.id)
    ).all()
    return len(removed)


def live_workers(session: Session, *, within_seconds: float) -> Sequence[Worker]:
    """The workers whose last report is at most so old."""
    recent = select(Worker).where(Worker.heartbeat_at > ago(within_seconds))
    return session.scalars(recent.order_by(Worker.started_at)).all()


def list_workers(session: Session) -> Sequence[Worker]:
    """Every registered worker."""
    return session.scalars(select(Worker).order_by(Worker.started_at)).all()
