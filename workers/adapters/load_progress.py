"""The progress of the model that this process loads: its stage, and bytes done of all.

One model is loaded at a time in a process. Loaders write here from any thread; the worker's report,
its log and the commands that wait read here.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum


class LoadStage(StrEnum):
    """A stage of loading a model, in order."""

    DOWNLOADING = "downloading"
    LOADING = "loading"
    PREPARING = "preparing"


@dataclass(frozen=True)
class LoadProgress:
    """The progress at one moment.

    Attributes:
        stage: the stage.
        done_bytes: bytes of that stage that are done; None if nobody counts them.
        total_bytes: bytes of that stage in all; None if not known.
        note: something that people should know about it, such as a download that began anew.
    """

    stage: LoadStage
    done_bytes: int | None = None
    total_bytes: int | None = None
    note: str = ""


_lock = threading.Lock()
_current: LoadProgress | None = None


def readable_bytes(count: float) -> str:
    """A number of bytes for people: "23.8 GB", "512 MB", "12 kB"."""
    for unit, size, digits in (("GB", 1e9, 1), ("MB", 1e6, 0)):
        if count >= size:
            return f"{count / size:.{digits}f} {unit}"
    return f"{count / 1e3:.0f} kB"


def current() -> LoadProgress | None:
    """The progress now; None while nothing is loaded."""
    with _lock:
        return _current


def begin(stage: LoadStage, total_bytes: int | None = None) -> None:
    """Begin a stage.

    Args:
        stage: the stage.
        total_bytes: its bytes in all, where somebody counts those that are done.
    """
    _set(LoadProgress(stage, None if total_bytes is None else 0, total_bytes))


def advance(count: int) -> None:
    """Count bytes of the stage as done; a negative number takes some back."""
    global _current  # noqa: PLW0603 - one model is loaded at a time in a process
    with _lock:
        if _current is not None:
            _current = replace(_current, done_bytes=max(0, (_current.done_bytes or 0) + count))


def note(text: str) -> None:
    """Leave a note for people."""
    global _current  # noqa: PLW0603 - as above
    with _lock:
        if _current is not None:
            _current = replace(_current, note=text)


def end() -> None:
    """Nothing is being loaded any more."""
    _set(None)


@contextmanager
def loading() -> Iterator[None]:
    """Forget all stages that begin in a block at its end."""
    try:
        yield
    finally:
        end()


def _set(progress: LoadProgress | None) -> None:
    global _current  # noqa: PLW0603 - as above
    with _lock:
        _current = progress
