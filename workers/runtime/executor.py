"""The pipeline of a batch: claim, prepare, run, review, store and settle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from db.core.session import Database
from db.jobs.claim import claim_jobs
from db.jobs.types import ClaimedJobs
from db.tables import Job
from db.values.job_state import JobState
from workers.adapters.protocol import Output, Work
from workers.messaging.events import Publisher
from workers.moderation.moderator import Moderator
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.attempts.results import AttemptResult
from workers.runtime.attempts.spans import attempt_spans
from workers.runtime.attempts.webhooks import enqueue_starts
from workers.runtime.device import Device
from workers.runtime.failures import FailureRecorder
from workers.runtime.inputs import InputLoader
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.results import ResultWriter
from workers.runtime.shared_lock import SharedExclusiveLock
from workers.settings import WorkerSettings
from workers.telemetry import tracing
from workers.telemetry.metrics import observe_wait


@dataclass(frozen=True)
class Stages:
    """The parts of the pipeline that have modules of their own."""

    inputs: InputLoader
    device: Device
    moderator: Moderator
    results: ResultWriter
    failures: FailureRecorder


class Executor:
    """Runs batches. Several threads may; the device runs one batch at a time.

    While one batch is on the device, another thread fetches the next one's inputs and a third
    encodes and stores the last one's results.

    Args:
        worker_id: the claims' worker.
        settings: the length of a lease.
        database: the rows.
        publisher: publishes that jobs run.
        active_jobs: shared with the heartbeat, which renews their leases.
        model_cache: the models that the worker serves.
        stages: the rest of the pipeline.
        on_backlog: called with a variant of which a claim left jobs that others could take.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        settings: WorkerSettings,
        database: Database,
        publisher: Publisher,
        active_jobs: ActiveJobs,
        model_cache: ModelCache,
        stages: Stages,
        on_backlog: Callable[[str], object] = lambda _variant: None,
    ) -> None:
        self._worker_id = worker_id
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._active_jobs = active_jobs
        self._model_cache = model_cache
        self._stages = stages
        self._on_backlog = on_backlog
        self._lock = SharedExclusiveLock()
        self._stopped = False

    def run_batch(self, variant_id: str) -> bool:
        """Claim a batch and process it; true when more jobs could be claimed then.

        A suspect, a job whose last worker was lost, is claimed while this process has no other
        job: should it end this process too, no other job is lost with it.
        """
        for lock, suspects in ((self._lock.shared, False), (self._lock.exclusive, True)):
            with lock():
                if not self._may_claim(variant_id):
                    return False
                with self._database.autocommit() as session:
                    claimed = claim_jobs(
                        session,
                        variant=variant_id,
                        worker_id=self._worker_id,
                        lease_seconds=self._settings.lease_seconds,
                        suspects=suspects,
                    )
                if isinstance(claimed, ClaimedJobs):
                    self._process(self._model_cache.served[variant_id], claimed)
                    return claimed.more
        return False

    def _may_claim(self, variant_id: str) -> bool:
        failed = self.device.has_failed
        return not (self._stopped or failed) and self._model_cache.admits(variant_id)

    def _process(self, served: ServedModel, claimed: ClaimedJobs) -> None:
        jobs = self._activate(served, claimed.jobs)
        if claimed.more:
            self._on_backlog(served.variant.id)
        try:
            with attempt_spans(self._database, jobs):
                batch = self._prepare(served, jobs)
                results = [self._review(result) for result in self._run(served, batch)]
                self._stages.results.settle(results)
        finally:
            for job in jobs:
                self._active_jobs.remove(job)

    def _activate(self, served: ServedModel, rows: Sequence[Job]) -> list[ActiveJob]:
        slowdown, longest = served.plan.slowdown, served.variant.longest_deadline
        jobs = [ActiveJob(row, slowdown=slowdown, longest_seconds=longest) for row in rows]
        self._active_jobs.add(jobs)
        for job in jobs:
            self._publisher.publish_state(job.row.id, JobState.RUNNING, attempt=job.row.attempt)
            observe_wait(job.row)
        enqueue_starts(self._database, rows)
        return jobs

    def _prepare(
        self, served: ServedModel, jobs: Sequence[ActiveJob]
    ) -> list[tuple[ActiveJob, Work]]:
        batch = []
        for job in jobs:
            try:
                batch.append((job, self._stages.inputs.load(served, job)))
            except Exception as error:  # noqa: BLE001 - a job must end, whatever its inputs do
                self._stages.failures.record(job, error)
        return batch

    def _run(
        self, served: ServedModel, batch: Sequence[tuple[ActiveJob, Work]]
    ) -> list[AttemptResult]:
        if not batch:
            return []
        outcomes, seconds = self.device.run(
            served.adapter, batch, concurrency=served.variant.calls_at_once
        )
        for job, _ in batch:
            job.batch_size = len(batch)
            job.record_stage("run", seconds)
            tracing.record_elapsed("run", job.traceparent, seconds, {"batch.size": len(batch)})
        return [
            AttemptResult(job, work, outcome, seconds)
            for (job, work), outcome in zip(batch, outcomes, strict=True)
        ]

    def _review(self, result: AttemptResult) -> AttemptResult:
        """Replace an output that a content filter refuses by its refusal."""
        if isinstance(result.outcome, Output):
            try:
                self._stages.moderator.check_output(result.job.row, result.outcome)
            except Exception as error:  # noqa: BLE001 - an output that nobody judged is not stored
                return replace(result, outcome=error)
        return result

    @property
    def device(self) -> Device:
        """The device that its batches run on."""
        return self._stages.device

    def hand_back(self) -> None:
        """Give up every active job, for other workers: this process has no time left.

        The model call stops at its next step; a result that is being stored is dropped. Tickets
        that are still to be handled claim nothing more.
        """
        self._stopped = True
        for job in self._active_jobs.snapshot().values():
            self._stages.failures.hand_back(job)
            job.claim_lost.set()
