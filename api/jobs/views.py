"""Rendering of a job's row as the JSON that clients get."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from api.schemas.jobs import (
    Charge,
    JobError,
    JobUrls,
    JobView,
    Price,
    Progress,
    RequestWarningView,
    Timings,
    WaitingView,
)
from api.services import Services
from db.artifacts.listing import output_fields
from db.billing.holds import BALANCE
from db.jobs.queries import artifacts_of
from db.jobs.waiting import Waiting, queue_positions
from db.reports.usage import canceled_work
from db.tables import Artifact, Job, UsageEvent
from db.values.cancel_charge import MICRO
from db.values.job_state import TERMINAL, JobState, Priority
from db.values.surfaces import SurfaceName


class JobViews:
    """Renders jobs for one request.

    Args:
        services: the process's services.
        base: the service's own URL, for the links in the views.
        direct: true for artifact URLs that are never redirected to the object store.
    """

    def __init__(self, services: Services, base: str, *, direct: bool = False) -> None:
        self._services = services
        self._base = base
        self._direct = direct

    @property
    def base(self) -> str:
        """The service's own URL, with which the links begin."""
        return self._base

    @property
    def direct(self) -> bool:
        """True when artifact URLs are never redirected."""
        return self._direct

    def render(self, session: Session, jobs: Sequence[Job]) -> list[JobView]:
        """The views of jobs, with fresh artifact URLs, and the reason of a queued job's wait."""
        succeeded = [job.id for job in jobs if job.state == JobState.SUCCEEDED]
        artifacts = artifacts_of(session, succeeded) if succeeded else {}
        canceled = [job.id for job in jobs if job.state == JobState.CANCELED]
        charges = canceled_work(session, canceled) if canceled else {}
        queued = [job.id for job in jobs if job.state == JobState.QUEUED]
        waiting = queue_positions(session, queued) if queued else {}
        return [
            self._view(
                job,
                _waiting(waiting.get(job.id)),
                artifacts.get(job.id, []),
                _charge(job, charges.get(job.id)),
            )
            for job in jobs
        ]

    def _view(
        self,
        job: Job,
        waiting: WaitingView | None,
        artifacts: Sequence[Artifact],
        charge: Charge | None,
    ) -> JobView:
        return JobView(
            id=job.id,
            model=job.variant,
            state=JobState(job.state),
            attempt=job.attempt,
            priority=Priority(job.priority),
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            progress=_progress(job),
            waiting=waiting,
            price=Price(amount_micros=job.price_micros, covered_by=job.covered_by),
            charge=charge,
            cancel_requested_at=job.cancel_requested_at,
            output=self._output(job, artifacts),
            error=_error(job),
            metadata=job.job_metadata,
            surface=SurfaceName(job.surface),
            warnings=[RequestWarningView(**entry) for entry in job.warnings or ()],
            keep_seconds=job.keep_seconds,
            kept_until=_kept_until(job, artifacts),
            timings=_timings(job),
            urls=self._urls(job.id),
        )

    def _output(self, job: Job, artifacts: Sequence[Artifact]) -> dict[str, object] | None:
        if job.state != JobState.SUCCEEDED:
            return None
        return {**(job.output or {}), **output_fields(artifacts, self._artifact_url)}

    def _artifact_url(self, artifact: Artifact) -> dict[str, object]:
        urls = self._services.artifact_urls
        path = urls.path(artifact.job_id, artifact.n, artifact.media_type, direct=self._direct)
        return {
            "url": None if artifact.removed_at else self._base + path,
            "expires_at": artifact.expires_at,
        }

    def _urls(self, job_id: str) -> JobUrls:
        own = f"{self._base}/v1/jobs/{job_id}"
        return JobUrls(self=own, events=f"{own}/events", cancel=f"{own}/cancel")


def etag(view: JobView) -> str:
    """A validator that changes with the job, but not with the fresh artifact URLs."""
    content = repr(
        (
            view.id,
            view.state,
            view.attempt,
            view.progress,
            view.waiting,
            view.cancel_requested_at is None,
            # Both go with the job's contents.
            bool(view.output),
            bool(view.metadata),
        )
    )
    return f'W/"{hashlib.sha256(content.encode()).hexdigest()[:16]}"'


def is_over(view: JobView) -> bool:
    """True when the job is in a terminal state."""
    return view.state in TERMINAL


def _charge(job: Job, canceled: UsageEvent | None) -> Charge | None:
    if job.state not in TERMINAL:
        return None
    if job.state == JobState.SUCCEEDED:
        pays = job.covered_by == BALANCE
        return Charge(amount_micros=job.price_micros if pays else 0, units=job.units, ran=1)
    if canceled is None:
        return Charge(amount_micros=0, units=0, ran=0)
    ran = (canceled.ran_micro_units or 0) / (job.units * MICRO)
    return Charge(amount_micros=canceled.amount_micros, units=canceled.units, ran=round(ran, 4))


def _kept_until(job: Job, artifacts: Sequence[Artifact]) -> datetime | None:
    """The moment from which its results, or all its contents, are removed."""
    if job.finished_at is not None and job.keep_seconds is not None:
        return job.finished_at + timedelta(seconds=job.keep_seconds)
    times = [each.expires_at for each in artifacts if each.expires_at is not None]
    return min(times, default=None)


def _waiting(waiting: Waiting | None) -> WaitingView | None:
    if waiting is None:
        return None
    return WaitingView(
        reason=waiting.reason,
        position=waiting.position,
        expected_seconds=waiting.expected_seconds,
        progress=waiting.progress,
        stage=waiting.stage,
        loaded_bytes=waiting.loaded_bytes,
        total_bytes=waiting.total_bytes,
        cold_start=waiting.cold_start,
    )


def _progress(job: Job) -> Progress | None:
    if not job.progress_steps:
        return None
    fraction = round(job.progress_step / job.progress_steps, 4)
    return Progress(step=job.progress_step, steps=job.progress_steps, fraction=fraction)


def _error(job: Job) -> JobError | None:
    if job.error_code is None:
        return None
    return JobError(
        code=job.error_code,
        message=job.error_message or "",
        retryable=bool(job.error_retryable),
    )


def _timings(job: Job) -> Timings:
    started_at = job.started_at
    return Timings(
        queued_seconds=(started_at - job.created_at).total_seconds() if started_at else None,
        run_seconds=job.run_seconds,
        store_seconds=job.store_seconds,
    )
