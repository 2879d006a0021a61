"""A supervised process: its description for the supervisor, and the running child.

A child is spawned in the foreground in a session of its own (so a terminal's Ctrl-C reaches the
supervisor alone, which then stops the processes in order) and ends when its parent ends, even by
`kill -9`. To the kernel the parent is the *thread* that spawned the child: start children from a
thread that lives as long as they do, such as the main one.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

READY_POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 4000
ERROR = "Error: "
"""The beginning of the line with which a `bottega` command ends on a fault."""

_LAUNCHER = Path(__file__).with_name("exec_child.py")


class ServerError(Exception):
    """A child process is in the wrong state."""


class ServerStartError(ServerError):
    """The process ended, or was not ready in time; the message ends with the tail of its log."""


class Account(NamedTuple):
    """A user and group to run as."""

    uid: int
    gid: int


class ManagedProcess(Protocol):
    """The description of one process: its command, its stop signal, its check for readiness."""

    @property
    def name(self) -> str:
        """The process's name for operators; unique within one supervisor."""
        ...

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal on which it finishes its work and exits."""
        ...

    @property
    def account(self) -> Account | None:
        """The user that it runs as; None for the supervisor's own user."""
        ...

    @property
    def working_directory(self) -> Path | None:
        """Its working directory; None for the supervisor's own."""
        ...

    def prepare(self) -> None:
        """Create the files that must exist before each start. Must be repeatable."""
        ...

    def command(self) -> list[str]:
        """Program and arguments; the program must stay in the foreground."""
        ...

    def environment(self) -> dict[str, str]:
        """All of its environment variables."""
        ...

    def ready(self) -> bool:
        """True when it is ready now. Must return within a second or two; "no" must not raise."""
        ...


def free_port() -> int:
    """A TCP port on 127.0.0.1 that is free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _launcher_command(process: ManagedProcess) -> list[str]:
    account = process.account or Account(-1, -1)
    numbers = (os.getpid(), int(process.stop_signal), account.uid, account.gid)
    # -I and -S: the launcher needs nothing but the standard library, and starts in milliseconds.
    interpreter = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    return [*interpreter, *map(str, numbers), *process.command()]


class Child:
    """A process that runs, or has run; it can be started again.

    As a context manager it starts, waits until ready, and stops.

    Args:
        process: its description.
        log_path: the file that its standard output and error are appended to.
    """

    def __init__(self, process: ManagedProcess, log_path: Path) -> None:
        self.process = process
        self.log_path = log_path
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the latest start.

        Raises:
            ServerError: it was never started.
        """
        return self._started.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs, else its exit status, negative for the signal that ended it."""
        return self._started.poll()

    @property
    def running(self) -> bool:
        """True when it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._popen is None:
            raise ServerError(f"{self.process.name} was never started")
        return self._popen

    def start(self) -> None:
        """Prepare and spawn the process; does not wait until it is ready.

        Raises:
            ServerError: it is already running.
            ServerStartError: it could not be prepared.
        """
        if self.running:
            raise ServerError(f"{self.process.name} is already running as {self.pid}")
        self.process.prepare()
        self.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Logs name tenants and jobs.
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self.log_path, append, 0o600), "ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - our own command line
                _launcher_command(self.process),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.process.working_directory,
                env=self.process.environment(),
                start_new_session=True,
            )

    def wait_ready(
        self, timeout_seconds: float = 30.0, progress: Callable[[], Hashable] | None = None
    ) -> None:
        """Return as soon as it is ready.

        Args:
            timeout_seconds: the longest wait; with `progress`, since it last changed.
            progress: the state of its start.

        Raises:
            ServerStartError: it ended first, or was not ready in time.
        """
        deadline, last = time.monotonic() + timeout_seconds, progress and progress()
        while not self.process.ready():
            if not self.running:
                raise self._start_error(f"ended with status {self.returncode}")
            if progress and (now := progress()) != last:
                deadline, last = time.monotonic() + timeout_seconds, now
            if time.monotonic() > deadline:
                waited = "made no progress for" if progress else "was not ready within"
                raise self._start_error(f"{waited} {timeout_seconds:g} s")
            time.sleep(READY_POLL_SECONDS)
        # Another server on its port can seem to be this one.
        if not self.running:
            raise self._start_error(f"ended with status {self.returncode}")

    def request_stop(self) -> None:
        """Send the stop signal and return at once; does nothing if it has ended."""
        if self.running:
            self._started.send_signal(self.process.stop_signal)

    def stop(self, timeout_seconds: float = 15.0) -> None:
        """Stop it and wait; past the timeout its whole process group is killed. Repeatable."""
        self.request_stop()
        self.await_end(timeout_seconds)

    def await_end(self, timeout_seconds: float) -> None:
        """Wait for its end after `request_stop`; past the timeout its process group is killed."""
        if self._popen is None:
            return
        try:
            self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it and its process group at once, as a crash would, and wait for its end."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self._started.wait()

    def last_error(self) -> str | None:
        """The sentence of its log's last line, where a `bottega` command ended with one."""
        last = self._log_tail().rstrip().rpartition("\n")[2]
        return last.removeprefix(ERROR) if last.startswith(ERROR) else None

    def _log_tail(self) -> str:
        if not self.log_path.exists():
            return ""
        return self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def _start_error(self, failure: str) -> ServerStartError:
        sentence = None if self.running else self.last_error()
        if sentence:
            return ServerStartError(f"{self.process.name}: {sentence} (its log: {self.log_path})")
        tail = self._log_tail()
        return ServerStartError(f"{self.process.name} {failure}; {self.log_path} ends:\n{tail}")

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
