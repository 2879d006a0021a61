"""An answered ticket: claim, fetch, run, store, complete."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from PIL.Image import Image
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from db.core.session import Database
from db.jobs.claim import claim_jobs
from db.jobs.complete import complete_jobs
from db.jobs.finish import fail_job, hand_back_job, retry_job
from db.jobs.queries import was_completed
from db.jobs.types import Claim, Claimed, Failure, NewArtifact, Result, SuspectsTurn
from db.storage.keys import result_key
from db.storage.object_store import ObjectStore, StoreError
from db.tables import Job
from db.values.job_state import JobState
from workers.adapters.protocol import Output, Preparing, Stopped, Work
from workers.catalog.variant import picture_fields
from workers.messaging.events import Publisher
from workers.moderation.filter_file import Rules
from workers.moderation.moderator import Moderator
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.attempts.log import log_attempt
from workers.runtime.attempts.results import AttemptResult, is_plain, result_of
from workers.runtime.attempts.spans import attempt_spans
from workers.runtime.device import Device, Outcome
from workers.runtime.encoding import encoded_results
from workers.runtime.failures import NeverRunError, failure_of, retry_delay_seconds
from workers.runtime.inputs import LazyImages
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.previews import preview_of
from workers.runtime.resume_point import StoredResumePoint
from workers.runtime.retry import retrying
from workers.runtime.shared_lock import SharedExclusiveLock
from workers.settings import WorkerSettings
from workers.telemetry import tracing
from workers.telemetry.metrics import (
    attempt_retried,
    job_billed,
    job_finished,
    store_failed,
    wait_seconds_observed,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answered:
    """How many jobs a claim brought, and whether more could be claimed then."""

    jobs: int
    more: bool


class Executor:
    """Answers tickets. Several threads may; the device runs one batch at a time.

    While one batch is on the device, another thread fetches the next one's inputs and a third
    encodes and stores the last one's results.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that it works with
        self,
        *,
        worker_id: str,
        database: Database,
        store: ObjectStore,
        publisher: Publisher,
        active_jobs: ActiveJobs,
        settings: WorkerSettings,
        served: Mapping[str, ServedModel],
        more_waits: Callable[[str], object] = lambda _variant: None,
        moderator: Moderator | None = None,
        model_cache: ModelCache | None = None,
    ) -> None:
        """Make ready.

        Args:
            worker_id: whose claims they are.
            database: the rows.
            store: where inputs are and results go.
            publisher: tells what happens.
            active_jobs: what is in hand, shared with the heartbeat.
            settings: leases, patience and the like.
            served: the models by variant.
            more_waits: told of a variant of which a claim left jobs that others could take.
            moderator: applies the operator's content filters; without one nothing is refused.
            model_cache: which of the models are loaded; by default all are.
        """
        self._worker_id = worker_id
        self._database = database
        self._store = store
        self._publisher = publisher
        self._active_jobs = active_jobs
        self._settings = settings
        self._served = served
        self._more_waits = more_waits
        self._model_cache = model_cache or ModelCache.loaded(served)
        self._device = Device(publisher, self._model_cache.make_ready)
        self._moderator = moderator or Moderator(Rules(), database)
        self._lock = SharedExclusiveLock()
        self._handed_back = False

    @property
    def device_lost(self) -> bool:
        """Whether the device failed for good: only another process can answer tickets now."""
        return self._device.lost

    def answer(self, variant_id: str) -> Answered:
        """Claim a batch and carry it out; it is empty when others had the jobs.

        A job whose last worker was lost runs with nothing else in hand: should it kill this one
        too, it takes no other along.
        """
        served = self._served[variant_id]
        with self._lock.shared(), suppress(SuspectsTurn):
            return self._carry_out(served, self._claim(variant_id, suspects=False))
        with self._lock.exclusive():
            return self._carry_out(served, self._claim(variant_id, suspects=True))

    def _carry_out(self, served: ServedModel, claim: Claimed) -> Answered:
        claimed = self._take_in_hand(claim.jobs)
        if claim.more:
            self._more_waits(served.variant.id)
        with attempt_spans(self._database, claimed):
            self._attempt(served, claimed)
        return Answered(len(claimed), more=claim.more)

    def _attempt(self, served: ServedModel, claimed: Sequence[ActiveJob]) -> None:
        try:
            fetched = [(job, work) for job in claimed if (work := self._fetched(served, job))]
            outcomes, run_seconds = self._run(served, fetched)
            ended = [
                AttemptResult(job, work, self._reviewed(job, outcome), run_seconds)
                for (job, work), outcome in zip(fetched, outcomes, strict=True)
            ]
            together = self._finish_together(ended)
            for one in ended:
                if one.job.claim not in together:
                    self._finish(one)
        finally:
            for job in claimed:
                self._active_jobs.remove(job)

    def _claim(self, variant_id: str, *, suspects: bool) -> Claimed:
        """The next batch.

        Raises:
            SuspectsTurn: nothing, because it is a suspect's turn.
        """
        if self._handed_back or self.device_lost or not self._model_cache.admits(variant_id):
            return Claimed()
        with self._database.single_statements() as session:
            return claim_jobs(
                session,
                variant=variant_id,
                worker_id=self._worker_id,
                lease_seconds=self._settings.lease_seconds,
                suspects=suspects,
            )

    def _take_in_hand(self, rows: Sequence[Job]) -> list[ActiveJob]:
        claimed = [ActiveJob(row) for row in rows]
        self._active_jobs.add(claimed)
        for job in claimed:
            self._publisher.state(job.row.id, JobState.RUNNING, attempt=job.row.attempt)
            wait_seconds_observed(job.row)
        return claimed

    def _fetched(self, served: ServedModel, job: ActiveJob) -> Work | None:
        began = time.monotonic()
        with tracing.span("fetch", job.span.traceparent, {}):
            work = self._fetch(served, job)
        job.spent("fetch", time.monotonic() - began)
        return work

    def _fetch(self, served: ServedModel, job: ActiveJob) -> Work | None:
        """What the model needs of a job; None after failing a job whose inputs are unusable."""
        try:
            parameters = served.variant.parameters.model_validate(job.row.input)
            self._moderator.check_request(job.row, parameters)
            fields = {name: getattr(parameters, name) for name in picture_fields(type(parameters))}
            # A model elsewhere has many jobs waiting: their pictures would fill the memory.
            keep = served.variant.calls_at_once == 1
            found = {name: self._pictures(name, keys, keep=keep) for name, keys in fields.items()}
            self._moderator.check_inputs(job.row, found.values())
            note = StoredResumePoint(self._database, job.claim)
            preview = preview_of(
                job, parameters, self._publisher, lambda: self._moderator.judges(job.row)
            )
            work = Work(parameters, found, note=note, stored=self._stored, preview=preview)
            adapter = served.adapter
            here = served.variant.id in self._model_cache.ids
            return adapter.prepare(work) if here and isinstance(adapter, Preparing) else work
        except Exception as error:  # noqa: BLE001 - a job must end, whatever its inputs do
            self._fail(job, error)
            return None

    def _pictures(
        self, name: str, keys: str | Sequence[str] | None, *, keep: bool
    ) -> Sequence[Image]:
        # A mask is drawn in white: where it has no paint, nothing is masked.
        behind = "black" if name == "mask" else "white"
        names = [keys] if isinstance(keys, str) else keys or []
        stored = LazyImages(self._stored, names, behind)
        return list(stored) if keep else stored

    def _stored(self, key: str) -> bytes:
        get = retrying(self._settings, StoreError).wraps(self._store.get)
        return get(key).data

    def _run(
        self, served: ServedModel, fetched: Sequence[tuple[ActiveJob, Work]]
    ) -> tuple[Sequence[Outcome], float]:
        if not fetched:
            return [], 0.0
        outcomes, seconds = self._device.run(
            served.adapter, fetched, at_once=served.variant.calls_at_once
        )
        for job, _ in fetched:
            job.batch = len(fetched)
            job.spent("run", seconds)
            tracing.measured("run", job.span.traceparent, seconds, {"batch.size": len(fetched)})
        return outcomes, seconds

    def _reviewed(self, job: ActiveJob, outcome: Outcome) -> Outcome:
        """The outcome, or why what was painted must not be stored."""
        if not isinstance(outcome, Output):
            return outcome
        try:
            self._moderator.check_output(job.row, outcome)
        except Exception as error:  # noqa: BLE001 - what cannot be judged is not stored
            return error
        return outcome

    def _finish_together(self, ended: Sequence[AttemptResult]) -> set[Claim]:
        """Complete in one transaction all that has nothing to upload; which that was.

        Where a result is refused, each is finished on its own: a bad one spoils no other.
        """
        plain = [one for one in ended if is_plain(one.outcome)]
        if len(plain) < 2:  # noqa: PLR2004 - one alone is finished as any other
            return set()
        try:
            self._complete({one.job: result_of(one, (), 0.0) for one in plain})
        except OperationalError as error:  # away for longer than our patience: for all of them
            for one in plain:
                self._fail(one.job, error)
        except Exception as error:  # noqa: BLE001 - each is tried again alone, and told there
            _log.warning("batch_refused", jobs=len(plain), error=type(error).__name__)
            return set()
        for one in plain:
            self._active_jobs.remove(one.job)
        return {one.job.claim for one in plain}

    def _finish(self, ended: AttemptResult) -> None:
        try:
            if isinstance(ended.outcome, Output):
                self._succeed(ended, ended.outcome)
            else:
                self._fail(ended.job, ended.outcome)
        except Exception as error:  # noqa: BLE001 - one job's upload must not cost its mates
            self._fail(ended.job, error)
        finally:
            self._active_jobs.remove(ended.job)

    def _succeed(self, ended: AttemptResult, output: Output) -> None:
        began = time.monotonic()
        with tracing.span("store", ended.job.span.traceparent, {}):
            artifacts = self._upload(ended.job, ended.work, output)
        seconds = time.monotonic() - began
        ended.job.spent("store", seconds)
        result = result_of(ended, artifacts, seconds)
        if not self._complete({ended.job: result}):
            self._drop(artifacts)

    def _complete(self, results: Mapping[ActiveJob, Result]) -> set[Claim]:
        """Enter results and tell of them; those of lost races are left out of what is returned."""
        # Safe to try again: the fence lets one completion through, and tells whose it was.
        began = time.monotonic()
        completed = retrying(self._settings, OperationalError)(
            self._enter, {job.claim: result for job, result in results.items()}
        )
        seconds = time.monotonic() - began
        for job in results:
            tracing.measured("complete", job.span.traceparent, seconds, {})
            job.spent("complete", seconds)
            if job.claim in completed:
                job_billed(job.row)
                self._tell_end(job, JobState.SUCCEEDED, reason="")
            else:
                log_attempt(job, "dropped")
        return completed

    def _enter(self, results: Mapping[Claim, Result]) -> set[Claim]:
        with self._database.transaction() as session:
            completed = complete_jobs(
                session, results, keep_seconds=self._settings.result_keep_seconds
            )
            others = results.keys() - completed
            return completed | {own for own in others if was_completed(session, own)}

    def _upload(self, job: ActiveJob, work: Work, output: Output) -> list[NewArtifact]:
        stored = []
        for n, encoded in enumerate(encoded_results(job.row.variant, work, output)):
            key = result_key(
                job.row.tenant_id,
                job.row.created_at.date(),
                job.row.id,
                job.row.attempt,
                n,
                encoded.suffix,
            )
            retrying(self._settings, StoreError)(
                self._store.put, key, encoded.data, encoded.media_type
            )
            stored.append(encoded.stored_at(key))
        return stored

    def _drop(self, artifacts: Sequence[NewArtifact]) -> None:
        """The race was lost: remove what this attempt stored; another attempt has other keys."""
        for artifact in artifacts:
            self._store.delete(artifact.key)

    def _fail(self, job: ActiveJob, error: Exception) -> None:
        if isinstance(error, Stopped):
            log_attempt(job, "given_up")
            return
        if isinstance(error, NeverRunError):
            self._hand_back_one(job)
            return
        failure = failure_of(error)
        job.span.fail(failure.code)
        if failure.code == "internal_error":
            if isinstance(error, StoreError):
                store_failed()
            _log.error("attempt_failed", job_id=job.row.id, error=type(error).__name__)
        try:
            state = self._write_failure(job, failure)
        except SQLAlchemyError as again:
            # The lease runs out, and maintenance queues the job again.
            _log.warning("attempt_left", job_id=job.row.id, error=type(again).__name__)
            return
        if state == JobState.QUEUED:
            attempt_retried(job.row.variant, failure.code)
            log_attempt(job, "retried", failure.code)
            self._publisher.state(job.row.id, state, attempt=job.row.attempt)
        elif state == JobState.FAILED:
            self._tell_end(job, state, reason=failure.code)

    def _write_failure(self, job: ActiveJob, failure: Failure) -> JobState | None:
        """End the attempt; the state that the job entered, None when it was no longer ours."""
        again = failure.retryable and job.row.attempt < job.row.max_attempts
        with self._database.transaction() as session:
            if again:
                delay = retry_delay_seconds(job.row.attempt)
                written = retry_job(session, job.claim, failure, delay_seconds=delay)
            else:
                written = fail_job(session, job.claim, failure)
        if not written:
            return None
        return JobState.QUEUED if again else JobState.FAILED

    def hand_back(self) -> None:
        """Give up everything in hand, for other workers: this process has no time left for it.

        The model call stops at its next step; a result that is being stored is dropped. Tickets
        that are still to be answered bring nothing more.
        """
        self._handed_back = True
        for job in self._active_jobs.snapshot().values():
            self._hand_back_one(job)
            job.lost.set()

    def _hand_back_one(self, job: ActiveJob) -> None:
        try:
            with self._database.transaction() as session:
                handed = hand_back_job(session, job.claim)
        except SQLAlchemyError as error:
            # Without the database the lease runs out instead; the model stops all the same.
            _log.warning("hand_back_failed", job_id=job.row.id, error=type(error).__name__)
            return
        if handed:
            log_attempt(job, "handed_back")
            self._publisher.state(job.row.id, JobState.QUEUED, attempt=job.row.attempt)

    def _tell_end(self, job: ActiveJob, state: JobState, *, reason: str) -> None:
        self._publisher.done(job.row.id, state)
        job_finished(job.row.variant, state, reason)
        log_attempt(job, state, reason)
