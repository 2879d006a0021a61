"""`bottega worker` does what its memory plan says, or ends with one sentence."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from db import worker_registry
from db.core.session import Database
from db.storage.local import LocalStore
from db.tables import Worker
from tests.support.waiting import await_true
from workers.settings import WorkerSettings

MODEL = "flux.1-demo"
CONFIGURATION = 78


@dataclass
class Start:
    """Starts `bottega worker` on the test's servers."""

    settings: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def __call__(self, *options: str, variant: str = MODEL, **variables: object) -> None:
        given = {f"BOTTEGA_{name.upper()}": str(value) for name, value in variables.items()}
        command = [sys.executable, "-m", "deploy.cli.main", "worker", "--device", "cpu"]
        with self.log.open("wb") as log:
            self.running = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--id", "wrk_1", "--variant", variant, *options],
                env={**os.environ, **self.settings, **given},
                stdout=log,
                stderr=log,
            )

    def last_line(self) -> str:
        """The last line of a worker that ended by itself, with the status of a lasting fault."""
        assert self.running is not None
        assert self.running.wait(120) == CONFIGURATION, self.log.read_text()
        assert "Traceback" not in self.log.read_text()
        return self.log.read_text().splitlines()[-1]


@pytest.fixture
def start(
    database_url: str, own_redis_settings: WorkerSettings, store: LocalStore, tmp_path: Path
) -> Iterator[Start]:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": own_redis_settings.redis_url.get_secret_value(),
        "BOTTEGA_STORE_DIR": str(store._root),
        "BOTTEGA_TORCH_THREADS": "1",
    }
    worker = Start(settings, tmp_path / "worker.log")
    yield worker
    if worker.running is not None:
        worker.running.send_signal(signal.SIGTERM)
        worker.running.wait(60)


def row(database: Database) -> Worker | None:
    with database.transaction(durable=False) as session:
        rows = worker_registry.list_workers(session)
        session.expunge_all()
    return rows[0] if rows else None


def plan_when_ready(database: Database) -> dict[str, Any]:
    """The plan of a worker that has loaded its model."""
    await_true(lambda: (found := row(database)) is not None and found.state == "ready", 120)
    found = row(database)
    assert found is not None
    assert found.resident == [MODEL]
    plan: dict[str, Any] = found.plans[MODEL]
    return plan


@pytest.mark.slow
def test_a_model_that_fits_is_served_as_planned_and_idle_gives_its_memory_back(
    start: Start, database: Database
) -> None:
    start(device_memory_bytes=2_000_000_000, precision="int8", offload="text", idle_seconds=2)
    plan = plan_when_ready(database)
    assert (plan["mode"]["precision"], plan["mode"]["offload"]) == ("int8", "text")
    assert 0 < plan["device_bytes"] < 20_000_000
    assert plan["host_bytes"] > 0
    assert plan["load_seconds"] > 0
    assert "memory_plan" in start.log.read_text()
    assert "int8, text encoders in the host's memory" in start.log.read_text()
    await_true(lambda: (found := row(database)) is not None and found.resident == [], 30)


def test_a_model_that_does_not_fit_ends_the_worker_with_one_sentence(
    start: Start, database: Database
) -> None:
    start(device_memory_bytes=100_000_000)
    line = start.last_line()
    assert f"{MODEL} takes " in line
    assert "of device memory as" in line
    assert "100 MB are free" in line
    found = row(database)
    assert found is not None
    assert (found.state, found.problem) == ("failed", line.removeprefix("Error: "))
