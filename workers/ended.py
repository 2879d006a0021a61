"""What came of a job on the device, and what of it is entered into the books."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.job_values import Result, StoredArtifact
from workers.adapters.protocol import Output, Work
from workers.device_call import Outcome
from workers.in_hand import InHand


@dataclass(frozen=True)
class Ended:
    """A job that has left the device, and what came of it there."""

    job: InHand
    work: Work
    outcome: Outcome
    run_seconds: float


def result_of(ended: Ended, artifacts: Sequence[StoredArtifact], store_seconds: float) -> Result:
    """What a completion enters of a job that succeeded."""
    return Result(
        output=ended.outcome.data if isinstance(ended.outcome, Output) else None,
        artifacts=tuple(artifacts),
        steps=ended.job.progress[1],
        run_seconds=ended.run_seconds,
        store_seconds=store_seconds,
    )
