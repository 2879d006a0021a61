"""The filters and pages of `GET /v1/jobs`."""

from typing import Any

import pytest

from tests.acceptance.stack import Client, Json, Stack

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(scope="module")
def lister(stack: Stack) -> Client:
    return stack.tenant()


@pytest.fixture(scope="module")
def jobs(stack: Stack, lister: Client) -> list[Json]:
    """Five jobs, oldest first; all but the last are canceled."""
    with stack.paused("flux.1-demo"), stack.paused("florence-2-demo"):
        jobs = [lister.paint(f"number {n}") for n in range(4)]
        for job in jobs:
            lister.cancel(job)
    return [*jobs, lister.await_end(lister.paint())]


def ids(client: Client, **query: Any) -> list[str]:
    answer = client.http.get("/v1/jobs", params=query).raise_for_status()
    return [job["id"] for job in answer.json()["jobs"]]


def test_jobs_come_newest_first(lister: Client, jobs: list[Json]) -> None:
    assert ids(lister) == [job["id"] for job in reversed(jobs)]


def test_jobs_are_selected_by_state(lister: Client, jobs: list[Json]) -> None:
    assert ids(lister, state="succeeded") == [jobs[-1]["id"]]
    assert ids(lister, state="canceled") == [job["id"] for job in reversed(jobs[:-1])]
    assert ids(lister, state="failed") == []


def test_jobs_are_selected_by_model(lister: Client, jobs: list[Json]) -> None:
    assert len(ids(lister, model="flux.1-demo")) == len(jobs)
    assert ids(lister, model="florence-2-demo") == []


def test_jobs_are_selected_by_age(lister: Client, jobs: list[Json]) -> None:
    newer = ids(lister, created_after=jobs[2]["created_at"])
    assert newer == [jobs[4]["id"], jobs[3]["id"]]


def test_links_lead_through_all_pages(lister: Client, jobs: list[Json]) -> None:
    answer = lister.http.get("/v1/jobs", params={"limit": 2, "model": "flux.1-demo"})
    pages = [answer]
    while (following := pages[-1].links.get("next")) is not None:
        pages.append(lister.http.get(following["url"]).raise_for_status())
    seen = [[job["id"] for job in page.json()["jobs"]] for page in pages]
    expected = [job["id"] for job in reversed(jobs)]
    assert seen == [expected[:2], expected[2:4], expected[4:]]
    assert pages[-1].json()["next_cursor"] is None


def test_the_cursor_leads_on_too(lister: Client, jobs: list[Json]) -> None:
    first = lister.http.get("/v1/jobs", params={"limit": 4}).json()
    rest = ids(lister, limit=4, cursor=first["next_cursor"])
    assert rest == [jobs[0]["id"]]


def test_nobody_sees_another_tenants_jobs(jobs: list[Json], tenant: Client) -> None:
    assert jobs
    assert ids(tenant) == []
