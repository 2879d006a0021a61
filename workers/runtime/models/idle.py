"""The thread that unloads idle models, while no batch is on the device."""

import threading
from collections.abc import Callable

import structlog

MOST_SECONDS = 30.0
_CHECKS = 4
"""Checks in the shortest time after which a model is idle."""

_log = structlog.get_logger(__name__)


class IdleUnloader:
    """Looks for idle models again and again."""

    def __init__(self, when_free: Callable[[], object], *, idle_seconds: float | None) -> None:
        """Unload what is idle.

        Args:
            when_free: unloads the models that are idle, if the device is free.
            idle_seconds: the shortest time after which one is; None where none ever is, and no
                thread is started.
        """
        self._when_free = when_free
        self._every_seconds = min(MOST_SECONDS, (idle_seconds or 0) / _CHECKS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="idle models", daemon=True)
        self._is_needed = idle_seconds is not None

    def start(self) -> None:
        """Start the thread, where a model can become idle."""
        if self._is_needed:
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            try:
                self._when_free()
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                _log.error("idle_unload_failed", exc_info=error)
