"""An answered ticket: claim, fetch, run, store, complete."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from PIL.Image import Image
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from db import job_queries, jobs
from db.job_state import JobState
from db.job_values import Failure, Result, StoredArtifact
from db.session import Database
from db.storage.keys import result_key
from db.storage.object_store import ObjectStore, StoreError
from workers.adapters.protocol import Adapter, AdapterError, Output, Stopped, Work
from workers.attempt_note import AttemptNote
from workers.catalog.variant import Variant, picture_fields
from workers.company import Company
from workers.device_call import DeviceCall, Outcome
from workers.encoding import encode
from workers.events import Publisher
from workers.failures import failure_of, retry_delay_seconds
from workers.in_hand import InHand, Register
from workers.metrics import attempts_finished, run_seconds_observed, wait_seconds_observed
from workers.moderation.filter_file import Rules
from workers.moderation.moderator import Moderator
from workers.patience import patiently
from workers.settings import WorkerSettings
from workers.stored_pictures import StoredPictures

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Served:
    """A variant and the loaded adapter that serves it."""

    variant: Variant
    adapter: Adapter


class Executor:
    """Answers tickets. Several threads may; the device runs one batch at a time.

    While one batch is on the device, another thread fetches the next one's inputs and a third
    encodes and stores the last one's results.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        database: Database,
        store: ObjectStore,
        publisher: Publisher,
        register: Register,
        settings: WorkerSettings,
        served: Mapping[str, Served],
        moderator: Moderator | None = None,
    ) -> None:
        self._worker_id = worker_id
        self._database = database
        self._store = store
        self._publisher = publisher
        self._register = register
        self._settings = settings
        self._served = served
        self._device = DeviceCall(publisher)
        self._moderator = moderator or Moderator(Rules(), database)
        self._company = Company()
        self._handed_back = False

    def answer(self, variant_id: str) -> int:
        """Answer one ticket; the number of jobs that it brought, 0 when another had them.

        A job whose last worker was lost runs with nothing else in hand: should it kill this one
        too, it takes no other along.
        """
        served = self._served[variant_id]
        with self._company.shared():
            claimed, suspect_waits = self._claim(variant_id)
            if not suspect_waits:
                self._carry_out(served, claimed)
                return len(claimed)
        with self._company.alone():
            claimed, _ = self._claim(variant_id, suspects=True)
            self._carry_out(served, claimed)
            return len(claimed)

    def _carry_out(self, served: Served, claimed: Sequence[InHand]) -> None:
        try:
            fetched = [(job, work) for job in claimed if (work := self._fetch(served, job))]
            outcomes, run_seconds = self._run(served, fetched)
            for (job, work), outcome in zip(fetched, outcomes, strict=True):
                self._finish(job, work, self._reviewed(job, outcome), run_seconds)
        finally:
            for job in claimed:
                self._register.remove(job)

    def _claim(self, variant_id: str, *, suspects: bool = False) -> tuple[list[InHand], bool]:
        """What a ticket brings, and whether nothing since it is a suspect's turn."""
        if self._handed_back:
            return [], False
        with self._database.transaction(durable=False) as session:
            rows = jobs.claim(
                session,
                variant=variant_id,
                worker_id=self._worker_id,
                lease_seconds=self._settings.lease_seconds,
                suspects=suspects,
            )
            suspect_waits = not rows and not suspects and jobs.suspect_waits(session, variant_id)
        claimed = [InHand(row) for row in rows]
        self._register.add(claimed)
        for job in claimed:
            self._publisher.state(job.job.id, JobState.RUNNING, attempt=job.job.attempt)
            wait_seconds_observed(job.job)
        return claimed, suspect_waits

    def _fetch(self, served: Served, job: InHand) -> Work | None:
        """What the model needs of a job; None after failing a job whose inputs are unusable."""
        try:
            parameters = served.variant.parameters.model_validate(job.job.input)
            self._moderator.check_request(job.job, parameters)
            fields = {name: getattr(parameters, name) for name in picture_fields(type(parameters))}
            # A model elsewhere has many jobs waiting: their pictures would fill the memory.
            keep = served.variant.calls_at_once == 1
            found = {name: self._pictures(keys, keep=keep) for name, keys in fields.items()}
            return Work(parameters, found, AttemptNote(self._database, job.claim))
        except Exception as error:  # noqa: BLE001 - a job must end, whatever its inputs do
            self._fail(job, error)
            return None

    def _pictures(self, keys: str | Sequence[str] | None, *, keep: bool) -> Sequence[Image]:
        names = [keys] if isinstance(keys, str) else keys or []
        get = patiently(self._settings, StoreError).wraps(self._store.get)
        stored = StoredPictures(lambda key: get(key).data, names)
        return list(stored) if keep else stored

    def _run(
        self, served: Served, fetched: Sequence[tuple[InHand, Work]]
    ) -> tuple[Sequence[Outcome], float]:
        if not fetched:
            return [], 0.0
        return self._device.run(served.adapter, fetched, at_once=served.variant.calls_at_once)

    def _reviewed(self, job: InHand, outcome: Outcome) -> Outcome:
        """The outcome, or why what was painted must not be stored."""
        if not isinstance(outcome, Output):
            return outcome
        try:
            self._moderator.check_output(job.job, outcome)
        except (AdapterError, SQLAlchemyError) as error:
            return error
        return outcome

    def _finish(self, job: InHand, work: Work, outcome: Outcome, run_seconds: float) -> None:
        try:
            if isinstance(outcome, Output):
                self._succeed(job, work, outcome, run_seconds)
            else:
                self._fail(job, outcome)
        except Exception as error:  # noqa: BLE001 - one job's upload must not cost its mates
            self._fail(job, error)
        finally:
            self._register.remove(job)

    def _succeed(self, job: InHand, work: Work, output: Output, run_seconds: float) -> None:
        began = time.monotonic()
        artifacts = self._upload(job, work, output)
        result = Result(
            output=output.data,
            artifacts=tuple(artifacts),
            steps=job.progress[1],
            run_seconds=run_seconds,
            store_seconds=time.monotonic() - began,
        )
        # Safe to try again: the fence lets one completion through, and tells whose it was.
        if not patiently(self._settings, OperationalError)(self._complete, job, result):
            self._drop(job, artifacts)
            return
        run_seconds_observed(job.job.variant, run_seconds)
        self._tell_end(job, JobState.SUCCEEDED, reason="")

    def _complete(self, job: InHand, result: Result) -> bool:
        with self._database.transaction() as session:
            return jobs.complete(
                session, job.claim, result, keep_seconds=self._settings.result_keep_seconds
            ) or job_queries.was_completed(session, job.claim)

    def _upload(self, job: InHand, work: Work, output: Output) -> list[StoredArtifact]:
        chosen = work.parameters.model_dump(include={"output_format", "output_quality"})
        stored = []
        for n, painted in enumerate(output.images):
            encoded = encode(painted, chosen["output_format"], chosen["output_quality"])
            key = result_key(
                job.job.tenant_id,
                job.job.created_at.date(),
                job.job.id,
                job.job.attempt,
                n,
                encoded.suffix,
            )
            patiently(self._settings, StoreError)(
                self._store.put, key, encoded.data, encoded.media_type
            )
            stored.append(
                StoredArtifact(
                    key=key,
                    media_type=encoded.media_type,
                    size_bytes=len(encoded.data),
                    sha256=encoded.sha256,
                    width=encoded.width,
                    height=encoded.height,
                    seed=encoded.seed,
                )
            )
        return stored

    def _drop(self, job: InHand, artifacts: Sequence[StoredArtifact]) -> None:
        """The race was lost: remove what this attempt stored; another attempt has other keys."""
        _log.info("result_dropped", job_id=job.job.id, attempt=job.job.attempt)
        for artifact in artifacts:
            self._store.delete(artifact.key)

    def _fail(self, job: InHand, error: Exception) -> None:
        if isinstance(error, Stopped):
            _log.info("attempt_given_up", job_id=job.job.id, attempt=job.job.attempt)
            return
        failure = failure_of(error)
        if failure.code == "internal_error":
            _log.error("attempt_failed", job_id=job.job.id, error=type(error).__name__)
        try:
            state = self._write_failure(job, failure)
        except SQLAlchemyError as again:
            # The lease runs out, and maintenance queues the job again.
            _log.warning("attempt_left", job_id=job.job.id, error=type(again).__name__)
            return
        if state == JobState.QUEUED:
            self._publisher.state(job.job.id, state, attempt=job.job.attempt)
        elif state == JobState.FAILED:
            self._tell_end(job, state, reason=failure.code)

    def _write_failure(self, job: InHand, failure: Failure) -> JobState | None:
        """End the attempt; the state that the job entered, None when it was no longer ours."""
        again = failure.retryable and job.job.attempt < job.job.max_attempts
        with self._database.transaction() as session:
            if again:
                delay = retry_delay_seconds(job.job.attempt)
                written = jobs.retry(session, job.claim, failure, delay_seconds=delay)
            else:
                written = jobs.fail(session, job.claim, failure)
        if not written:
            return None
        return JobState.QUEUED if again else JobState.FAILED

    def hand_back(self) -> None:
        """Give up everything in hand, for other workers: this process has no time left for it.

        The model call stops at its next step; a result that is being stored is dropped. Tickets
        that are still to be answered bring nothing more.
        """
        self._handed_back = True
        for job in self._register.snapshot().values():
            try:
                self._hand_back_one(job)
            except SQLAlchemyError as error:
                # Without the database the lease runs out instead; the model stops all the same.
                _log.warning("hand_back_failed", job_id=job.job.id, error=type(error).__name__)
            job.lost.set()

    def _hand_back_one(self, job: InHand) -> None:
        with self._database.transaction() as session:
            handed = jobs.hand_back(session, job.claim)
        if handed:
            _log.info("job_handed_back", job_id=job.job.id, attempt=job.job.attempt)
            self._publisher.state(job.job.id, JobState.QUEUED, attempt=job.job.attempt)

    def _tell_end(self, job: InHand, state: JobState, *, reason: str) -> None:
        self._publisher.done(job.job.id, state)
        attempts_finished(job.job.variant, state, reason)
        _log.info(
            "attempt_finished",
            job_id=job.job.id,
            attempt=job.job.attempt,
            variant=job.job.variant,
            outcome=state,
            reason=reason,
        )
