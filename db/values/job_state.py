"""The states of a job, their writers, and the effect of a crash at that moment.

    queued ──► running ──► succeeded | failed | canceled
      ▲  │        │
      │  │        └──► queued           (retry, or the lease ran out)
      │  └──► canceled | expired
      └─ submission

Only `db.jobs.submit`, `claim`, `finish` and `complete` write the column, and every UPDATE names the
state that it leaves.
"""

from enum import StrEnum


class JobState(StrEnum):
    """The state of a job."""

    # Written by a submission, together with the hold; by the sweeper when a lease has run out; by a
    # worker that retries the job. A crash loses at most the ticket, which the sweeper sends again.
    QUEUED = "queued"

    # Written by a worker's claim, with the next attempt number and a lease. When the worker
    # crashes, the lease runs out: the job is queued again, or fails after its last attempt.
    RUNNING = "running"

    # Written by the worker that has the attempt, with settlement, usage event and artifacts in the
    # same transaction. After a crash before the commit the job is still running; after the commit
    # nothing is left to do.
    SUCCEEDED = "succeeded"

    # Written by the worker that has the attempt, or by the sweeper after the last lost lease; the
    # hold is released in the same transaction.
    FAILED = "failed"

    # Written by the API for the job's owner, from queued or running; the hold is released. A worker
    # that still runs the job learns it from its next heartbeat; its claim is invalid at once.
    CANCELED = "canceled"

    # Written by the sweeper once `expires_at` has passed and no worker has claimed the job.
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
    """A tenant's ranking of its own jobs; it scales their cost in the fair share."""

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
