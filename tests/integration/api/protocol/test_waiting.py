"""Preferences and ends: `Prefer`, `?wait=`, HEAD of what waits, and streams that are over."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.station import Station

Json = dict[str, Any]
BODY = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    with TestClient(make_api(BOTTEGA_MAX_WAIT_SECONDS="0.05"), headers={"x-key": key}) as opened:
        yield opened


@pytest.fixture
def ended(client: TestClient, station: Station) -> Json:
    """A job that is over."""
    made = client.post("/v1/jobs", json=BODY).json()
    station.run_batch()
    job: Json = client.get(f"/v1/jobs/{made['id']}").json()
    assert job["state"] == "succeeded"
    return job


def last_id(stream: str) -> str:
    return [line for line in stream.splitlines() if line.startswith("id: ")][-1].removeprefix(
        "id: "
    )


@pytest.mark.parametrize(
    ("lines", "applied"),
    [
        (["wait"], "wait=0.05"),
        (["respond-async", "wait=30"], "wait=0.05"),
        (['wait="5"; x=y, foo'], "wait=0.05"),
        (["foo=bar", "respond-async"], "respond-async"),
        (["wait="], "wait=0.05"),
        (["wait=soon"], None),
        (["handling=lenient"], None),
    ],
)
def test_preferences_of_all_lines_are_applied_and_told(
    client: TestClient, lines: list[str], applied: str | None
) -> None:
    made = client.post("/v1/jobs", json=BODY, headers=[("Prefer", line) for line in lines])
    assert made.status_code == 202
    assert made.headers.get("preference-applied") == applied


def test_a_wait_beyond_the_longest_is_the_longest(client: TestClient) -> None:
    made = client.post("/v1/jobs", json=BODY, headers={"Prefer": "wait=9999"})
    assert made.headers["preference-applied"] == "wait=0.05"
    path = f"/v1/jobs/{made.json()['id']}"
    for wait in ("90", "1e9", "0"):
        assert client.get(path, params={"wait": wait}).status_code == 200
    for blank in ("wait", "wait=", "wait=%20", "wait&wait=", "x=1&wait"):
        began = time.monotonic()
        answer = client.get(f"{path}?{blank}")
        refused = blank in ("wait&wait=", "x=1&wait")
        assert answer.status_code == (422 if refused else 200), blank
        # Not its speed: it cannot have been answered before the longest wait was over.
        assert refused or time.monotonic() - began >= 0.05
    for wait in ("-1", "nan", "inf", "soon"):
        assert client.get(path, params={"wait": wait}).status_code == 422


def test_head_neither_waits_nor_follows(
    make_api: MakeApi, database: Database, tenant_id: str
) -> None:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    with TestClient(make_api(), headers={"x-key": key}) as client:
        path = f"/v1/jobs/{client.post('/v1/jobs', json=BODY).json()['id']}"
        waited = client.head(path, params={"wait": "60"}, headers={"Prefer": "wait=60"})
        assert (waited.status_code, waited.content) == (200, b"")
        followed = client.head(f"{path}/events")
        assert (followed.status_code, followed.content) == (200, b"")
        assert followed.headers["content-type"].startswith("text/event-stream")
        assert client.head("/v1/jobs/job_x/events").status_code == 404


def test_who_has_been_sent_the_end_is_told_to_come_no_more(client: TestClient, ended: Json) -> None:
    path = f"/v1/jobs/{ended['id']}/events"
    whole = client.get(path).text
    end = last_id(whole)
    past = client.get(path, headers={"Last-Event-ID": end})
    assert (past.status_code, past.content) == (204, b"")
    assert "content-type" not in past.headers
    for unknown in ("nonsense", "0-0", "-1", "1-0", "9" * 40, "", " "):
        again = client.get(path, headers={"Last-Event-ID": unknown})
        assert again.status_code == 200, unknown
        assert "event: done" in again.text


def test_an_end_whose_events_are_lost_is_sent_once(client: TestClient, database: Database) -> None:
    # No worker publishes: the end is in the row alone, as after the loss of Redis.
    made = client.post("/v1/jobs", json=BODY).json()
    assert jobs.complete(database, jobs.fence_of(jobs.claim(database)[0]))
    path = f"/v1/jobs/{made['id']}/events"
    stream = client.get(path).text
    assert "event: done" in stream
    assert client.get(path, headers={"Last-Event-ID": last_id(stream)}).status_code == 204
