"""Variants that only their vendor hosts: jobs are forwarded to an upstream that has them."""

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

from workers.adapters.hosted.errors import PassingError, TaskGoneError, UpstreamError
from workers.adapters.hosted.request import body_of
from workers.adapters.hosted.responses import Painting, Task, TaskState
from workers.adapters.hosted.settings import HostedSettings, read_hosted_settings
from workers.adapters.hosted.upstream import Upstream
from workers.adapters.protocol import Output, Painted, Report, ShouldStop, Stopped, Work
from workers.catalog.variant import Variant
from workers.moderation.errors import ContentModeratedError, RequestModeratedError

STEPS = 100
"""The upstream tells a fraction: progress is reported in hundredths."""

_DRAWN_SEEDS = 2**32
_LOOK_SECONDS = 0.1
_ENCODED_AT_ONCE = 4
_FIRST_POLL_SECONDS = 0.25
_SLOWEST_POLL_SECONDS = 2.0
_POLL_GROWTH = 1.3

_backoff = wait_random_exponential(0.5, max=8)
_log = structlog.get_logger(__name__)

Pause = Callable[[float], None]
T = TypeVar("T")


class HostedAdapter:
    """One hosted variant; see `workers.adapters.protocol.Adapter`. Many threads may call it.

    The vendor has no way to cancel: a job that is stopped is no longer waited for, and what its
    task costs the operator is spent. The task is written on the job's note as soon as it is
    taken, so that a later attempt waits for that one rather than pay for another. A worker that
    dies, or an answer that is lost, between the taking and the note leaves a task that nobody
    asks for; the seed is the job's own, so that the next one paints the same.

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
        # Large references, decoded for all jobs in flight at once, would not fit into memory.
        self._encoding = threading.BoundedSemaphore(_ENCODED_AT_ONCE)

    def load(self) -> None:
        """Read where to forward to.

        Raises:
            workers.adapters.hosted.settings.HostedSetupError: the environment does not say.
        """
        settings = self._settings or read_hosted_settings()
        self._patience_seconds = settings.patience_seconds
        self._client = Upstream(settings)

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Have every job painted, one after the other: a batch here is one job."""
        return [self._paint(work, report, _pausing(should_stop)) for work in batch]

    @property
    def _upstream(self) -> Upstream:
        if self._client is None:
            raise RuntimeError("the adapter is not loaded")
        return self._client

    def _paint(self, work: Work, report: Report, pause: Pause) -> Output:
        pause(0)
        seed = _seed_of(work)
        task = _noted(work)
        if task is not None:
            try:
                return self._painted(task, seed, report, pause)
            except TaskGoneError:
                _log.info("upstream_task_gone")
        return self._painted(self._submit(work, seed, pause), seed, report, pause)

    def _submit(self, work: Work, seed: int, pause: Pause) -> Task:
        body = self._encoded(work, seed, pause)
        task = self._persist(pause, lambda: self._upstream.submit(self._endpoint, body))
        work.note.write(task.model_dump_json())
        return task

    def _encoded(self, work: Work, seed: int, pause: Pause) -> bytes:
        while not self._encoding.acquire(timeout=_LOOK_SECONDS):
            pause(0)
        try:
            return body_of(work, seed)
        finally:
            self._encoding.release()

    def _painted(self, task: Task, seed: int, report: Report, pause: Pause) -> Output:
        painting = self._await(task, report, pause)
        image = self._persist(pause, lambda: self._upstream.picture(painting.sample))
        report(STEPS, STEPS)
        return Output((Painted(image, painting.seed_or(seed)),))

    def _await(self, task: Task, report: Report, pause: Pause) -> Painting:
        """What a task comes to."""
        told, pace = 0, _pace()
        while True:
            pause(next(pace))
            state = self._persist(pause, lambda: self._upstream.state(task))
            if state.status == "Ready":
                return state.painting
            _raise_for(state)
            reached = min(STEPS - 1, state.hundredths)
            if reached > told:
                report(reached, STEPS)
                told = reached

    def _persist(self, pause: Pause, ask: Callable[[], T]) -> T:
        """Ask until the upstream answers, for as long as patience lasts."""
        retrying = Retrying(
            retry=retry_if_exception_type(PassingError),
            wait=_wait_seconds,
            stop=stop_before_delay(self._patience_seconds),
            sleep=pause,
            reraise=True,
        )
        return retrying(ask)


def _noted(work: Work) -> Task | None:
    """The task that an earlier attempt had submitted."""
    text = work.note.read()
    try:
        return Task.model_validate_json(text) if text else None
    except ValidationError:  # written by another release
        return None


def _seed_of(work: Work) -> int:
    given: int | None = getattr(work.parameters, "seed", None)
    return secrets.randbelow(_DRAWN_SEEDS) if given is None else given


def _raise_for(state: TaskState) -> None:
    match state.status:
        case "Pending":
            return
        case "Request Moderated":
            raise RequestModeratedError(state.reason)
        case "Content Moderated":
            raise ContentModeratedError(state.reason)
        case "Task not found":
            raise TaskGoneError("the upstream does not know the task any more")
        case "Error":
            raise TaskGoneError("the upstream failed to paint the picture")
        case _:
            raise UpstreamError("the upstream tells a state that its API does not have")


def _pace() -> Iterator[float]:
    """Seconds before each poll: 0.25, 0.33, 0.42, 0.55, 0.71, 0.93, 1.21, 1.57, from then on 2."""
    seconds = _FIRST_POLL_SECONDS
    while True:
        yield seconds
        seconds = min(_SLOWEST_POLL_SECONDS, seconds * _POLL_GROWTH)


def _wait_seconds(state: RetryCallState) -> float:
    """As long as the upstream asked for, and at least a jittered backoff."""
    error: Any = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), error.retry_after_seconds or 0)


def _pausing(should_stop: ShouldStop) -> Pause:
    """A way to wait that ends as soon as the job is given up."""

    def pause(seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not should_stop():
            left = ends - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_SECONDS))
        raise Stopped("stopped on request")

    return pause
