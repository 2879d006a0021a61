"""The states that a worker process reports with its heartbeats."""

from enum import StrEnum


class WorkerState(StrEnum):
    """The state of a worker process. Only the worker itself writes it, by `db.worker_registry`.

    starting ──► ready ◄──► busy
        │          └────┬────┘
        ▼               ▼
      failed         draining ──► (its row is removed)
    """

    # Its models are not all ready yet. A second process that starts under the same id, while the
    # row of the first is still there, means that the first one died.
    STARTING = "starting"

    # It serves its models and runs nothing at the moment.
    READY = "ready"

    # It runs at least one job.
    BUSY = "busy"

    # It finishes its jobs and claims no more, because it was told to stop or cannot go on.
    DRAINING = "draining"

    # It could not start.
    FAILED = "failed"


SERVING = (WorkerState.READY, WorkerState.BUSY)
"""The states in which a live worker serves its models."""
