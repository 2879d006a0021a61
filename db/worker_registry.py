"""The register of worker processes, as they report themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Worker

_STARTING, _FAILED = "starting", "failed"


@dataclass(frozen=True)
class WorkerReport:
    """What a worker says of itself.

    Attributes:
        id: its own.
        host: where it runs.
        pid: its process there.
        device: "cpu" or "cuda:N".
        variants: what it serves.
        state: starting, ready, busy, draining or failed.
        memory_used_bytes: of its device.
        memory_total_bytes: the device's.
        resident: which of the variants are on the device.
        loading: the one on its way there.
        loading_fraction: about how much of that is there, 0 to 1.
    """

    id: str
    host: str
    pid: int
    device: str
    variants: Sequence[str]
    state: str
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    resident: Sequence[str] = ()
    loading: str | None = None
    loading_fraction: float | None = None


def report(session: Session, said: WorkerReport) -> bool:
    """Enter or renew a worker's row, by the database's clock.

    Returns:
        Whether an operator has drained it: it is to claim nothing new.
    """
    values = {
        "id": said.id,
        "host": said.host,
        "pid": said.pid,
        "device": said.device,
        "variants": list(said.variants),
        "state": said.state,
        "memory_used_bytes": said.memory_used_bytes,
        "memory_total_bytes": said.memory_total_bytes,
        "resident": list(said.resident),
        "loading": said.loading,
        "loading_fraction": said.loading_fraction,
    }
    statement = insert(Worker).values(
        **values, failed_at=func.now() if said.state == _FAILED else None
    )
    changed = {**values, "heartbeat_at": func.now(), "failed_at": _failed_at(said)}
    renewed = statement.on_conflict_do_update(index_elements=[Worker.id], set_=changed)
    return session.scalar(renewed.returning(Worker.drained_at)) is not None


def _failed_at(said: WorkerReport) -> ColumnElement[Any]:
    """Whoever starts under a row that never left has died; whoever is ready again is well."""
    if said.state == _FAILED:
        return func.now()
    if said.state != _STARTING:
        return null()
    died = (Worker.state != _STARTING) | (Worker.pid != said.pid)
    return case((died, func.now()), else_=Worker.failed_at)


def leave(session: Session, worker_id: str) -> None:
    """Remove the row of a worker that has stopped."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def forget_stale(session: Session, *, older_than_seconds: float) -> int:
    """Remove rows that have not been renewed; the number removed."""
    limit = func.now() - timedelta(seconds=older_than_seconds)
    gone = session.scalars(
        delete(Worker).where(Worker.heartbeat_at < limit).returning(Worker.id)
    ).all()
    return len(gone)


def listed(session: Session) -> Sequence[Worker]:
    """Every registered worker."""
    return session.scalars(select(Worker).order_by(Worker.started_at)).all()
