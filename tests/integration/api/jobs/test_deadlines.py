"""Deadlines and estimates at submission: they follow the job, and the pictures that it is from."""

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from db.core.session import Database
from db.tables import Job
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from workers import catalog

Json = dict[str, Any]


@pytest.fixture
def client(make_api: MakeApi, database: Database) -> Iterator[TestClient]:
    tenant_id = jobs.add_tenant(database)
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="test")
    with TestClient(make_api(), headers={"Authorization": f"Bearer {key}"}) as opened:
        yield opened


def picture(side: int) -> str:
    file = BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def submitted(client: TestClient, database: Database, model: str, **input_: Any) -> Job:
    """The row of a new job."""
    body = {"model": model, "input": {"prompt": "a red circle", **input_}}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    with database.transaction() as session:
        row = session.get(Job, answer.json()["id"])
        assert row is not None
        session.expunge(row)
    return row


def test_a_job_has_the_deadline_of_its_size(client: TestClient, database: Database) -> None:
    row = catalog.find("flux.1-dev")
    small = submitted(client, database, row.id)
    assert small.deadline_seconds == row.deadline_seconds
    large = submitted(client, database, row.id, width=2048, steps=50, num_images=4)
    assert large.deadline_seconds == pytest.approx(8 * large.cost_seconds)
    assert row.deadline_seconds < large.deadline_seconds <= row.longest_deadline


def test_references_count_by_their_own_pixels(client: TestClient, database: Database) -> None:
    size = {"width": 64, "height": 64}
    few, many = (
        submitted(client, database, "flux.2-demo", images=[picture(side)] * 4, **size)
        for side in (64, 1024)
    )
    assert many.cost_seconds > 20 * few.cost_seconds
    assert few.batch_limit > many.batch_limit


def test_a_job_that_would_not_end_within_the_longest_deadline_is_refused(
    client: TestClient, database: Database
) -> None:
    references = {"images": [picture(1024)] * 8}
    most = {"width": 2048, "height": 2048, "steps": 50, **references}
    body = {"model": "flux.2-dev", "input": {"prompt": "x", "num_images": 4, **most}}
    for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert "an attempt may run for 3600 s: ask for fewer pictures" in answer.json()["detail"]
    fewer = {"model": "flux.2-dev", "input": {"prompt": "x", **most}}
    quoted = client.post("/v1/jobs?dry_run=true", json=fewer)
    assert quoted.json()["device_seconds"] > 600
    allowed = submitted(client, database, "flux.2-dev", **most)
    assert allowed.cost_seconds < allowed.deadline_seconds == 3600
