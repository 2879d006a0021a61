"""The history of a job, in order of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.web.shared.formats import short_id
from db.tables import Attempt, Job
from db.values.job_state import TERMINAL, JobState


@dataclass(frozen=True)
class Step:
    """One event of the history.

    Attributes:
        kind: good, bad, run or "", for its colour.
        after: seconds since the step before; None for the first.
    """

    at: datetime
    text: str
    kind: str
    after: float | None


@dataclass(frozen=True)
class AttemptRow:
    """One attempt; while it runs, `outcome` is running and `seconds` is None."""

    number: int
    worker_id: str
    seconds: float | None
    outcome: str


def attempt_rows(attempts: Sequence[Attempt]) -> list[AttemptRow]:
    """Every attempt, first to last."""
    return [
        AttemptRow(row.number, row.worker_id, _seconds(row), row.outcome or JobState.RUNNING)
        for row in attempts
    ]


def _seconds(row: Attempt) -> float | None:
    return None if row.ended_at is None else (row.ended_at - row.started_at).total_seconds()


def timeline(job: Job, attempts: Sequence[Attempt]) -> list[Step]:
    """The steps from the submission to the job's end, or to now."""
    events = list(_events(job, attempts))
    previous = [None, *(at for at, _, _ in events)]
    return [
        Step(at, text, kind, None if last is None else max(0.0, (at - last).total_seconds()))
        for (at, text, kind), last in zip(events, previous, strict=False)
    ]


def _events(job: Job, attempts: Sequence[Attempt]) -> Iterator[tuple[datetime, str, str]]:
    yield job.created_at, "submitted", ""
    for row in attempts:
        yield row.started_at, f"attempt {row.number} started by {short_id(row.worker_id)}", "run"
        is_last = row.number == job.attempt and job.state in TERMINAL
        if row.ended_at is not None and not is_last:
            yield row.ended_at, f"attempt {row.number} ended: {row.outcome}", "bad"
    if job.finished_at is not None:
        yield job.finished_at, _end_text(job), _end_kind(job.state)


def _end_text(job: Job) -> str:
    return f"{job.state}: {job.error_code}" if job.error_code else job.state


def _end_kind(state: str) -> str:
    return {JobState.SUCCEEDED: "good", JobState.FAILED: "bad"}.get(JobState(state), "")
