"""The time for which a job is kept, over HTTP: its limits, its defaults, and what clients see."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from tests.support.api_tenant import ApiTenant, add_api_tenant
from tests.support.apis import MakeApi
from tests.support.jobs import found, sql
from tests.support.station import FLUX, Station
from workers.courier.retention import Retention

JOBS = "/v1/jobs"
LIFECYCLE = "X-Fal-Object-Lifecycle-Preference"
MONTH = 30 * 24 * 3600
PAINT = {"model": FLUX, "input": {"prompt": "a red circle"}, "metadata": {"order": "17"}}

TIERS: list[tuple[dict[str, int], int]] = [
    ({"keep_seconds": 7200}, 7200),
    ({}, MONTH),
    ({"keep_seconds": 7200, "images_per_month": 0}, 7200),
    ({"images_per_month": 0}, MONTH),
]
"""Limits, and the longest time: with an allowance in one statement, without in steps."""

LIFECYCLES = [
    ('{"expiration_duration_seconds": 3600}', 3600, None),
    ('{"expiration_duration_seconds": 3599.5}', 3600, None),
    ('{"expiration_duration_seconds": 5}', 60, "parameter_adjusted"),
    ('{"expiration_duration_seconds": 1e9}', 7200, "parameter_adjusted"),
    ('{"expiration_duration_seconds": null}', 7200, "parameter_ignored"),
    ('{"expiration_duration_seconds": true}', 7200, "parameter_ignored"),
    ("3600", 7200, "parameter_ignored"),
    ("{", 7200, "parameter_ignored"),
]
"""Headers, the time that the job is kept for, and the warning."""

Make = Callable[..., ApiTenant]


@pytest.fixture
def make(make_api: MakeApi, database: Database) -> Iterator[Make]:
    with TestClient(make_api()) as client:
        yield lambda **tier: add_api_tenant(client, database, **tier)


def submit(tenant: ApiTenant, **more: Any) -> dict[str, Any]:
    answer = tenant.call("POST", JOBS, json=PAINT | more)
    assert answer.status_code == 202, answer.text
    view: dict[str, Any] = answer.json()
    return view


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_job_tells_when_it_goes_and_is_gone_then(make: Make, station: Station) -> None:
    tenant = make()
    job = submit(tenant, keep_seconds=3600)
    assert (job["keep_seconds"], job["kept_until"]) == (3600, None)
    station.run_batch()
    answer = tenant.call("GET", f"{JOBS}/{job['id']}")
    done, tag = answer.json(), answer.headers["ETag"]
    until = moment(done["finished_at"]) + timedelta(hours=1)
    assert moment(done["kept_until"]) == until
    assert moment(done["output"]["images"][0]["expires_at"]) == until
    sql(station.database, "UPDATE jobs SET finished_at = now() - interval '3601 s'")
    Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    ).run_once()
    gone = tenant.get(f"{JOBS}/{job['id']}", headers={"If-None-Match": tag})
    assert (gone["state"], gone["output"], gone["metadata"]) == ("succeeded", {}, {})
    assert tenant.get("/v1/usage")["events"][0]["job_id"] == job["id"]


def test_without_a_time_results_go_after_that_of_the_service(make: Make, station: Station) -> None:
    tenant = make()
    job = submit(tenant)
    assert (job["keep_seconds"], job["kept_until"]) == (None, None)
    station.run_batch()
    done = tenant.get(f"{JOBS}/{job['id']}")
    lifetime = moment(done["kept_until"]) - moment(done["finished_at"])
    assert lifetime.total_seconds() == station.settings.result_keep_seconds
    assert done["keep_seconds"] is None
    assert tenant.get("/v1/account")["limits"]["keep_seconds"] == MONTH


def test_the_tiers_time_is_the_default_and_the_limit(make: Make) -> None:
    tenant = make(keep_seconds=7200)
    assert tenant.get("/v1/account")["limits"]["keep_seconds"] == 7200
    assert submit(tenant)["keep_seconds"] == 7200
    assert submit(tenant, keep_seconds=7200)["keep_seconds"] == 7200
    assert submit(tenant, keep_seconds=60)["keep_seconds"] == 60


def test_a_tier_may_keep_jobs_for_longer_than_the_service(make: Make) -> None:
    tenant = make(keep_seconds=2 * MONTH)
    assert submit(tenant, keep_seconds=MONTH + 1)["keep_seconds"] == MONTH + 1


def test_a_longer_time_is_refused_with_the_limit(make: Make) -> None:
    for tier, limit in TIERS:
        tenant = make(**tier)
        for dry_run in (False, True):
            asked = PAINT | {"keep_seconds": limit + 1}
            answer = tenant.call("POST", JOBS, json=asked, params={"dry_run": dry_run})
            assert answer.status_code == 422, (tier, answer.text)
            [error] = answer.json()["errors"]
            assert (error["loc"], error["type"]) == (["body", "keep_seconds"], "keep_too_long")
            assert f"{limit} at most" in error["msg"]


def test_what_is_no_time_is_refused(make: Make) -> None:
    tenant = make()
    for value in (0, -1, 59, 1e12, "60", True, 60.5):
        answer = tenant.call("POST", JOBS, json=PAINT | {"keep_seconds": value})
        assert answer.status_code == 422, value
        assert answer.json()["errors"][0]["loc"] == ["body", "keep_seconds"]


def test_fals_lifecycle_is_the_same_time(make: Make, database: Database) -> None:
    tenant = make(keep_seconds=7200)
    for n, (header, kept, warning) in enumerate(LIFECYCLES):
        body, headers = {"prompt": f"circle {n}"}, {LIFECYCLE: header}
        answer = tenant.call("POST", f"/fal/queue/bottega/{FLUX}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        row = found(database, answer.json()["request_id"])
        assert row.keep_seconds == kept, header
        told = [each["code"] for each in row.warnings or () if each["parameter"] == LIFECYCLE]
        assert told == ([warning] if warning else []), header
