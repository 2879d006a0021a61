"""What a worker has in hand: claimed jobs, shared between the executing and heartbeat threads."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from db.jobs.types import Claim
from db.tables import Job
from workers.telemetry import tracing
from workers.telemetry.metrics import stage_seconds_observed


@dataclass(eq=False)
class ActiveJob:
    """One claimed job: its progress, and whether the claim still holds.

    `batch` is how many jobs were on the device together, `seconds` how long each stage was,
    `told` whether the log has the attempt's line.
    """

    row: Job
    progress: tuple[int, int] = (0, 0)
    lost: threading.Event = field(default_factory=threading.Event)
    began_at: float | None = None
    left_device: bool = False
    span: tracing.Span = tracing.UNKEPT
    batch: int = 1
    told: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def spent(self, stage: str, seconds: float) -> None:
        """So long was a stage of this attempt."""
        self.seconds[stage] = round(seconds, 4)
        stage_seconds_observed(self.row.variant, stage, seconds)

    @property
    def claim(self) -> Claim:
        """The fence that every write of this attempt names."""
        return Claim(self.row.id, self.row.attempt)

    @property
    def overrun_seconds(self) -> float:
        """How far past its deadline the job is on the device; negative before, and off it."""
        if self.began_at is None or self.left_device:
            return -self.row.deadline_seconds
        return time.monotonic() - self.began_at - self.row.deadline_seconds

    @property
    def overdue(self) -> bool:
        """Whether the job is on the device for longer than its deadline."""
        return self.overrun_seconds > 0

    def begin(self) -> None:
        """A call with the job in it begins: its deadline counts from here, not from the claim."""
        self.began_at = time.monotonic()
        self.left_device = False

    def leave_device(self) -> None:
        """The device is free of the job; encoding and storing have limits of their own."""
        self.left_device = True


class ActiveJobs:
    """The jobs in hand of one process."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._jobs: dict[Claim, ActiveJob] = {}

    def add(self, jobs: Iterable[ActiveJob]) -> None:
        """Take jobs in hand."""
        with self._lock:
            self._jobs.update((job.claim, job) for job in jobs)

    def remove(self, job: ActiveJob) -> None:
        """Put a job down."""
        with self._lock:
            self._jobs.pop(job.claim, None)
            self._lock.notify_all()

    def wait_until_empty(self, seconds: float) -> bool:
        """Return once nothing is in hand, or after so long; whether nothing is."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._jobs, seconds)

    def snapshot(self) -> Mapping[Claim, ActiveJob]:
        """What is in hand now."""
        with self._lock:
            return dict(self._jobs)
