"""Processes that are stopped together share one time to finish in."""

import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local import supervisor as supervisors
from deploy.local.processes import Program
from deploy.local.servers.process import ServerStartError
from deploy.local.supervisor import Supervisor
from tests.support.waiting import await_true

SECONDS_TO_FINISH = 0.6

_FINISHING = """\
import pathlib, signal, sys, time
done = False
def finish(*_):
    global done
    done = True
signal.signal(signal.SIGTERM, finish)
pathlib.Path(sys.argv[1]).touch()
while not done:
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))
pathlib.Path(sys.argv[1]).with_suffix(".finished").touch()
"""


@dataclass
class Finisher(Program):
    """Takes its time to finish, and says so in a file."""

    file: Path = field(default_factory=Path)
    seconds: float = SECONDS_TO_FINISH

    def command(self) -> list[str]:
        """A process that only waits to be told."""
        return [sys.executable, "-c", _FINISHING, str(self.file), str(self.seconds)]

    def ready(self) -> bool:
        """It says when it can be told."""
        return self.file.exists()


@dataclass
class Late(Program):
    """Runs, and is ready when a file is there."""

    file: Path = field(default_factory=Path)

    def command(self) -> list[str]:
        """A process that does nothing."""
        return [sys.executable, "-c", "import time; time.sleep(60)"]

    def ready(self) -> bool:
        """True once the file is there."""
        return self.file.exists()


def test_each_finishes_while_the_others_do(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=10)
    files = [tmp_path / str(n) for n in range(4)]
    supervisor.start(*(Finisher(file.name, (), file=file) for file in files))
    began = time.monotonic()
    supervisor.stop_together()
    assert time.monotonic() - began < len(files) * SECONDS_TO_FINISH
    assert all(file.with_suffix(".finished").exists() for file in files)
    assert supervisor.pids == {}


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=0.3)
    slow = tmp_path / "slow"
    supervisor.start(Finisher("slow", (), file=slow, seconds=30))
    [pid] = supervisor.pids.values()
    supervisor.stop_together()
    assert await_true(lambda: not Path(f"/proc/{pid}").exists())
    assert not slow.with_suffix(".finished").exists()


@dataclass
class Ender(Program):
    """Writes a line into a file, says a sentence and ends by a status."""

    file: Path = field(default_factory=Path)
    status: int = 1
    is_ready: bool = True

    def command(self) -> list[str]:
        """A process that ends at once."""
        script = (
            "import sys; open(sys.argv[1], 'a').write('x'); "
            "print('Error: the card is too old: buy another', file=sys.stderr); "
            "sys.exit(int(sys.argv[2]))"
        )
        return [sys.executable, "-c", script, str(self.file), str(self.status)]

    def ready(self) -> bool:
        """It is ready as soon as it runs, or never."""
        return self.is_ready


def ends(tmp_path: Path, status: int, *, at_least: int) -> tuple[int, str]:
    """The starts of a process that ends by a status, and the supervisor's log."""
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=5)
    file = tmp_path / "starts"
    stopping = threading.Event()
    supervisor._spawn(Ender("worker", (), file=file, status=status))

    def stop_when_seen() -> None:
        assert await_true(lambda: file.exists() and len(file.read_text()) >= at_least)
        stopping.set()

    watcher = threading.Thread(target=stop_when_seen)
    watcher.start()
    supervisor.watch(stopping)
    watcher.join()
    [entry] = supervisor._entries
    supervisor._restart_when_due(entry)
    return len(file.read_text()), str(entry.restart_at - time.monotonic())


def test_a_process_that_ends_is_started_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(supervisors, "FIRST_RESTART_SECONDS", 0.01)
    starts, _ = ends(tmp_path, 1, at_least=2)
    assert starts >= 2


def test_a_fault_that_a_restart_does_not_mend_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisors, "WATCH_SECONDS", 0.01)
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=5)
    supervisor._spawn(Ender("worker", (), file=tmp_path / "starts", status=78))
    [entry] = supervisor._entries
    assert await_true(lambda: not entry.child.running)
    supervisor._restart_when_due(entry)
    assert entry.restart_at - time.monotonic() > 299
    supervisor._restart_when_due(entry)
    assert (tmp_path / "starts").read_text() == "x"
    assert "the card is too old: buy another" in capsys.readouterr().out


def test_a_start_that_fails_tells_the_sentence_alone(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "logs")
    ender = Ender("worker", (), file=tmp_path / "starts", is_ready=False)
    with pytest.raises(ServerStartError) as caught:
        supervisor.start(ender)
    assert str(caught.value).startswith("worker: the card is too old: buy another (its log: /")


def test_one_that_makes_progress_is_waited_for(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=10)
    seen: list[int] = []

    def progress() -> int:
        seen.append(len(seen))
        if len(seen) == 15:
            (tmp_path / "late").touch()
        return len(seen)

    late = Late("late", (), file=tmp_path / "late")
    supervisor.start(late, timeout_seconds=0.1, stall_seconds=0.5, progress={"late": progress})
    assert len(seen) >= 15
    supervisor.stop()


def test_one_that_makes_none_ends_the_start(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=10)
    late = Late("late", (), file=tmp_path / "never")
    with pytest.raises(ServerStartError, match=r"late made no progress for 0\.2 s"):
        supervisor.start(late, stall_seconds=0.2, progress={"late": lambda: "loading"})
    supervisor.stop()
