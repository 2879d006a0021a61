"""A sign of life in a file, for whoever restarts what stands still: its age is all that counts."""

from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)


def touch_liveness_file(file: Path | None) -> None:
    """Touch the file; one that cannot be touched is told of, and costs no job.

    Args:
        file: None shows nothing.
    """
    if file is None:
        return
    try:
        file.touch()
    except OSError as error:
        _log.warning("alive_file_failed", error=type(error).__name__)
