"""The `bottega courier` command, killed while it sends."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.core.session import Database
from db.values.delivery_state import DeliveryState
from tests.support.jobs import add_tenant
from tests.support.receivers import Reply, receiving
from tests.support.waiting import await_true
from tests.support.webhooks import delivery, failed_job, pass_time, results, secret_of


class Couriers:
    """Starts `bottega courier` processes on the test's database."""

    def __init__(self, database_url: str, redis_url: str, log: Path) -> None:
        self._settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "BOTTEGA_OUTBOUND_ALLOW": '["127.0.0.0/8"]',
            "BOTTEGA_OUTBOUND_HTTP": "true",
            "BOTTEGA_STORE_DIR": str(log.with_name("store")),
            "BOTTEGA_OUTBOUND_PORTS": "[]",
        }
        self.log = log

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """One of them, ended at the latest with the block."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli.main", "courier"],
                env={**os.environ, **self._settings},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


@pytest.fixture
def couriers(database_url: str, redis_url: str, tmp_path: Path) -> Couriers:
    return Couriers(database_url, redis_url, tmp_path / "courier.log")


@pytest.mark.slow
def test_a_courier_killed_in_mid_attempt_is_followed_by_another_under_the_same_id(
    database: Database, couriers: Couriers
) -> None:
    tenant_id, held = add_tenant(database), threading.Event()
    with receiving(Reply(hold=held)) as receiver:
        message = failed_job(database, tenant_id, receiver.url)
        with couriers.running() as first:
            assert await_true(lambda: len(receiver.requests) == 1, 30), couriers.log.read_text()
            first.kill()
        held.set()
        assert results(database, message) == [None]
        pass_time(database, 61)
        with couriers.running():
            assert await_true(lambda: len(receiver.requests) == 2, 30)
            assert await_true(lambda: delivery(database, message).state == DeliveryState.DELIVERED)
        secret = secret_of(database, tenant_id)
        events = [request.verified(secret) for request in receiver.requests]
    assert receiver.ids == [message, message]
    assert events[0] == events[1]
    assert results(database, message) == ["courier_lost", 200]


def test_a_courier_told_to_stop_ends_what_it_sends_and_exits_with_0(
    database: Database, couriers: Couriers
) -> None:
    held = threading.Event()
    with receiving(Reply(hold=held)) as receiver, couriers.running() as process:
        message = failed_job(database, add_tenant(database), receiver.url)
        assert await_true(lambda: len(receiver.requests) == 1, 30), couriers.log.read_text()
        later = failed_job(database, add_tenant(database), receiver.url)
        assert await_true(lambda: len(receiver.requests) == 2)
        process.terminate()
        held.set()
        assert process.wait(20) == 0
    states = [delivery(database, one).state for one in (message, later)]
    assert states == [DeliveryState.DELIVERED] * 2
