"""Pictures of the compatible APIs: 200 at once, without a key, a redirect or a query."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from db.core.session import Database
from db.storage.local import LocalStore
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.station import Station
from tests.support.surfaces import ASYNCHRONOUS, Door, by_name, fresh_prompt


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    """The key of a tenant."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture
def client(make_api: MakeApi) -> Iterator[TestClient]:
    """A client without a key, of a service whose own API redirects to the object store."""
    with TestClient(make_api(BOTTEGA_PRESIGN="true"), follow_redirects=False) as opened:
        yield opened


@pytest.fixture(autouse=True)
def presigning_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the local store presign, as a bucket does."""
    monkeypatch.setattr(LocalStore, "presign", lambda *_: "https://store.example/signed?secret")


def picture_url(client: TestClient, key: str, station: Station) -> str:
    """The direct URL of a painted picture."""
    made = client.post(
        "/fal/queue/bottega/flux.1-demo",
        json={"prompt": fresh_prompt()},
        headers={"x-key": key},
    )
    assert made.status_code == 200, made.text
    station.run_batch()
    path = f"/fal/queue/bottega/flux.1-demo/requests/{made.json()['request_id']}"
    output = client.get(path, headers={"x-key": key})
    assert output.status_code == 200, output.text
    url: str = output.json()["images"][0]["url"]
    return url


def test_a_picture_is_answered_without_a_key_or_a_redirect(
    client: TestClient, key: str, station: Station
) -> None:
    url = httpx.URL(picture_url(client, key, station))
    assert not url.query
    assert url.path.startswith("/artifacts/")
    got = client.get(url.path)
    assert got.status_code == 200
    assert got.headers["content-type"] == "image/jpeg"
    assert url.path.endswith((".jpg", ".jpeg"))
    assert got.content[:3] == b"\xff\xd8\xff"
    head = client.head(url.path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "x-content-type-options"):
        assert head.headers[name] == got.headers[name]
    # The service's own address of the same picture is presigned.
    assert client.get(f"/v1{url.path}").status_code == 307


def test_a_token_opens_its_own_job_alone_and_stands_in_no_log(
    client: TestClient, key: str, station: Station
) -> None:
    path = httpx.URL(picture_url(client, key, station)).path
    token = path.split("/")[2]
    with capture_logs() as logs:
        assert client.get(path).status_code == 200
        altered = path.replace(token, token[:-1] + ("A" if token[-1] != "A" else "B"))
        for other in (altered, path.replace("/0.", "/7."), path.replace(token, "x" * 40)):
            assert client.get(other).status_code == 404
        assert client.get(path.replace("/0.", "/../0.")).status_code == 404
        assert client.post(path).status_code == 405
    routes = {line["route"] for line in logs if line["event"] == "request"}
    assert "/artifacts/{token}/{name}" in routes
    assert token not in str(logs)


@pytest.mark.parametrize(**by_name(ASYNCHRONOUS))
def test_prompts_keys_and_ids_of_tokens_stay_out_of_the_logs(
    client: TestClient, key: str, station: Station, door: Door
) -> None:
    prompt = fresh_prompt()
    with capture_logs() as logs:
        made = client.post(door.submit, json=door.body({"prompt": prompt}), headers=door.key(key))
        assert made.status_code in {200, 201}, made.text
        station.run_batch()
        refused = client.post(door.submit, json=door.body({"prompt": prompt, "seed": prompt}))
        assert refused.status_code == door.bad_key
    lines = [line for line in logs if line["event"] == "request"]
    assert [line["status"] for line in lines] == [made.status_code, door.bad_key]
    assert lines[0]["route"].startswith(door.prefix)
    assert "{" in lines[0]["route"]
    assert lines[0]["job_id"] in made.text
    for secret in (prompt, key, key.split("_")[2]):
        assert secret not in str(logs)


def test_an_artifact_of_another_tenant_is_no_input(
    client: TestClient, key: str, station: Station, database: Database
) -> None:
    url = picture_url(client, key, station)
    with database.transaction() as session:
        other = api_keys.create(session, tenant_id=jobs.add_tenant(database), name="")[1]
    body = {"image_url": url}
    path = "/fal/queue/bottega/florence-2-demo/object-detection"
    refused = client.post(path, json=body, headers={"x-key": other})
    assert refused.status_code == 422, refused.text
    assert refused.json()["detail"][0]["loc"] == ["body", "image_url"]
    taken = client.post(path, json=body, headers={"x-key": key})
    assert taken.status_code == 200, taken.text
