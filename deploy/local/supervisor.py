"""Keeps processes running: starts them in order, restarts what dies, stops them in reverse."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog

from deploy.local.servers.process import Child, ManagedProcess

WATCH_SECONDS = 0.25
FIRST_RESTART_SECONDS = 0.5
LAST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that ran this long restarts at once the next time."""

_log = structlog.get_logger(__name__)


@dataclass
class _Kept:
    child: Child
    restart_at: float = 0.0
    delay_seconds: float = FIRST_RESTART_SECONDS
    started_at: float = 0.0


class Supervisor:
    """Owns child processes. Use it from one thread that lives as long as they shall.

    Args:
        log_dir: gets one log file per process.
        stop_seconds: how long a process may take to finish what it has in hand.
    """

    def __init__(self, log_dir: Path, *, stop_seconds: float = 30.0) -> None:
        self._log_dir = log_dir
        self._stop_seconds = stop_seconds
        self._kept: list[_Kept] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        return {kept.child.process.name: kept.child.pid for kept in self._kept}

    def start(self, *processes: ManagedProcess, timeout_seconds: float = 120.0) -> None:
        """Start processes side by side, and return when all of them are ready.

        Raises:
            deploy.local.servers.process.ServerStartError: one ended, or was not ready in time.
        """
        children = [self._spawn(process) for process in processes]
        for child in children:
            child.wait_ready(timeout_seconds)

    def _spawn(self, process: ManagedProcess) -> Child:
        child = Child(process, self._log_dir / f"{process.name}.log")
        child.start()
        self._kept.append(_Kept(child, started_at=time.monotonic()))
        return child

    def watch(self, stopping: threading.Event) -> None:
        """Restart what dies, until told to stop."""
        while not stopping.wait(WATCH_SECONDS):
            for kept in self._kept:
                self._look_after(kept)

    def _look_after(self, kept: _Kept) -> None:
        if kept.child.running:
            return
        now = time.monotonic()
        if not kept.restart_at:
            steady = now - kept.started_at > STEADY_SECONDS
            kept.delay_seconds = FIRST_RESTART_SECONDS if steady else kept.delay_seconds
            kept.restart_at = now + kept.delay_seconds
            _log.warning(
                "process_ended",
                process=kept.child.process.name,
                status=kept.child.returncode,
                restart_seconds=kept.delay_seconds,
            )
        elif now >= kept.restart_at:
            kept.delay_seconds = min(LAST_RESTART_SECONDS, kept.delay_seconds * 2)
            kept.restart_at = 0.0
            kept.started_at = now
            kept.child.start()

    def stop(self) -> None:
        """Stop everything, last started first; each may finish what it has in hand."""
        for kept in reversed(self._kept):
            kept.child.stop(self._stop_seconds)
        self._kept = []

    def stop_together(self) -> None:
        """Stop all at once: for processes that need none of the others to finish."""
        deadline = time.monotonic() + self._stop_seconds
        for kept in self._kept:
            kept.child.request_stop()
        for kept in self._kept:
            kept.child.await_end(max(0.0, deadline - time.monotonic()))
        self._kept = []


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the former handlers return afterwards."""
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    chosen: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in chosen}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
