"""Requests that are sent again, and clients that leave, at every compatible API."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from api.compat.shared import waiting
from db.core.session import Database
from db.jobs import deduplication
from db.tenants import api_keys
from tests.servers.uvicorn_thread import serving
from tests.support import jobs
from tests.support.adapters import Gate
from tests.support.apis import MakeApi
from tests.support.document_calls import working
from tests.support.station import Station
from tests.support.surfaces import (
    ASYNCHRONOUS,
    SYNCHRONOUS,
    Door,
    by_name,
    fresh_prompt,
)
from tests.support.waiting import await_true

MakeKey = Callable[..., str]


@pytest.fixture
def make_key(database: Database) -> MakeKey:
    """Makes keys of tenants of their own."""

    def make(**tier: Any) -> str:
        tenant_id = jobs.add_tenant(database, **tier)
        with database.transaction() as session:
            return api_keys.create(session, tenant_id=tenant_id, name="")[1]

    return make


@pytest.fixture
def client(make_api: MakeApi) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(make_api()) as opened:
        yield opened


@pytest.fixture
def url(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a served API that cancels soon after a client has left."""
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.3)
    # These clients do not back off: whatever comes after the job was made is a retry.
    monkeypatch.setattr(deduplication, "TOGETHER_SECONDS", 0.0)
    with serving(make_api()) as served:
        yield served


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for calls that stay open."""
    with ThreadPoolExecutor(8) as opened:
        yield opened


def send(
    client: TestClient | httpx.Client, door: Door, key: str, prompt: str, **headers: str
) -> httpx.Response:
    """Submit a job."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: httpx.Response = client.post(
        door.submit, json=door.body({"prompt": prompt}), headers={**door.key(key), **named}
    )
    return answer


def job_ids(database: Database) -> list[str]:
    """The ids of all jobs, oldest first."""
    return [row[0] for row in jobs.sql(database, "SELECT id FROM jobs ORDER BY id")]


@pytest.mark.parametrize(**by_name(ASYNCHRONOUS))
def test_the_same_body_rejoins_its_unfinished_job_and_is_a_new_one_after_it(
    client: TestClient, make_key: MakeKey, database: Database, station: Station, door: Door
) -> None:
    # The first took the last unit of the allowance, and the last place in flight.
    key, prompt = make_key(images_per_month=1, max_in_flight=1), fresh_prompt()
    first = send(client, door, key, prompt)
    assert first.status_code in {200, 201}, first.text
    [job_id] = job_ids(database)
    assert job_id in first.text
    for _ in range(2):
        again = send(client, door, key, prompt)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (
            first.status_code,
            "true",
        )
        assert job_id in again.text
    assert jobs.counts(database, "jobs", "holds") == [1, 1]
    station.run_batch()
    spent = send(client, door, key, prompt)
    assert spent.status_code == 402
    door.check_error(spent)


@pytest.mark.parametrize(**by_name(ASYNCHRONOUS))
def test_another_key_or_another_body_is_another_job(
    client: TestClient, database: Database, tenant_id: str, door: Door
) -> None:
    with database.transaction() as session:
        keys = [api_keys.create(session, tenant_id=tenant_id, name="")[1] for _ in range(2)]
    prompt = fresh_prompt()
    answers = [
        send(client, door, keys[0], prompt),
        send(client, door, keys[1], prompt),
        send(client, door, keys[0], fresh_prompt()),
    ]
    assert all("idempotency-replayed" not in each.headers for each in answers)
    assert len(job_ids(database)) == 3


@pytest.mark.parametrize(**by_name(ASYNCHRONOUS))
def test_an_idempotency_key_is_honoured_also_after_the_end(
    client: TestClient, make_key: MakeKey, database: Database, station: Station, door: Door
) -> None:
    key, prompt = make_key(), fresh_prompt()
    send(client, door, key, prompt, idempotency_key="k-1")
    station.run_batch()
    again = send(client, door, key, prompt, idempotency_key="k-1")
    assert again.status_code in {200, 201}, again.text
    assert again.headers["idempotency-replayed"] == "true"
    other = send(client, door, key, fresh_prompt(), idempotency_key="k-1")
    assert other.status_code == 422
    door.check_error(other)
    invalid = send(client, door, key, prompt, idempotency_key="two words")
    assert invalid.status_code in {400, 422}
    door.check_error(invalid)
    assert jobs.counts(database, "jobs") == [1]


@pytest.mark.parametrize(**by_name(SYNCHRONOUS))
def test_a_synchronous_call_under_an_idempotency_key_is_answered_alike_again(
    client: TestClient, make_key: MakeKey, database: Database, station: Station, door: Door
) -> None:
    key, prompt = make_key(), fresh_prompt()
    with working(station):
        answers = [send(client, door, key, prompt, idempotency_key="k-1") for _ in range(2)]
        other = send(client, door, key, fresh_prompt(), idempotency_key="k-1")
    assert [each.status_code for each in answers] == [200, 200], answers[0].text
    assert [each.headers.get("idempotency-replayed") for each in answers] == [None, "true"]
    assert jobs.counts(database, "jobs", "usage_events") == [1, 1]
    assert other.status_code in {400, 422}
    door.check_error(other)


def open_call(url: str, door: Door, key: str, prompt: str, *more: str) -> socket.socket:
    """Send a request over a socket of its own, which stays open."""
    host = urlsplit(url).netloc
    body = httpx.Request("POST", url, json=door.body({"prompt": prompt})).content
    lines = [
        f"POST {door.submit} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in door.key(key).items()),
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    opened = socket.create_connection(urlsplit(url).netloc.split(":"), timeout=30)
    opened.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return opened


def await_job(database: Database, count: int = 1) -> str:
    """Wait until there are so many jobs; the id of the newest."""
    assert await_true(lambda: len(job_ids(database)) == count)
    return job_ids(database)[-1]


def await_state(database: Database, job_id: str, state: str) -> None:
    """Wait until a job is in a state."""
    assert await_true(lambda: jobs.state(database, job_id) == state), jobs.state(database, job_id)


@pytest.mark.parametrize(**by_name(SYNCHRONOUS))
def test_a_client_that_leaves_cancels_its_job_queued_or_running(
    url: str,
    make_key: MakeKey,
    database: Database,
    station: Station,
    pool: ThreadPoolExecutor,
    door: Door,
) -> None:
    key = make_key()
    with closing(open_call(url, door, key, fresh_prompt())):
        job_id = await_job(database)
    await_state(database, job_id, "canceled")

    gate = Gate()
    with closing(open_call(url, door, key, fresh_prompt())):
        job_id = await_job(database, 2)
        running: Future[int] = pool.submit(station.run_batch, gate)
        assert gate.entered.wait(30)
    await_state(database, job_id, "canceled")
    gate.opened.set()
    running.result(30)
    assert jobs.state(database, job_id) == "canceled"


@pytest.mark.parametrize(
    "headers", [{}, {"idempotency_key": "k-1"}], ids=["same body", "idempotency key"]
)
@pytest.mark.parametrize(**by_name(SYNCHRONOUS))
def test_a_client_that_leaves_and_sends_its_request_again_gets_the_job_that_it_began(
    url: str,
    make_key: MakeKey,
    database: Database,
    station: Station,
    pool: ThreadPoolExecutor,
    door: Door,
    headers: dict[str, str],
) -> None:
    key, prompt = make_key(), fresh_prompt()
    more = [f"Idempotency-Key: {value}" for value in headers.values()]
    with closing(open_call(url, door, key, prompt, *more)):
        job_id = await_job(database)
    with httpx.Client(base_url=url, timeout=60) as again:
        waiting_call = pool.submit(send, again, door, key, prompt, **headers)
        assert await_true(lambda: jobs.sql(database, "SELECT sync_clients FROM jobs") == [(2,)])
        # The departure of the first is counted, and cancels nothing.
        assert await_true(lambda: jobs.sql(database, "SELECT sync_clients FROM jobs") == [(1,)])
        assert jobs.state(database, job_id) == "queued"
        station.run_batch()
        answer = waiting_call.result(60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["idempotency-replayed"] == "true"
    assert jobs.counts(database, "jobs", "usage_events") == [1, 1]


@pytest.mark.parametrize(**by_name(SYNCHRONOUS))
def test_equal_requests_that_are_sent_together_are_jobs_of_their_own(
    url: str,
    make_key: MakeKey,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    door: Door,
) -> None:
    # Longer than any machine takes to read four requests: clients that paint four pictures by
    # four equal calls want four.
    monkeypatch.setattr(deduplication, "TOGETHER_SECONDS", 60.0)
    key, prompt = make_key(), fresh_prompt()
    opened = [open_call(url, door, key, prompt) for _ in range(4)]
    assert await_true(lambda: len(job_ids(database)) == len(opened))
    digests = "SELECT count(*), count(deduplication_digest), max(sync_clients) FROM jobs"
    assert jobs.sql(database, digests) == [(4, 1, 1)]
    for each in opened:
        each.close()
    assert await_true(lambda: jobs.counts(database, "jobs WHERE state = 'canceled'") == [4])


@pytest.mark.parametrize(**by_name(SYNCHRONOUS))
def test_of_two_clients_that_wait_for_one_job_the_last_to_leave_cancels(
    url: str, make_key: MakeKey, database: Database, door: Door
) -> None:
    key, prompt = make_key(), fresh_prompt()
    first = open_call(url, door, key, prompt)
    job_id = await_job(database)
    second = open_call(url, door, key, prompt)
    assert await_true(lambda: jobs.sql(database, "SELECT sync_clients FROM jobs") == [(2,)])
    first.close()
    assert await_true(lambda: jobs.sql(database, "SELECT sync_clients FROM jobs") == [(1,)])
    assert jobs.state(database, job_id) == "queued"
    second.close()
    await_state(database, job_id, "canceled")


@pytest.mark.parametrize(**by_name(SYNCHRONOUS))
def test_a_restart_during_a_synchronous_call_loses_nothing(
    make_api: MakeApi,
    make_key: MakeKey,
    database: Database,
    station: Station,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    door: Door,
) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.1)
    key, prompt = make_key(), fresh_prompt()
    with serving(make_api(), grace_seconds=0) as url:
        left = open_call(url, door, key, prompt)
        job_id = await_job(database)
    left.close()
    time.sleep(0.3)  # longer than the moment after which a departure cancels
    assert jobs.state(database, job_id) == "queued"
    with TestClient(make_api()) as client:
        again = pool.submit(send, client, door, key, prompt)
        assert await_true(lambda: jobs.sql(database, "SELECT sync_clients FROM jobs") == [(2,)])
        station.run_batch()
        answer = again.result(60)
    assert answer.status_code == 200, answer.text
    assert job_ids(database) == [job_id]
