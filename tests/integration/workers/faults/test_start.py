"""A worker that cannot start: one sentence on standard error, in its log and in its row."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from db.core.session import Database
from db.storage.local import LocalStore
from db.tables import Worker
from tests.support.stub_torch import ROOT, stub_environment
from workers.settings import WorkerSettings

LARGE = "flux.2-klein-4b"
OLD = "The NVIDIA driver on your system is too old (found version 12020). Please update …"


@dataclass(frozen=True)
class Ended:
    """An ended worker: its status, the lines of its standard error, and its row."""

    status: int
    errors: list[str]
    row: Worker | None

    @property
    def sentence(self) -> str:
        """The last line, without the word that begins it."""
        return self.errors[-1].removeprefix("Error: ")


@pytest.fixture
def environment(
    database_url: str, store: LocalStore, worker_settings: WorkerSettings
) -> dict[str, str]:
    """The settings of a worker on the test's own servers."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": worker_settings.redis_url.get_secret_value(),
        "BOTTEGA_STORE_DIR": str(store._root),
    }


def start(
    database: Database, environment: dict[str, str], device: str, variant: str, **told: Any
) -> Ended:
    """Run a worker until it ends."""
    command = [sys.executable, "-m", "deploy.cli.main", "worker", "--id", "wrk_1"]
    run = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--device", device, "--variant", variant],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=stub_environment(**told) | environment,
        timeout=60,
    )
    with database.transaction(durable=False) as session:
        row = session.scalar(select(Worker).where(Worker.id == "wrk_1"))
        session.expunge_all()
    return Ended(run.returncode, run.stderr.splitlines(), row)


@pytest.mark.parametrize(
    ("device", "told", "sentence"),
    [
        ("cuda:0", {"cuda": None}, "is a build for CPUs"),
        ("MIG-6f", {"init_error": OLD}, "is too old for this torch, built for CUDA 13.0"),
    ],
)
def test_a_device_that_cannot_be_used_ends_the_worker_with_one_sentence(
    database: Database,
    environment: dict[str, str],
    device: str,
    told: dict[str, Any],
    sentence: str,
) -> None:
    ended = start(database, environment, device, LARGE, **told)
    assert ended.status == 78
    assert sentence in ended.sentence
    assert not [line for line in ended.errors if line.startswith("Traceback")]
    logged = [json.loads(line) for line in ended.errors if line.startswith("{")]
    assert [line["problem"] for line in logged if "problem" in line] == [ended.sentence]
    assert ended.row is not None
    assert (ended.row.state, ended.row.problem) == ("failed", ended.sentence)
    assert ended.row.device == f"cuda:{device.removeprefix('cuda:')}"


def test_a_busy_device_ends_the_worker_so_that_it_is_tried_again_soon(
    database: Database, environment: dict[str, str]
) -> None:
    busy = "CUDA error: CUDA-capable device(s) is/are busy or unavailable"
    ended = start(database, environment, "cuda:0", LARGE, cards=[{"error": busy}])
    assert ended.status == 1
    assert ended.row is not None
    assert "nvidia-smi -c 0" in (ended.row.problem or "")


@pytest.mark.parametrize(
    ("variant", "settings", "sentence"),
    [
        pytest.param("flux.2-prro", {}, "Did you mean flux.2-pro?", marks=pytest.mark.slow),
        (LARGE, {"BOTTEGA_LEASE_SECONDS": "never"}, "BOTTEGA_LEASE_SECONDS"),
        pytest.param("flux.2-pro", {}, "BOTTEGA_RELAY_URL", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_setting_ends_the_worker_with_one_sentence(
    database: Database,
    environment: dict[str, str],
    variant: str,
    settings: dict[str, str],
    sentence: str,
) -> None:
    ended = start(database, environment | settings, "cpu", variant)
    assert ended.status == 78
    assert sentence in ended.sentence
    assert not [line for line in ended.errors if line.startswith("Traceback")]


@pytest.mark.slow
def test_weights_that_are_missing_end_the_worker_with_one_sentence(
    database: Database, environment: dict[str, str]
) -> None:
    settings = {"BOTTEGA_WEIGHTS_FLORENCE_2_BASE": "/nowhere", "PYTHONPATH": str(ROOT)}
    ended = start(database, environment | settings, "cpu", "florence-2-base")
    assert ended.status == 78
    assert "/nowhere" in ended.sentence
    assert ended.row is not None
    assert ended.row.problem == ended.sentence
