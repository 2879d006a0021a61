"""Hosted variants: jobs are forwarded to an upstream that has the model."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from workers.adapters.hosted.errors import TaskLostError, TransientUpstreamError, UpstreamError
from workers.adapters.hosted.request import request_body
from workers.adapters.hosted.responses import Task, TaskResult, TaskState
from workers.adapters.hosted.settings import HostedSettings, read_hosted_settings
from workers.adapters.hosted.upstream import Upstream
from workers.adapters.protocol import (
    AdapterError,
    ContentModeratedError,
    Output,
    Painted,
    Report,
    RequestModeratedError,
    ShouldStop,
    Stopped,
    Work,
)
from workers.catalog.variant import Variant

STEPS = 100
"""The upstream reports a fraction: progress is passed on in percent."""

_DRAWN_SEEDS = 2**32
_STOP_CHECK_SECONDS = 0.1
_CONCURRENT_ENCODINGS = 4
_FIRST_POLL_SECONDS = 0.25
_SLOWEST_POLL_SECONDS = 2.0
_POLL_GROWTH = 1.3

_backoff = wait_random_exponential(0.5, max=8)
_log = structlog.get_logger(__name__)

Sleep = Callable[[float], None]
T = TypeVar("T")


class HostedAdapter:
    """One hosted variant; see `workers.adapters.protocol.Adapter`. Many threads may call it.

    The vendor's API cannot cancel. A job that its owner cancels goes on once its task is submitted,
    and delivers; before that, nothing is submitted any more. For a stopped job the adapter no
    longer waits, and the task's cost is spent. The task is stored as the job's resume point as
    soon as the upstream accepts it, so that a later attempt waits for that task and does not pay
    for another. If the worker dies, or the response is lost, before the resume point is stored,
    the task is orphaned, and counts as spent. The seed is the job's own, so that the next task
    paints the same picture.

    Row option: `endpoint`, the last part of the vendor's path.
    """

    def __init__(
        self,
        variant: Variant,
        _device: str,
        _overrides: Mapping[str, str],
        settings: HostedSettings | None = None,
    ) -> None:
        self._endpoint: str = variant.options["endpoint"]
        self._settings = settings
        self._client: Upstream | None = None
        self._patience_seconds = 0.0
        # Large references of all jobs in flight, encoded at the same time, would not fit in memory.
        self._encoding_slots = threading.BoundedSemaphore(_CONCURRENT_ENCODINGS)

    def load(self) -> None:
        """Read the upstream's settings.

        Raises:
            workers.adapters.hosted.settings.HostedSetupError: the environment lacks them.
        """
        settings = self._settings or read_hosted_settings()
        self._patience_seconds = settings.patience_seconds
        self._client = Upstream(settings)

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Forward every job, one after the other: a batch of a hosted variant is one job."""
        return [self._paint(work, report, _interruptible_sleep(should_stop)) for work in batch]

    @property
    def _upstream(self) -> Upstream:
        if self._client is None:
            raise RuntimeError("the adapter is not loaded")
        return self._client

    def _paint(self, work: Work, report: Report, sleep: Sleep) -> Output:
        sleep(0)
        seed = _seed_of(work)
        task = _submitted_task(work)
        if task is not None:
            try:
                return self._collect(task, seed, report, sleep)
            except TaskLostError as error:
                _log.info("upstream_task_gone")
                if not error.may_be_billed:
                    work.resume_point.drop_task()
        return self._collect(self._submit(work, seed, sleep), seed, report, sleep)

    def _submit(self, work: Work, seed: int, sleep: Sleep) -> Task:
        body = self._encode(work, seed, sleep)
        task = self._retry(sleep, lambda: self._submit_once(work, body))
        work.resume_point.write(task.model_dump_json())
        return task

    def _submit_once(self, work: Work, body: bytes) -> Task:
        work.resume_point.begin_task()
        try:
            return self._upstream.submit(self._endpoint, body)
        except AdapterError as error:
            if not (isinstance(error, UpstreamError) and error.may_be_billed):
                work.resume_point.drop_task()
            raise

    def _encode(self, work: Work, seed: int, sleep: Sleep) -> bytes:
        while not self._encoding_slots.acquire(timeout=_STOP_CHECK_SECONDS):
            sleep(0)
        try:
            return request_body(work, seed)
        finally:
            self._encoding_slots.release()

    def _collect(self, task: Task, seed: int, report: Report, sleep: Sleep) -> Output:
        result = self._await_result(task, report, sleep)
        image = self._retry(sleep, lambda: self._upstream.fetch_picture(result.sample))
        report(STEPS, STEPS)
        return Output((Painted(image, result.seed_or(seed)),))

    def _await_result(self, task: Task, report: Report, sleep: Sleep) -> TaskResult:
        """Poll a task until it is finished, and report its progress."""
        reported, intervals = 0, _poll_intervals()
        while True:
            sleep(next(intervals))
            state = self._retry(sleep, lambda: self._upstream.fetch_state(task))
            if state.status == "Ready":
                return state.task_result
            _raise_for(state)
            reached = min(STEPS - 1, state.percent)
            if reached > reported:
                report(reached, STEPS)
                reported = reached

    def _retry(self, sleep: Sleep, request: Callable[[], T]) -> T:
        """Retry a request on transient errors, for at most `patience_seconds`."""
        retrying = Retrying(
            retry=retry_if_exception_type(TransientUpstreamError),
            wait=_wait_seconds,
            stop=stop_before_delay(self._patience_seconds),
            sleep=sleep,
            reraise=True,
        )
        return retrying(request)


def _submitted_task(work: Work) -> Task | None:
    """The task that an earlier attempt submitted; None where there is none."""
    text = work.resume_point.read()
    try:
        return Task.model_validate_json(text) if text else None
    except ValidationError:  # written by another release
        return None


def _seed_of(work: Work) -> int:
    seed: int | None = getattr(work.parameters, "seed", None)
    return secrets.randbelow(_DRAWN_SEEDS) if seed is None else seed


def _raise_for(state: TaskState) -> None:
    match state.status:
        case "Pending":
            return
        case "Request Moderated":
            raise RequestModeratedError(state.reason)
        case "Content Moderated":
            raise ContentModeratedError(state.reason)
        case "Task not found":
            raise TaskLostError("the upstream does not know the task any more")
        case "Error":
            raise TaskLostError("the upstream failed to paint the picture", may_be_billed=False)
        case _:
            raise UpstreamError("the upstream reports a state that its API does not have")


def _poll_intervals() -> Iterator[float]:
    """Seconds before each poll: 0.25, 0.33, 0.42, 0.55, 0.71, 0.93, 1.21, 1.57, then always 2."""
    seconds = _FIRST_POLL_SECONDS
    while True:
        yield seconds
        seconds = min(_SLOWEST_POLL_SECONDS, seconds * _POLL_GROWTH)


def _wait_seconds(state: RetryCallState) -> float:
    """The delay that the upstream requested, and at least a jittered backoff."""
    error: Any = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), error.retry_after_seconds or 0)


def _interruptible_sleep(should_stop: ShouldStop) -> Sleep:
    """A sleep that raises `Stopped` as soon as the job is to stop."""

    def sleep(seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not should_stop():
            left = ends - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _STOP_CHECK_SECONDS))
        raise Stopped("stopped on request")

    return sleep
