"""The liveness file, for a supervisor that restarts a hung process: only its age counts."""

from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)


def touch_liveness_file(file: Path | None) -> None:
    """Touch the file; a failure is logged and fails no job.

    Args:
        file: the liveness file; with None, nothing is touched.
    """
    if file is None:
        return
    try:
        file.touch()
    except OSError as error:
        _log.warning("alive_file_failed", error=type(error).__name__)
