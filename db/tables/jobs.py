"""Jobs, their attempts, and the queues they wait in."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base
from db.values.fair_share import is_finite
from db.values.job_state import ACTIVE, JobState

_states = ", ".join(f"'{state}'" for state in JobState)
_active = ", ".join(f"'{state}'" for state in sorted(ACTIVE))

KEPT_UNTIL = "(finished_at AT TIME ZONE 'UTC') + keep_seconds * '00:00:01'::interval"
"""The moment from which a job's contents are removed, in UTC; without the zone, whose arithmetic
depends on a session's settings, it can be indexed."""
HAS_KEPT_CONTENTS = "keep_seconds IS NOT NULL AND finished_at IS NOT NULL AND input <> '{}'"
"""The predicate of finished jobs with a time of their own whose contents are still there."""


class Job(Base):
    """One job of a tenant; this row is the only truth about it.

    A submission inserts it. Only `db.jobs` writes its state, each time by an UPDATE that names the
    state that it leaves.
    """

    __tablename__ = "jobs"

    # Starts with `job_`; ids sort by the time of submission.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The tenant that submitted the job and pays for it.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # The model that runs the job, which is also the name of its queue.
    variant: Mapped[str]
    # A `JobState`.
    state: Mapped[str]
    # A `Priority`: how the tenant ranks its own jobs.
    priority: Mapped[str]
    # Validated and self-contained parameters; pictures in it are references to stored objects.
    input: Mapped[dict[str, Any]]
    # The client's own metadata, returned as it came; `{}` if none.
    job_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")

    # Only jobs with the same key may run in one call of the model.
    batch_key: Mapped[str]
    # The most jobs in one call of the model; 1 runs the job alone.
    batch_limit: Mapped[int]
    # Estimated device-seconds, for the fair share and for expected waits.
    cost_seconds: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    # The job's length in virtual time: its cost over the weight of its tier and priority.
    fair_share: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    # The start tag in virtual time, assigned at submission; the queue is ordered by it.
    fair_start: Mapped[float] = mapped_column(DOUBLE_PRECISION)

    # The number of the newest attempt, 0 before the first claim. It is the fence: a worker that has
    # an older number can no longer change the job.
    attempt: Mapped[int] = mapped_column(default=0)
    # The job fails for good when this many attempts have failed; a hand-back adds one.
    max_attempts: Mapped[int]
    # The worker of the newest attempt, written by the claim; null before, and while the job waits
    # for another attempt.
    worker_id: Mapped[str | None]
    # The end of the worker's lease, by the database's clock; heartbeats renew it. Null unless the
    # job is running.
    leased_until: Mapped[datetime | None]
    # Not claimable before this time: the submission, or the end of the backoff after a failure.
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # The job expires if no worker has claimed it by then; null never expires.
    expires_at: Mapped[datetime | None]
    # The longest that one attempt may run.
    deadline_seconds: Mapped[float] = mapped_column(DOUBLE_PRECISION)

    # Steps that the model has done in this attempt, written by heartbeats.
    progress_step: Mapped[int] = mapped_column(default=0)
    # Steps that the attempt has in all; 0 until a worker has reported them.
    progress_steps: Mapped[int] = mapped_column(default=0)

    # A `UnitKind`: which allowance the job draws on.
    unit_kind: Mapped[str]
    # Pictures or analyses that the job makes.
    units: Mapped[int]
    # The quote in micro-USD, fixed at submission.
    price_micros: Mapped[int] = mapped_column(BigInteger)
    # "allowance" or "balance": where the hold was placed.
    covered_by: Mapped[str]
    # The cost of one task at the vendor in micro-USD; null if the model runs on own devices.
    vendor_micros: Mapped[int | None] = mapped_column(BigInteger)

    # A `db.webhooks.types.Webhook` as JSON; null if nobody is to be notified.
    webhook: Mapped[dict[str, Any] | None]
    # The id of the HTTP request that submitted the job, for the logs; null if there was none.
    request_id: Mapped[str | None]
    # A `SurfaceName`: the API that the job came by.
    surface: Mapped[str] = mapped_column(server_default="native")
    # What that API needs to show the job again, such as the name of the model that was asked for;
    # null if nothing.
    surface_request: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # What could not be honoured, as a list of `db.jobs.types.RequestWarning`; null if all was.
    warnings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    # A hash of the API key and the request's body: a client that sends it again, while this job is
    # not over, gets this job. Null if equal requests are jobs of their own.
    deduplication_digest: Mapped[bytes | None]
    # Synchronous requests that wait for the job: when the last of them leaves, it is canceled. 0
    # for a job that goes on whoever leaves.
    sync_clients: Mapped[int] = mapped_column(server_default="0")
    # The time for which its contents and results are kept, in seconds from its end: its owner's
    # or its tier's at submission, whichever is less. Null keeps results for the service's own time,
    # and the contents as long as the row.
    keep_seconds: Mapped[int | None]

    # The result apart from stored artifacts, as JSON; null until the job succeeds, or if none.
    output: Mapped[dict[str, Any] | None]
    # A stable code of the failure; null unless the job failed.
    error_code: Mapped[str | None]
    # A sentence for the owner of the job; null unless the job failed.
    error_message: Mapped[str | None]
    # True if the same job may succeed when it is submitted again; null unless the job failed.
    error_retryable: Mapped[bool | None]

    # When the job was submitted.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When the newest attempt was claimed; null before the first.
    started_at: Mapped[datetime | None]
    # When the job reached a terminal state; null before.
    finished_at: Mapped[datetime | None]
    # When the owner canceled a job that a vendor may have: it is canceled unless the vendor
    # delivers. Null if nobody did.
    cancel_requested_at: Mapped[datetime | None]
    # Seconds on the device in the attempt that succeeded; null unless the job succeeded.
    run_seconds: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)
    # Seconds to encode and upload the results; null unless the job succeeded.
    store_seconds: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)

    __table_args__ = (
        CheckConstraint(f"state IN ({_states})", "state_known"),
        CheckConstraint("(state = 'running') = (leased_until IS NOT NULL)", "leased_when_running"),
        CheckConstraint(
            f"(state IN ({_active})) = (finished_at IS NULL)", "finished_when_terminal"
        ),
        CheckConstraint("(state = 'failed') = (error_code IS NOT NULL)", "error_when_failed"),
        CheckConstraint(is_finite("cost_seconds"), "cost_seconds_finite"),
        CheckConstraint(is_finite("fair_share"), "fair_share_finite"),
        CheckConstraint(is_finite("fair_start"), "fair_start_finite"),
        CheckConstraint(is_finite("deadline_seconds"), "deadline_seconds_finite"),
        Index(
            "ix_jobs_queue",
            "variant",
            "fair_start",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_jobs_batch_mates",
            "variant",
            "batch_key",
            "fair_start",
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_jobs_leases", "leased_until", postgresql_where=text("state = 'running'")),
        Index(
            "ix_jobs_expiry",
            "expires_at",
            postgresql_where=text("state = 'queued' AND expires_at IS NOT NULL"),
        ),
        Index("ix_jobs_tenant_newest", "tenant_id", text("id DESC")),
        Index("ix_jobs_variant_newest", "variant", text("id DESC")),
        Index(
            "ix_jobs_surface_newest",
            "surface",
            text("id DESC"),
            postgresql_where=text("surface <> 'native'"),
        ),
        Index(
            "ix_jobs_given_up",
            "state",
            text("id DESC"),
            postgresql_where=text("state = 'canceled' OR state = 'expired'"),
        ),
        Index("ix_jobs_created", "created_at"),
        Index(
            "uq_jobs_active_digest",
            "tenant_id",
            "deduplication_digest",
            unique=True,
            postgresql_where=text(
                "(state = 'queued' OR state = 'running') AND deduplication_digest IS NOT NULL"
            ),
        ),
        Index("ix_jobs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index("ix_jobs_kept", text(f"({KEPT_UNTIL})"), postgresql_where=text(HAS_KEPT_CONTENTS)),
        Index(
            "ix_jobs_failed",
            "error_code",
            text("id DESC"),
            postgresql_where=text("state = 'failed'"),
        ),
        Index(
            "ix_jobs_failed_variant",
            "variant",
            text("id DESC"),
            postgresql_where=text("state = 'failed'"),
        ),
        Index(
            "ix_jobs_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_where=text("metadata <> '{}'"),
        ),
    )


class Attempt(Base):
    """One attempt at a job by one worker; the claim inserts it."""

    __tablename__ = "attempts"

    # The job.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    # Counts the attempts at the job, from 1.
    number: Mapped[int] = mapped_column(primary_key=True)
    # The worker that claimed it.
    worker_id: Mapped[str]
    # When the worker claimed it.
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When the attempt ended; null while it runs.
    ended_at: Mapped[datetime | None]
    # The terminal state that it led to, the error code of its failure, "worker_lost" or
    # "handed_back"; null while it runs.
    outcome: Mapped[str | None]


class Queue(Base):
    """The virtual time of a variant's queue, and the switch that pauses it."""

    __tablename__ = "queues"

    # The name of the queue; the first claim or pause inserts the row.
    variant: Mapped[str] = mapped_column(primary_key=True)
    # The start tag of the last claimed head of a batch, in device-seconds per unit of weight.
    virtual_time: Mapped[float] = mapped_column(DOUBLE_PRECISION, default=0.0)
    # When an operator paused the queue, so that nothing is claimed; null if it is not paused.
    paused_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint(is_finite("virtual_time"), "virtual_time_finite"),)


class FairTag(Base):
    """The virtual time at which a tenant's last job in a queue finishes."""

    __tablename__ = "fair_tags"

    # The queue.
    variant: Mapped[str] = mapped_column(primary_key=True)
    # The tenant.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    # The start of the tenant's next job, unless the queue's virtual time is later. A submission
    # adds the job's share; a job that ends without an attempt subtracts it.
    finish: Mapped[float] = mapped_column(DOUBLE_PRECISION)

    __table_args__ = (CheckConstraint(is_finite("finish"), "finish_finite"),)
