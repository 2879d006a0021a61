"""The models of a worker that could not be loaded, and the time until each is tried again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from workers.runtime.models.problems import ModelNotLoadedError, load_problem

FIRST_SECONDS = 30.0
LAST_SECONDS = 900.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Failure:
    problem: str
    delay_seconds: float
    retry_at: float


class LoadFailures:
    """Remembers failed loads. Any thread may call it.

    A load reads tens of gigabytes: it is not tried again with every job. The first failure blocks
    the model for half a minute, each later one twice as long, 15 minutes at most; the jobs of that
    time are left to other workers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}
        self._lock = threading.Lock()

    def record(self, variant_id: str, error: Exception) -> ModelNotLoadedError:
        """Note a failed load; the error for the jobs that needed it."""
        problem = load_problem(variant_id, error)
        with self._lock:
            before = self._failures.get(variant_id)
            delay = min(LAST_SECONDS, before.delay_seconds * 2) if before else FIRST_SECONDS
            self._failures[variant_id] = _Failure(problem, delay, self._clock() + delay)
        _log.error(
            "variant_not_loaded",
            variant=variant_id,
            problem=problem,
            retry_seconds=delay,
            exc_info=error,
        )
        return ModelNotLoadedError(variant_id, problem, error)

    def forget(self, variant_id: str) -> None:
        """Note that a model was loaded."""
        with self._lock:
            self._failures.pop(variant_id, None)

    def blocks(self, variant_id: str) -> bool:
        """True while a model is not to be tried."""
        with self._lock:
            failure = self._failures.get(variant_id)
        return failure is not None and self._clock() < failure.retry_at

    def as_json(self, variant_id: str) -> dict[str, Any]:
        """The failure of one model for the worker's row: `problem`, and `retry_seconds` to go.

        Empty where it did not fail, or was loaded since.
        """
        with self._lock:
            failure = self._failures.get(variant_id)
        if failure is None:
            return {}
        left = max(0.0, failure.retry_at - self._clock())
        return {"problem": failure.problem, "retry_seconds": round(left)}

    @property
    def problem(self) -> str | None:
        """The failures that are not mended, in one sentence each; None when there is none."""
        with self._lock:
            return "; ".join(each.problem for each in self._failures.values()) or None
