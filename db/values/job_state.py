"""The states of a job, who moves it, and what a crash at that moment does.

    queued ──► running ──► succeeded | failed | canceled
      ▲  │        │
      │  │        └──► queued           (retry, or the lease ran out)
      │  └──► canceled | expired
      └─ submission

Only `db.jobs.transitions` writes the column, and every write names the state that it leaves.
"""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    # Written by a submission, together with the hold; by maintenance when a lease ran out; by a
    # worker that will try again. A crash loses at most the ticket, which maintenance rings again.
    QUEUED = "queued"

    # Written by a worker's claim, with the next attempt number and a lease. A crash of the worker
    # lets the lease run out: the job is queued again, or fails after its last attempt.
    RUNNING = "running"

    # Written by the worker that holds the attempt, with settlement, usage event and artifacts in
    # the same transaction. A crash before the commit leaves it running; after it, nothing to do.
    SUCCEEDED = "succeeded"

    # Written by the worker that holds the attempt, or by maintenance after the last lost lease;
    # the hold is released in the same transaction.
    FAILED = "failed"

    # Written by the API for the job's owner, queued or running; the hold is released. A worker
    # that still runs it learns so from its next heartbeat, and its fence is gone either way.
    CANCELED = "canceled"

    # Written by maintenance once `expires_at` has passed and no worker has claimed the job.
    EXPIRED = "expired"


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELED, JobState.EXPIRED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.QUEUED}
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELED: frozenset(),
    JobState.EXPIRED: frozenset(),
}

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)

ACTIVE = frozenset(JobState) - TERMINAL


class Priority(StrEnum):
    """How a tenant ranks its own jobs; it scales their cost in the fair share."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


PRIORITY_FACTOR: dict[Priority, float] = {
    Priority.LOW: 0.5,
    Priority.NORMAL: 1.0,
    Priority.HIGH: 2.0,
}


def sources_of(target: JobState) -> frozenset[JobState]:
    """The states from which `target` may be entered."""
    return frozenset(state for state, following in TRANSITIONS.items() if target in following)
