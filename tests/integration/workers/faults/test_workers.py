"""Worker processes that die or freeze at the worst moments: a job ends once, or after three tries.

The processes and everything around them are real, apart from the model.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from db.core.session import Database
from db.storage.local import LocalStore
from tests.support import model_free_worker as faulty_worker
from tests.support.jobs import add_tenant, allowance, counts, found, sql, state
from tests.support.station import Station
from tests.support.waiting import await_true
from workers.courier.sweeper import Sweeper
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier, make_celery, redis_client
from workers.runtime.device_failure import EXIT_DEVICE_FAILED
from workers.settings import WorkerSettings


@dataclass
class Workers:
    """Starts worker processes on the test's servers, and restarts those that died."""

    settings: dict[str, str]
    log: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, worker_id: str) -> subprocess.Popen[bytes]:
        """Start a worker with an id, which its claims name."""
        with self.log.open("ab") as log:
            started = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "tests.support.model_free_worker", worker_id],
                env={**os.environ, **self.settings},
                stdout=log,
                stderr=log,
            )
        self.processes[worker_id] = started
        return started

    def revive(self) -> None:
        """Restart the processes that died."""
        for worker_id, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(worker_id)

    def end(self) -> None:
        """Kill the processes that run or are frozen."""
        for process in self.processes.values():
            process.kill()
            process.wait(10)


@pytest.fixture
def workers(
    database_url: str, own_redis_settings: WorkerSettings, store: LocalStore, tmp_path: Path
) -> Iterator[Workers]:
    """Workers whose leases run out after a second."""
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": own_redis_settings.redis_url.get_secret_value(),
        "BOTTEGA_STORE_DIR": str(store._root),
        "BOTTEGA_LEASE_SECONDS": "1",
        "BOTTEGA_HEARTBEAT_SECONDS": "0.2",
        "BOTTEGA_GRACE_SECONDS": "0.2",
    }
    started = Workers(settings, tmp_path / "workers.log")
    yield started
    started.end()


@pytest.fixture
def station(
    database: Database, store: LocalStore, own_redis_settings: WorkerSettings
) -> Iterator[Station]:
    """A station for submissions and queries, with a sweeper that runs beside it."""
    publisher, queue_notifier = Publisher(own_redis_settings), QueueNotifier(own_redis_settings)
    stopping = threading.Event()
    sweeping = threading.Thread(
        target=Sweeper(database, queue_notifier, publisher).run,
        args=(stopping,),
        kwargs={"every_seconds": 0.2},
    )
    sweeping.start()
    yield Station(database, store, own_redis_settings, publisher)
    stopping.set()
    sweeping.join()
    queue_notifier.close()
    publisher.close()


def ends(station: Station, workers: Workers, *job_ids: str) -> list[str]:
    """Wait until jobs are over, restarting dead workers; return their states."""

    def over() -> bool:
        workers.revive()
        return all(found(station.database, job_id).finished_at for job_id in job_ids)

    assert await_true(over, 40), workers.log.read_text()
    return [str(state(station.database, job_id)) for job_id in job_ids]


def outcomes(station: Station, job_id: str) -> list[str]:
    """The outcomes of a job's attempts, in order."""
    query = "SELECT outcome FROM attempts WHERE job_id = :id ORDER BY number"
    return [outcome for (outcome,) in sql(station.database, query, id=job_id)]


def test_a_job_that_kills_its_workers_stops_after_three_and_takes_no_mate_with_it(
    station: Station, workers: Workers
) -> None:
    tenant_id = add_tenant(station.database)
    poison = station.submit(tenant_id, prompt=faulty_worker.DIE)
    mate = station.submit(tenant_id, prompt="a red circle")
    workers.start("wrk_a")
    assert ends(station, workers, poison, mate) == ["failed", "succeeded"]
    assert outcomes(station, poison) == ["worker_lost"] * 3
    assert found(station.database, poison).error_code == "worker_lost"
    assert allowance(station.database, tenant_id) == (1, 0)
    later = station.submit(tenant_id)
    assert ends(station, workers, later) == ["succeeded"]
    assert found(station.database, later).attempt == 1


def test_workers_obey_no_command_that_comes_through_redis(
    station: Station, workers: Workers, own_redis_settings: WorkerSettings
) -> None:
    tenant_id = add_tenant(station.database)
    worker = workers.start("wrk_a")
    assert ends(station, workers, station.submit(tenant_id)) == ["succeeded"]
    app = make_celery(own_redis_settings)
    assert app.control.ping(timeout=1) == []
    for command in ("shutdown", "enable_events", "pool_restart"):
        app.control.broadcast(command)
    app.control.cancel_consumer(faulty_worker.VARIANT)
    app.close()
    assert ends(station, workers, station.submit(tenant_id)) == ["succeeded"]
    assert workers.processes == {"wrk_a": worker}
    assert worker.poll() is None
    with redis_client(own_redis_settings) as redis:
        assert redis.pubsub_numpat() == 0


@pytest.mark.parametrize(
    "moment",
    [
        faulty_worker.DIE,
        pytest.param(faulty_worker.DIE_BEFORE_STORING, marks=pytest.mark.slow),
        pytest.param(faulty_worker.DIE_AFTER_STORING, marks=pytest.mark.slow),
    ],
)
def test_a_worker_that_dies_at_any_moment_costs_one_attempt(
    station: Station, workers: Workers, tmp_path: Path, moment: str
) -> None:
    tenant_id = add_tenant(station.database)
    job_id = station.submit(tenant_id, prompt=f"{moment} {tmp_path / 'mark'}")
    workers.start("wrk_a")
    assert ends(station, workers, job_id) == ["succeeded"]
    assert outcomes(station, job_id) == ["worker_lost", "succeeded"]
    assert counts(station.database, "usage_events", "artifacts") == [1, 1]
    [(key,)] = sql(station.database, "SELECT key FROM artifacts")
    assert f"/{job_id}/2/" in key
    assert key in station.stored_keys()


@pytest.mark.slow
def test_a_worker_that_loses_its_device_ends_and_the_next_one_does_the_job(
    station: Station, workers: Workers, tmp_path: Path
) -> None:
    tenant_id = add_tenant(station.database)
    job_id = station.submit(tenant_id, prompt=f"{faulty_worker.LOSE_DEVICE} {tmp_path / 'mark'}")
    assert workers.start("wrk_a").wait(20) == EXIT_DEVICE_FAILED
    assert outcomes(station, job_id) == ["worker_lost"]
    assert ends(station, workers, job_id) == ["succeeded"]
    assert outcomes(station, job_id) == ["worker_lost", "succeeded"]
    assert counts(station.database, "usage_events", "artifacts") == [1, 1]


@pytest.mark.slow
def test_the_late_result_of_a_frozen_worker_is_dropped_and_its_objects_removed(
    station: Station, workers: Workers, tmp_path: Path
) -> None:
    tenant_id = add_tenant(station.database)
    job_id = station.submit(tenant_id, prompt=f"{faulty_worker.FREEZE} {tmp_path / 'mark'}")
    asleep = workers.start("wrk_a")
    assert await_true((tmp_path / "mark").exists, 20), workers.log.read_text()
    workers.start("wrk_b")
    assert ends(station, workers, job_id) == ["succeeded"]
    job = found(station.database, job_id)
    assert (job.attempt, job.worker_id) == (2, "wrk_b")
    asleep.send_signal(signal.SIGCONT)
    assert await_true(lambda: '"outcome": "dropped"' in workers.log.read_text())
    [(key,)] = sql(station.database, "SELECT key FROM artifacts")
    assert await_true(lambda: station.stored_keys() == [key])
    assert counts(station.database, "usage_events", "artifacts") == [1, 1]
    assert outcomes(station, job_id) == ["worker_lost", "succeeded"]
    asleep.terminate()
    assert asleep.wait(10) == 0


@pytest.mark.slow
def test_a_worker_told_to_stop_hands_back_what_takes_longer_than_its_grace(
    station: Station, workers: Workers, tmp_path: Path
) -> None:
    job_id = station.submit(
        add_tenant(station.database), prompt=f"{faulty_worker.LINGER} {tmp_path / 'mark'}"
    )
    stopped = workers.start("wrk_a")
    assert await_true((tmp_path / "mark").exists, 20), workers.log.read_text()
    stopped.terminate()
    assert stopped.wait(10) == 0
    assert outcomes(station, job_id) == ["handed_back"]
    assert ends(station, workers, job_id) == ["succeeded"]
    assert outcomes(station, job_id) == ["handed_back", "succeeded"]
    assert counts(station.database, "usage_events", "artifacts") == [1, 1]
