"""Jobs that a worker has claimed, shared between the executing and the heartbeat threads."""

import math
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opentelemetry.trace import INVALID_SPAN, Span

from db.jobs.types import Claim
from db.tables import Job
from workers.telemetry import tracing
from workers.telemetry.metrics import observe_stage


@dataclass(eq=False)
class ActiveJob:
    """One claimed job: its progress, and whether the claim still holds.

    Attributes:
        row: the job as it was claimed.
        progress: step and steps, written by the heartbeat.
        claim_lost: set once the job was canceled, or another attempt has it.
        entered_device_at: the start of the model call, monotonic; None before it.
        left_device: true once the device is free of the job.
        span: the attempt's span in its trace.
        slowdown: factor on the row's deadline, by the way in which this worker serves the model.
        longest_seconds: the longest deadline of its variant, however slow the worker.
        batch_size: jobs that were on the device together.
        is_logged: true once the log has the attempt's line.
        stage_seconds: the duration of each stage, by name.
    """

    row: Job
    progress: tuple[int, int] = (0, 0)
    claim_lost: threading.Event = field(default_factory=threading.Event)
    entered_device_at: float | None = None
    left_device: bool = False
    span: Span = INVALID_SPAN
    slowdown: float = 1.0
    longest_seconds: float = math.inf
    batch_size: int = 1
    is_logged: bool = False
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def claim(self) -> Claim:
        """The fence that every write of this attempt names."""
        return Claim(self.row.id, self.row.attempt)

    @property
    def traceparent(self) -> str | None:
        """The parent of this attempt's stages in its trace."""
        return tracing.traceparent_of(self.span)

    def record_stage(self, stage: str, seconds: float) -> None:
        """Record the duration of a stage of this attempt."""
        self.stage_seconds[stage] = round(seconds, 4)
        observe_stage(self.row.variant, stage, seconds)

    @property
    def deadline_seconds(self) -> float:
        """The longest time that the job may be on this worker's device.

        The row's, times 2.5 for a model served 2.5 times slower than its row says, and never more
        than `longest_seconds`, from which the times to stop a worker are derived.
        """
        own = float(self.row.deadline_seconds)
        return max(own, min(own * self.slowdown, self.longest_seconds))

    @property
    def overrun_seconds(self) -> float:
        """Seconds past the deadline on the device; negative before it, and off the device."""
        if self.entered_device_at is None or self.left_device:
            return -self.deadline_seconds
        return time.monotonic() - self.entered_device_at - self.deadline_seconds

    @property
    def is_overdue(self) -> bool:
        """True while the job is on the device for longer than its deadline."""
        return self.overrun_seconds > 0

    def enter_device(self) -> None:
        """Start the deadline: it counts from the model call, not from the claim."""
        self.entered_device_at = time.monotonic()
        self.left_device = False

    def leave_device(self) -> None:
        """Stop the deadline: encoding and storing have limits of their own."""
        self.left_device = True


class ActiveJobs:
    """The claimed jobs of one process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[Claim, ActiveJob] = {}

    def add(self, jobs: Iterable[ActiveJob]) -> None:
        """Add jobs that were claimed."""
        with self._changed:
            self._jobs.update((job.claim, job) for job in jobs)

    def remove(self, job: ActiveJob) -> None:
        """Remove a job; one that is not there is no error."""
        with self._changed:
            self._jobs.pop(job.claim, None)
            self._changed.notify_all()

    def wait_until_empty(self, timeout_seconds: float) -> bool:
        """Wait until no job is left; False when the time is over first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, timeout_seconds)

    def snapshot(self) -> Mapping[Claim, ActiveJob]:
        """The jobs of this moment, by claim."""
        with self._changed:
            return dict(self._jobs)
