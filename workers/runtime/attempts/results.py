"""The result of one attempt after it has left the device."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.jobs.types import NewArtifact, Result
from workers.adapters.protocol import Output, Work
from workers.runtime.active_jobs import ActiveJob

Outcome = Output | Exception
"""The outcome of a model call for one job."""


@dataclass(frozen=True)
class AttemptResult:
    """A job that has left the device, and its outcome there."""

    job: ActiveJob
    work: Work
    outcome: Outcome
    run_seconds: float

    @property
    def needs_no_upload(self) -> bool:
        """True for a result that is JSON alone."""
        return isinstance(self.outcome, Output) and not self.outcome.is_to_be_stored

    def completion(
        self, artifacts: Sequence[NewArtifact] = (), store_seconds: float = 0.0
    ) -> Result:
        """The values that complete the job, once its artifacts are stored."""
        return Result(
            output=self.outcome.data if isinstance(self.outcome, Output) else None,
            artifacts=tuple(artifacts),
            steps=self.job.progress[1],
            run_seconds=self.run_seconds,
            store_seconds=store_seconds,
        )
