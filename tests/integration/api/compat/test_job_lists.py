"""Where people look for jobs: the API by which each came, and what was ignored in its request."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.jobs import search
from db.jobs.search import JobSearch
from db.jobs.types import Origin, RequestWarning
from db.tenants import api_keys
from db.values.surfaces import SurfaceName
from tests.support.jobs import add_tenant, submit

BASE = "http://127.0.0.1"
WARNING = RequestWarning("parameter_ignored", "go_fast", "go_fast is ignored: <b>no such</b>")


@pytest.fixture
def tenant_id(database: Database) -> str:
    """The tenant of the jobs."""
    return add_tenant(database)


@pytest.fixture
def job_ids(database: Database, tenant_id: str) -> dict[str, str]:
    """A job by each API."""
    return {
        surface: submit(
            database,
            tenant_id,
            origin=Origin(surface, warnings=() if surface is SurfaceName.NATIVE else (WARNING,)),
        )
        for surface in SurfaceName
    }


@pytest.fixture
def client(make_api: Callable[..., Any], database: Database) -> Any:
    """An operator, signed in to the dashboard and with the key."""
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=None, name="test")[1]
    headers = {"Origin": BASE, "Authorization": f"Bearer {key}"}
    with TestClient(make_api(), base_url=BASE, headers=headers) as client:
        client.post("/dashboard/sign-in", data={"key": key})
        yield client


def test_operators_find_the_jobs_of_an_api(client: TestClient, job_ids: dict[str, str]) -> None:
    for surface in SurfaceName:
        listed = client.get("/v1/admin/jobs", params={"surface": surface}).json()["jobs"]
        assert [(job["id"], job["surface"]) for job in listed] == [(job_ids[surface], surface)]
        shown = client.get("/dashboard/jobs", params={"surface": surface}).text
        assert [job_id for job_id in job_ids.values() if job_id in shown] == [job_ids[surface]]


def test_operators_see_what_was_ignored(client: TestClient, job_ids: dict[str, str]) -> None:
    shown = client.get(f"/v1/admin/jobs/{job_ids['fal']}").json()
    assert (shown["surface"], shown["warnings"]) == ("fal", [WARNING.as_json()])
    page = client.get(f"/dashboard/jobs/{job_ids['huggingface']}").text
    assert "by Hugging Face" in page
    assert "go_fast is ignored: &lt;b&gt;" in page
    assert "Ignored" not in client.get(f"/dashboard/jobs/{job_ids['native']}").text


def test_an_unknown_api_is_an_error_of_the_filter(client: TestClient) -> None:
    assert client.get("/v1/admin/jobs", params={"surface": "other"}).status_code == 422
    assert client.get("/dashboard/jobs", params={"surface": "other"}).status_code == 422


def test_the_index_of_apis_serves_the_search(
    database: Database, tenant_id: str, job_ids: dict[str, str]
) -> None:
    with database.transaction(durable=False) as session:
        session.execute(search.text("SET LOCAL enable_seqscan = off"))
        statement = search._newest_first(JobSearch(surface=SurfaceName.BFL)).limit(50)
        compiled = statement.compile(session.connection(), compile_kwargs={"literal_binds": True})
        plan = session.execute(search.text(f"EXPLAIN {compiled}")).scalars().all()
        found = search.search(session, JobSearch(surface=SurfaceName.BFL), before_id=None, limit=50)
    assert "ix_jobs_surface_newest" in " ".join(plan)
    assert [each.job.id for each in found] == [job_ids["bfl"]]
    assert {each.job.tenant_id for each in found} == {tenant_id}


def test_submissions_are_counted_by_their_api(
    make_api: Callable[..., Any], database: Database, tenant_id: str
) -> None:
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="test")[1]
        operator = api_keys.create(session, tenant_id=None, name="test")[1]
    with TestClient(make_api(), base_url=BASE) as client:

        def counted() -> float:
            text = client.get("/metrics", headers={"Authorization": f"Bearer {operator}"}).text
            sample = 'bottega_jobs_submitted_total{surface="bfl",variant="flux.1-demo"}'
            [value, *_] = [line.split()[-1] for line in text.splitlines() if sample in line] or "0"
            return float(value)

        before = counted()
        made = client.post(
            "/bfl/v1/flux.1-demo", json={"prompt": "a red circle"}, headers={"x-key": key}
        )
        assert made.status_code == 200, made.text
        assert counted() == before + 1
