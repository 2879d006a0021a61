"""The list of one's jobs over HTTP: filters by metadata, states and times, and their pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support.api_tenant import ApiTenant, add_api_tenant
from tests.support.apis import MakeApi
from tests.support.jobs import cancel, submit

JOBS = "/v1/jobs"


@pytest.fixture
def tenant(make_api: MakeApi, database: Database) -> Iterator[ApiTenant]:
    with TestClient(make_api()) as client:
        yield add_api_tenant(client, database)


@pytest.fixture
def operator(make_api: MakeApi, database: Database) -> Iterator[TestClient]:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=None, name="ann")
    with TestClient(make_api(), headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


def listed(tenant: ApiTenant, query: str | dict[str, Any]) -> list[str]:
    return [job["id"] for job in tenant.get(JOBS, params=query)["jobs"]]


def test_jobs_are_found_by_metadata_states_and_times(tenant: ApiTenant, database: Database) -> None:
    entries = [{"order": "17"}, {"order": "17", "a=b": "c d&e"}, {"order": "18"}, {}]
    one, two, three, four = (submit(database, tenant.id, metadata=each) for each in entries)
    assert cancel(database, one)
    assert listed(tenant, "metadata=order=17") == [two, one]
    assert listed(tenant, {"metadata": ["order=17"], "state": ["queued"]}) == [two]
    assert listed(tenant, "state=canceled&state=failed") == [one]
    assert listed(tenant, "state=canceled&state=queued") == [four, three, two, one]
    # A name ends at the first sign of equality that is not escaped.
    assert listed(tenant, {"metadata": ["a=b=c d&e"]}) == []
    assert listed(tenant, {"metadata": [r"a\=b=c d&e"]}) == [two]
    created = {job["id"]: job["created_at"] for job in tenant.get(JOBS)["jobs"]}
    assert listed(tenant, {"created_before": created[three]}) == [two, one]
    assert listed(tenant, {"created_after": created[three]}) == [four]
    both = {"created_after": created[one], "created_before": created[three]}
    assert listed(tenant, both | {"metadata": "order=17"}) == [two]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", "v" * 500),
        ("n" * 500, "v"),
        ("=" * 500, "=" * 500),
        ("\\" * 500, "\U0001f5bc" * 500),
        ("", "x"),
        ("", ""),
        ("k", ""),
        ("=", "="),
        ("a=b", "c"),
        ("a\\", "b"),
        ("a\\=", "=b\\="),
        ("C:\\orders\\new", "1\n2"),
        (" ", " "),
        ("%3D", "a+b&c;d#e%"),
    ],
)
def test_every_entry_that_is_accepted_is_found(
    tenant: ApiTenant, operator: TestClient, name: str, value: str
) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "x"}, "metadata": {name: value}}
    made = tenant.call("POST", JOBS, json=body)
    assert made.status_code == 202, made.text
    other = body | {"metadata": {name + "x": value}} if len(name) < 500 else body | {"metadata": {}}
    assert tenant.call("POST", JOBS, json=other).status_code == 202
    escaped = name.replace("\\", r"\\").replace("=", r"\=")
    asked = {"metadata": f"{escaped}={value}"}
    assert listed(tenant, asked) == [made.json()["id"]]
    found = operator.get("/v1/admin/jobs", params=asked).json()["jobs"]
    assert [each["id"] for each in found] == [made.json()["id"]]


def test_pages_keep_the_filters(tenant: ApiTenant, database: Database) -> None:
    entries = [{"order": "1 & 7", "colour": "rød"}, {"order": "1 & 7"}] * 4
    made = [submit(database, tenant.id, metadata=each) for each in entries]
    query = {"metadata": ["order=1 & 7", "colour=rød"], "state": ["queued", "failed"], "limit": 2}
    found: list[str] = []
    answer = tenant.call("GET", JOBS, params=query)
    while True:
        found += [job["id"] for job in answer.json()["jobs"]]
        if "next" not in answer.links:
            break
        answer = tenant.call("GET", answer.links["next"]["url"])
        assert answer.status_code == 200, answer.text
    assert found == made[-2::-2]


def test_what_is_no_filter_is_refused(tenant: ApiTenant) -> None:
    for query in (
        "metadata=order",
        r"metadata=a\=17",
        "metadata==1&metadata==2",
        r"metadata=a\b=1&metadata=a\\b=2",
        f"metadata={'x' * 501}=1",
        "metadata=a=1&metadata=a=2",
        "&".join(f"metadata=k{n}=v" for n in range(9)),
        "metadata=a%00b=1",
        f"metadata=a={'x' * 600}",
        "metadata.order=17",
        "metadata[order]=17",
        "state=done",
        "state=queued&state=done",
        "created_before=yesterday",
    ):
        answer = tenant.call("GET", f"{JOBS}?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["loc"][0] == "query"
