"""The store fails, hangs, loses its answers or takes long: a result is stored and paid once."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
from boto3.session import Session
from botocore.config import Config

from db.storage.local import LocalStore
from db.storage.s3 import S3Account, S3Store
from tests.servers.fault_proxy import HOST, Fault, FaultProxy, fault_proxy
from tests.servers.swift import S3Server
from tests.support.jobs import allowance, cancel, counts, found, sql, state
from tests.support.station import Station
from tests.support.waiting import at_once

ATTEMPTS_OF_A_CALL = 2


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """The proxy before the real S3 server."""
    port = int(s3_server.endpoint_url.rpartition(":")[2])
    with fault_proxy((HOST, port)) as running:
        yield running


@pytest.fixture(scope="module")
def s3_store(s3_server: S3Server, proxy: FaultProxy) -> S3Store:
    """A store that reaches its bucket through the proxy, with short timeouts and few retries."""
    account = S3Account(
        bucket=f"bottega-{uuid4().hex}",
        region=s3_server.region,
        endpoint_url=proxy.url,
        access_key_id=s3_server.access_key_id,
        secret_access_key=s3_server.secret_access_key,
    )
    Session().client(
        "s3",
        endpoint_url=s3_server.endpoint_url,
        region_name=account.region,
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    ).create_bucket(Bucket=account.bucket)
    return S3Store(account, read_timeout_seconds=0.5, attempts=ATTEMPTS_OF_A_CALL)


@pytest.fixture
def remote(station: Station, s3_store: S3Store, proxy: FaultProxy) -> Iterator[Station]:
    """A worker with that store."""
    yield replace(station, store=s3_store)
    proxy.next_faults.clear()
    proxy.every_fault = None
    proxy.met.clear()


def stored_keys(station: Station, job_id: str) -> list[str]:
    """The keys of a job's objects."""
    return [key for key in station.stored_keys() if f"/{job_id}/" in key]


def assert_stored_and_paid_once(station: Station, tenant_id: str, job_id: str) -> str:
    """One settlement and one artifact, whose object is stored; return its key."""
    assert state(station.database, job_id) == "succeeded"
    assert counts(station.database, "usage_events", "artifacts") == [1, 1]
    assert allowance(station.database, tenant_id) == (1, 0)
    [(key, size)] = sql(station.database, "SELECT key, bytes FROM artifacts")
    assert station.store.head(key).size_bytes == size
    return str(key)


@pytest.mark.parametrize("fault", Fault)
def test_one_fault_of_the_store_costs_no_attempt(
    remote: Station, proxy: FaultProxy, tenant_id: str, fault: Fault
) -> None:
    job_id = remote.submit(tenant_id)
    proxy.next_faults[:] = [fault]
    remote.run_batch()
    assert proxy.met == [fault]
    assert found(remote.database, job_id).attempt == 1
    key = assert_stored_and_paid_once(remote, tenant_id, job_id)
    assert stored_keys(remote, job_id) == [key]


@pytest.mark.parametrize("fault", Fault)
def test_a_store_that_fails_all_through_an_attempt_costs_that_attempt_and_no_charge(
    remote: Station, proxy: FaultProxy, tenant_id: str, fault: Fault
) -> None:
    job_id = remote.submit(tenant_id)
    proxy.every_fault = fault
    remote.run_batch()
    assert proxy.met == [fault] * ATTEMPTS_OF_A_CALL
    assert state(remote.database, job_id) == "queued"
    assert counts(remote.database, "usage_events", "artifacts") == [0, 0]
    proxy.every_fault = None
    sql(remote.database, "UPDATE jobs SET available_at = now()")
    remote.run_batch()
    key = assert_stored_and_paid_once(remote, tenant_id, job_id)
    assert key.split("/")[-2] == "2"
    left = [other for other in stored_keys(remote, job_id) if other != key]
    assert {other.split("/")[-2] for other in left} == (
        {"1"} if fault is Fault.LOST_ANSWER else set()
    )


@dataclass
class Slow:
    """A store's put that stores, then waits for an event before it returns."""

    store: LocalStore
    entered: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def put(self, key: str, data: bytes, media_type: str) -> None:
        LocalStore.put(self.store, key, data, media_type)
        self.entered.set()
        assert self.released.wait(20)


def test_a_job_canceled_while_it_uploads_is_unpaid_and_leaves_no_object(
    station: Station, store: LocalStore, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, slow = station.submit(tenant_id), Slow(store)
    monkeypatch.setattr(store, "put", slow.put)

    def cancel_meanwhile() -> None:
        assert slow.entered.wait(20)
        assert station.stored_keys()
        assert cancel(station.database, job_id)
        slow.released.set()

    at_once([station.run_batch, cancel_meanwhile])
    assert state(station.database, job_id) == "canceled"
    assert station.stored_keys() == []
    assert counts(station.database, "usage_events", "artifacts") == [0, 0]
    assert allowance(station.database, tenant_id) == (0, 0)
