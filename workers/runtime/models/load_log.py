"""The load of a model, told while it lasts: in the log, and to the worker's report."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from workers.adapters import load_progress
from workers.adapters.load_progress import LoadProgress, LoadStage, readable_bytes

LOG_SECONDS = 10.0
"""Interval of the lines about a model that is being loaded."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LoadFigures:
    """The figures of a load for the worker's row.

    Attributes:
        fraction: about how much of the stage is done, 0 to 1; None while nothing is loaded.
        stage: the stage; None while nothing is loaded.
        done_bytes: bytes of the stage that are done; None if not known.
        total_bytes: its bytes in all; None if not known.
    """

    fraction: float | None = None
    stage: str | None = None
    done_bytes: int | None = None
    total_bytes: int | None = None


def load_figures(memory_fraction: float) -> LoadFigures:
    """The figures of the model that is being loaded.

    Args:
        memory_fraction: the fraction of its memory that is taken, for loaders that count nothing.
    """
    progress = load_progress.current()
    if progress is None:
        return LoadFigures(memory_fraction)
    total = progress.total_bytes
    if not total:
        return LoadFigures(memory_fraction, progress.stage, progress.done_bytes)
    if progress.stage is LoadStage.LOADING and not progress.done_bytes:
        return LoadFigures(memory_fraction, progress.stage, int(memory_fraction * total), total)
    done = min(progress.done_bytes or 0, total)
    return LoadFigures(done / total, progress.stage, done, total)


@contextmanager
def telling_load(variant_id: str) -> Iterator[None]:
    """Log the progress of the load in a block, and forget it at the end."""
    load_progress.begin(LoadStage.LOADING)
    ended = threading.Event()
    thread = threading.Thread(target=_tell, args=(variant_id, ended), name="load-log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        load_progress.end()


def _tell(variant_id: str, ended: threading.Event) -> None:
    before, at = load_progress.current(), time.monotonic()
    while not ended.wait(LOG_SECONDS):
        now = load_progress.current()
        if now is not None:
            seconds, at = time.monotonic() - at, time.monotonic()
            _log.info("variant_loading", variant=variant_id, **_figures(before, now, seconds))
        before = now


def _figures(before: LoadProgress | None, now: LoadProgress, seconds: float) -> dict[str, str]:
    figures = {"stage": str(now.stage)}
    if now.total_bytes:
        figures["done"] = readable_bytes(now.done_bytes or 0)
        figures["total"] = readable_bytes(now.total_bytes)
    if before is not None and before.stage == now.stage and now.done_bytes and before.done_bytes:
        figures["per_second"] = readable_bytes((now.done_bytes - before.done_bytes) / seconds)
    return figures | ({"note": now.note} if now.note else {})
