"""Spans of attempts: the time that a job was queued, and the stages of each attempt."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.jobs import traces
from workers.runtime.active_jobs import ActiveJob
from workers.telemetry import tracing

_log = structlog.get_logger(__name__)


@contextmanager
def attempt_spans(database: Database, jobs: Sequence[ActiveJob]) -> Iterator[None]:
    """A span around the attempt at each job of a batch, in the trace of its submission."""
    if not tracing.is_on():
        yield
        return
    parents = _parents(database, jobs)
    with ExitStack() as attempts:
        for job in jobs:
            row, parent = job.row, parents.get(job.row.id)
            attributes: dict[str, str | int | float] = {
                "job.id": row.id,
                "job.variant": row.variant,
                "job.attempt": row.attempt,
            }
            if row.started_at is not None:
                tracing.record_between("queued", parent, row.created_at, row.started_at, attributes)
            attributes["batch.size"] = len(jobs)
            job.span = attempts.enter_context(tracing.span("attempt", parent, attributes))
        yield


def _parents(database: Database, jobs: Sequence[ActiveJob]) -> Mapping[str, str]:
    """The spans of the submissions; a trace may break, but no job fails for one."""
    try:
        with database.transaction(durable=False) as session:
            return traces.of_jobs(session, [job.row.id for job in jobs])
    except SQLAlchemyError as error:
        _log.warning("trace_broken", jobs=len(jobs), error=type(error).__name__)
        return {}
