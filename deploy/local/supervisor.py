"""Keeps processes running: starts them in order, restarts those that end, stops them in reverse."""

import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, MappingProxyType

import structlog

from deploy.local.servers.process import Child, ManagedProcess
from deploy.process.exit_status import EXIT_CONFIGURATION

WATCH_SECONDS = 0.25
FIRST_RESTART_SECONDS = 0.5
LAST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that ran this long restarts at once the next time."""
CONFIGURATION_RESTART_SECONDS = 300.0
"""The time until a process that ended by `EXIT_CONFIGURATION` is started again: its weights or
settings may be mended by then."""

_log = structlog.get_logger(__name__)


@dataclass
class _Entry:
    child: Child
    restart_at: float = 0.0
    delay_seconds: float = FIRST_RESTART_SECONDS
    started_at: float = 0.0


class Supervisor:
    """Owns child processes. Use it from one thread, which must live as long as the processes.

    Args:
        log_dir: the folder of the log files, one per process.
        stop_seconds: time for a process to finish its work before it is killed.
    """

    def __init__(self, log_dir: Path, *, stop_seconds: float = 30.0) -> None:
        self._log_dir = log_dir
        self._stop_seconds = stop_seconds
        self._entries: list[_Entry] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        return {entry.child.process.name: entry.child.pid for entry in self._entries}

    def start(
        self,
        *processes: ManagedProcess,
        timeout_seconds: float = 120.0,
        stall_seconds: float = 120.0,
        progress: Mapping[str, Callable[[], Hashable]] = MappingProxyType({}),
    ) -> None:
        """Start processes side by side, and return when all of them are ready.

        Args:
            processes: the processes.
            timeout_seconds: the longest wait for one whose progress is not known.
            stall_seconds: the longest time without progress, for the others.
            progress: the state of a process's start, by its name.

        Raises:
            deploy.local.servers.process.ServerStartError: one ended, or was not ready in time.
        """
        children = [self._spawn(process) for process in processes]
        # Those whose progress is watched last: another one that fails is known at once.
        for child in sorted(children, key=lambda child: child.process.name in progress):
            watched = progress.get(child.process.name)
            child.wait_ready(stall_seconds if watched else timeout_seconds, watched)

    def _spawn(self, process: ManagedProcess) -> Child:
        child = Child(process, self._log_dir / f"{process.name}.log")
        child.start()
        self._entries.append(_Entry(child, started_at=time.monotonic()))
        return child

    def watch(self, stopping: threading.Event) -> None:
        """Restart processes that end, until the event is set."""
        while not stopping.wait(WATCH_SECONDS):
            for entry in self._entries:
                self._restart_when_due(entry)

    def _restart_when_due(self, entry: _Entry) -> None:
        if entry.child.running:
            return
        now = time.monotonic()
        if not entry.restart_at:
            steady = now - entry.started_at > STEADY_SECONDS
            entry.delay_seconds = FIRST_RESTART_SECONDS if steady else entry.delay_seconds
            lasting = entry.child.returncode == EXIT_CONFIGURATION
            delay = CONFIGURATION_RESTART_SECONDS if lasting else entry.delay_seconds
            entry.restart_at = now + delay
            _log.warning(
                "process_ended",
                process=entry.child.process.name,
                status=entry.child.returncode,
                restart_seconds=delay,
                problem=_problem(entry.child),
            )
        elif now >= entry.restart_at:
            entry.delay_seconds = min(LAST_RESTART_SECONDS, entry.delay_seconds * 2)
            entry.restart_at = 0.0
            entry.started_at = now
            entry.child.start()

    def stop(self) -> None:
        """Stop all processes, the last started first; each may finish its work."""
        for entry in reversed(self._entries):
            entry.child.stop(self._stop_seconds)
        self._entries = []

    def stop_together(self) -> None:
        """Stop all at the same time: for processes that do not need each other to finish."""
        deadline = time.monotonic() + self._stop_seconds
        for entry in self._entries:
            entry.child.request_stop()
        for entry in self._entries:
            entry.child.await_end(max(0.0, deadline - time.monotonic()))
        self._entries = []


def _problem(child: Child) -> str | None:
    """The sentence that the process ended with; None where it left none."""
    if child.returncode == -signal.SIGKILL:
        return "it was killed: where nobody did, the host's memory ran out (dmesg names it)"
    return child.last_error()


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the former handlers are restored afterwards."""
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in signals}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
