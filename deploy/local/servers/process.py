"""What a supervisor needs to know of a process it keeps, and the running child itself.

A child is spawned in the foreground in a session of its own (so a terminal's Ctrl-C reaches the
supervisor alone, which then stops things in order) and ends when its parent ends, even by
`kill -9`. The kernel counts the *thread* that spawned it as the parent: start children from a
thread that lives as long as they shall, such as the main one.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

READY_POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 4000

_LAUNCHER = Path(__file__).with_name("exec_child.py")


class ServerError(Exception):
    """A child process is not what it should be."""


class ServerStartError(ServerError):
    """It ended, or did not become ready in time; the message ends with its log's tail."""


class Account(NamedTuple):
    """A user and group to run as."""

    uid: int
    gid: int


class ManagedProcess(Protocol):
    """A recipe for one process: how it is started, stopped and asked whether it is ready."""

    @property
    def name(self) -> str:
        """What operators call it; unique within one supervisor."""
        ...

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that makes it finish what it must and exit."""
        ...

    @property
    def account(self) -> Account | None:
        """Who it runs as, or None for the supervisor's own user."""
        ...

    @property
    def working_directory(self) -> Path | None:
        """Where it runs, or None for the supervisor's own directory."""
        ...

    def prepare(self) -> None:
        """Make whatever must exist before each start. Must be repeatable."""
        ...

    def command(self) -> list[str]:
        """Program and arguments; the program must stay in the foreground."""
        ...

    def environment(self) -> dict[str, str]:
        """Its whole environment."""
        ...

    def ready(self) -> bool:
        """Whether it answers now. Must return within a second or two and never raise for "no"."""
        ...


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago."""
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
    """A managed process that runs, or has run; it can be started again.

    As a context manager it starts, waits until ready, and stops.

    Args:
        process: the recipe.
        log_path: gets its standard output and error, appended.
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
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._popen is None:
            raise ServerError(f"{self.process.name} was never started")
        return self._popen

    def start(self) -> None:
        """Prepare and spawn; does not wait until it is ready.

        Raises:
            ServerError: it is already running.
            ServerStartError: it could not be prepared.
        """
        if self.running:
            raise ServerError(f"{self.process.name} is already running as {self.pid}")
        self.process.prepare()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - our own command line
                _launcher_command(self.process),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.process.working_directory,
                env=self.process.environment(),
                start_new_session=True,
            )

    def wait_ready(self, timeout_seconds: float = 30.0) -> None:
        """Return as soon as it answers.

        Raises:
            ServerStartError: it ended first, or did not answer in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self.process.ready():
            if not self.running:
                raise self._start_error(f"ended with status {self.returncode}")
            if time.monotonic() > deadline:
                raise self._start_error(f"was not ready within {timeout_seconds:g} s")
            time.sleep(READY_POLL_SECONDS)
        # Another server on its port can answer in its place.
        if not self.running:
            raise self._start_error(f"ended with status {self.returncode}")

    def request_stop(self) -> None:
        """Send the stop signal and return at once; nothing if it has ended."""
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
        """End it and its process group at once, as a crash would, and wait."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self._started.wait()

    def _start_error(self, what: str) -> ServerStartError:
        tail = self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        return ServerStartError(f"{self.process.name} {what}; {self.log_path} ends:\n{tail}")

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
