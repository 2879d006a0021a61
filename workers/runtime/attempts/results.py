"""What has left the device, and the result that it makes."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.jobs.types import NewArtifact, Result
from workers.adapters.protocol import Output, Work
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.device import Outcome


@dataclass(frozen=True)
class AttemptResult:
    """A job that has left the device, and what came of it there."""

    job: ActiveJob
    work: Work
    outcome: Outcome
    run_seconds: float


def is_plain(outcome: Outcome) -> bool:
    """Whether it is a result with nothing to upload."""
    return isinstance(outcome, Output) and not outcome.is_to_be_stored


def result_of(
    ended: AttemptResult, artifacts: Sequence[NewArtifact], store_seconds: float
) -> Result:
    """What completes the job."""
    return Result(
        output=ended.outcome.data if isinstance(ended.outcome, Output) else None,
        artifacts=tuple(artifacts),
        steps=ended.job.progress[1],
        run_seconds=ended.run_seconds,
        store_seconds=store_seconds,
    )
